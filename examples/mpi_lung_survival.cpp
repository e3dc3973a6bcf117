// The survival model of lung_survival with the hospitals spread over the ranks of an MPI job: on any number of them the
// coefficients have the same bits.
//
//     bash examples/run.sh mpi_lung_survival                         on two ranks of this machine
//     mpirun -n 4 mpi_lung_survival --local-steps 20 --json -
#include <cmath>
#include <cstdio>
#include <exception>

#include "healthai/reporting.hpp"
#include "healthai/transport/mpi/transport.hpp"
#include "hospital_node/cox_site.hpp"
#include "lung_survival/fits.hpp"
#include "lung_survival/flags.hpp"
#include "lung_survival/report.hpp"
#include "mpi_ranks/alike.hpp"

namespace {

using namespace lung;
using healthai::MpiTransport;

// [roles]
/// Rank 0: the scaling, the learning rate and the rounds, over the hospitals of all ranks.
FederatedFit coordinate(MpiTransport& ranks, const Flags& flags) {
  const healthai::Scaling scaling = healthai::federated_scaling(ranks, flags.covariates);
  healthai::standardise(ranks, scaling);
  const double rate = flags.learning_rate ? *flags.learning_rate : healthai::federated_learning_rate(ranks);
  Study<MpiTransport> study{flags, scaling, ranks, rate};
  return with_strategy(flags, flags.strategy, [&](auto strategy) {
    return federated_fit(name_of(flags, flags.strategy, flags.local_steps), study, strategy,
                         flags.local_steps, healthai::ProgressBar{});
  });
}

/// The other ranks: what rank 0 asks of their hospitals, until it is done.
void serve(MpiTransport& ranks, const Flags& flags) {
  const healthai::Layout layout = CoxModel<double>::layout_for(flags.covariates.size());
  with_strategy(flags, flags.strategy, [&](auto strategy) {
    ranks.serve<double, healthai::ColumnMoments, healthai::Standardise, healthai::CurvatureBound>(strategy,
                                                                                                  layout);
    return FederatedFit{};
  });
}
// [/roles]

void print(const FederatedFit& fit, const Hospitals& hospitals, const Flags& flags, int ranks) {
  std::printf("%zu hospitals on %d ranks, %zu patients\n%s: %s after %llu rounds\n", hospitals.sites.size(),
              ranks, hospitals.patients(), fit.name.c_str(), fit.converged ? "converged" : "not converged",
              static_cast<unsigned long long>(fit.rounds));
  for (std::size_t j = 0; j < flags.covariates.size(); ++j) {
    std::printf("%-10s log hazard ratio %12.8f, hazard ratio %.4f\n", flags.covariates[j].c_str(),
                fit.coefficients[j], std::exp(fit.coefficients[j]));
  }
}

int run(const healthai::MpiSession& mpi, int argc, char** argv) {
  const bool first = mpi.rank() == 0;
  Flags flags;
  flags.strategy = "fedavg";
  flags.aggregator = "reproducible";
  const Program program{.name = "mpi_lung_survival",
                        .about = "The hospitals of lung_survival over the ranks of an MPI job.",
                        .plots = false,
                        .speaks = first};
  if (const auto status = parse(argc, argv, flags, program)) return *status;

  // Every rank finds its hospitals in the same file. Only what it adds to its transport is used.
  Hospitals hospitals;
  std::size_t events = 0;
  const auto read = [&] {
    hospitals = admit(flags);
    for (const CoxModel<double>& model : cox_models(hospitals, flags)) events += model.num_events();
  };
  if (const auto status = mpi_ranks::fails_alike(mpi, "mpi_lung_survival", read)) return *status;

  // [host]
  MpiTransport ranks({.threads = flags.threads});
  for (std::size_t i = 0; i < hospitals.sites.size(); ++i) {
    const healthai::Site& site = hospitals.sites[i];
    if (!ranks.hosts(i)) continue;
    ranks.add(site.id, hospital_node::CoxSite::of(site.table, flags.time_column, flags.event_column,
                                                  {.ties = flags.ties})
                           .handlers());
  }
  if (!first) return serve(ranks, flags), 0;
  // [/host]

  for (const std::string& warning : hospitals.warnings)
    std::fprintf(stderr, "warning: %s\n", warning.c_str());
  try {
    const FederatedFit fit = coordinate(ranks, flags);
    if (!fit.message.empty()) throw healthai::Error(healthai::error::below_quorum, fit.message);
    if (flags.json != "-") print(fit, hospitals, flags, mpi.size());
    if (!flags.json.empty()) write_json(flags.json, fit, hospitals, events, flags);
  } catch (const healthai::Error& e) {
    std::fprintf(stderr, "mpi_lung_survival: %s\n", e.what());
    return 2;
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  return healthai::MpiSession::run([&](const healthai::MpiSession& mpi) { return run(mpi, argc, argv); });
}
