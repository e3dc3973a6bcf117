// A hospital's end of federated statistics over a network: its own patients, its own policy, its own log.
//
//     bash examples/run.sh statistics_node --config north.toml --check     is everything in order?
//     bash examples/run.sh statistics_node --config north.toml --dry-run   what would leave?
//
// It stays for one analysis after the other; `federated_statistics COMMAND ... --coordinator study.toml` asks.
#include <algorithm>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "healthai/data.hpp"
#include "healthai/serialization/detail/os_file.hpp"
#include "no_core_dumps.hpp"
#include "over_network/serving.hpp"
#include "statistics_node/flags.hpp"
#include "statistics_node/offered.hpp"

using namespace healthai;

namespace {

/// The columns of the table that a statistic may read: what the policy's own setting `columns` is held against.
std::vector<std::string> used_columns(const Policy& policy, const Table& table) {
  std::vector<std::string> used;
  for (const std::string& column : policy.statistics.columns) {
    if (table.has(column)) used.push_back(column);
  }
  return used;
}

/// What in the policy has no meaning here: probably it is misspelt.
void tell_oddities(const Policy& policy, const Table& table, const Node& node) {
  for (const std::string& column : policy.statistics.columns) {
    if (!table.has(column))
      std::fprintf(stderr, "WARNING: the policy's statistics may read the column \"%s\", which %s has not\n",
                   column.c_str(), table.source().c_str());
  }
  const std::vector<std::string> offered = node.tasks();
  for (const auto& [task, limits] : policy.tasks) {
    if (std::ranges::count(offered, task) == 0)
      std::fprintf(stderr, "WARNING: the policy allows the task \"%s\", which this program does not offer\n",
                   task.c_str());
  }
}

}  // namespace

int main(int argc, char** argv) {
  no_core_dumps();
  statistics_node::Flags flags;
  if (const auto status = statistics_node::parse(argc, argv, flags)) return *status;
  try {
    const Policy policy = Policy::read(flags.policy);
    const Table table = read_csv(flags.data, {.delimiter = flags.delimiter.front(), .missing = {"NA"}});
    detail::make_folder(flags.state);
    // It remembers of which patients was told; not in a dry run, which tells nobody.
    const StatisticsSite site(table, policy.statistics,
                              flags.dry_run ? std::string() : flags.state + "/answered");
    Node node(flags.id, statistics_node::Offered::handlers(site),
              over_network::node_options(flags, policy,
                                         {.rows = table.rows(),
                                          .columns = used_columns(policy, table),
                                          .mods = {},
                                          .batch = std::nullopt}));
    statistics_node::Offered::serve(node);
    std::fprintf(stderr, "%s: %zu patients\n%s", flags.id.c_str(), table.rows(),
                 node.policy().describe().c_str());
    tell_oddities(policy, table, node);
    if (flags.check) return over_network::check(flags);
    over_network::serve_coordinator(node, flags);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "statistics_node: %s\n", e.what());
    return 2;
  }
  return 0;
}
