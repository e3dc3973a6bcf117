// A hospital's end of the study that `coordinator` runs: its own patients, its own policy, its own log.
//
//     bash examples/run.sh hospital_node --config north.toml --check     is everything in order?
//     bash examples/run.sh hospital_node --config north.toml --dry-run   what would leave?
#include <cstdio>
#include <exception>

#include "hospital_node/cox_site.hpp"
#include "hospital_node/flags.hpp"
#include "no_core_dumps.hpp"
#include "over_network/serving.hpp"

using namespace healthai;

int main(int argc, char** argv) {
  no_core_dumps();
  hospital_node::Flags flags;
  if (const auto status = hospital_node::parse(argc, argv, flags)) return *status;
  try {
    const hospital_node::CoxSite site =
        hospital_node::CoxSite::read(flags.data, flags.time_column, flags.event_column, flags.covariates);
    // The site's tasks, under the hospital's policy.
    Node node(flags.id, site.handlers(),
              over_network::node_options(
                  flags, Policy::read(flags.policy),
                  {.rows = site.rows(), .columns = site.columns(), .mods = {}, .batch = std::nullopt}));
    node.serve_task<ColumnMoments>().serve_task<Standardise>();
    std::fprintf(stderr, "%s: %zu patients\n%s", flags.id.c_str(), site.rows(),
                 node.policy().describe().c_str());
    if (flags.check) return over_network::check(flags);
    over_network::serve_coordinator(node, flags);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "hospital_node: %s\n", e.what());
    return 2;
  }
  return 0;
}
