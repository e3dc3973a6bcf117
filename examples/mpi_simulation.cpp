// The federations of compare_strategies with their clients spread over the ranks of an MPI job: ten thousand clients on as
// many machines as you have, with the flags and the numbers of compare_strategies.
//
//     bash examples/run.sh mpi_simulation --strategies fedavg+reproducible_mean,scaffold+reproducible_mean
//     mpirun -n 4 mpi_simulation --partition dirichlet:0.3 --clients 10000 --strategies fedavg,scaffold,fedadam
#include <cstdio>

#include "compare_strategies/flags.hpp"
#include "compare_strategies/progress.hpp"
#include "compare_strategies/results.hpp"
#include "mpi_ranks/alike.hpp"
#include "mpi_ranks/threads.hpp"
#include "mpi_simulation/run_on_ranks.hpp"

namespace {

using namespace simulation;
constexpr const char* program_name = "mpi_simulation";

/// All runs, in which every rank takes part. \return the exit status, if something was wrong with the data
std::optional<int> measure(const healthai::MpiSession& mpi, const Flags& flags, const Dataset& data,
                           const std::vector<Contender>& contenders, Results& results) {
  const bool first = mpi.rank() == 0;
  results.metrics = metrics_of(flags);
  results.goal = flags.goal.value_or(undefined);
  for (const Contender& contender : contenders) results.contenders.push_back({contender.text, false, {}});
  // A rank has the training rows of its own clients; rank 0 has the test rows.
  const auto ranks = static_cast<std::size_t>(mpi.size());
  const Part part{.hosts = [&](std::size_t i) { return i % ranks == static_cast<std::size_t>(mpi.rank()); },
                  .judges = first,
                  .pools = false};
  const std::size_t threads = flags.threads != 0 ? flags.threads : mpi_ranks::threads_of_rank();
  Progress progress(contenders.size() * flags.seeds, flags.rounds);
  for (std::uint64_t seed = flags.first_seed; seed < flags.first_seed + flags.seeds; ++seed) {
    Study study;
    const auto divide = [&] { study = make_study(data, flags, seed, part); };
    if (const auto status = mpi_ranks::fails_alike(mpi, program_name, divide)) return status;
    if (results.sites.empty()) {
      results.sites = study.ids;
      results.train_rows = study.train_rows;
    }
    const Watch watch = [&progress](std::uint64_t round) { progress.round(round); };
    for (std::size_t i = 0; i < contenders.size(); ++i) {
      if (!first) {
        run_on_ranks(contenders[i], flags, study, threads, watch);
        continue;
      }
      progress.begin(contenders[i].text, seed);
      try {
        results.contenders[i].runs.push_back(run_on_ranks(contenders[i], flags, study, threads, watch));
      } catch (const healthai::Error& e) {  // the others go on
        results.contenders[i].runs.push_back({.problem = e.what()});
      }
    }
  }
  if (first) progress.end();
  return std::nullopt;
}

int run(const healthai::MpiSession& mpi, int argc, char** argv) {
  const bool first = mpi.rank() == 0;
  Flags flags;
  const Program program{
      .name = program_name,
      .about =
          "Federated strategies on the same data, splits and seeds, with the clients spread over the ranks "
          "of "
          "an MPI job. Without flags: mortality in eight networks of intensive care units. With the rule "
          "reproducible_mean the numbers are the same on any number of ranks.",
      .default_goal = "none",
      .threads =
          "clients at work at once on each rank; 0: the machine's processors, shared by its ranks. Changes "
          "no result",
      .speaks = first};
  if (const auto status = parse(argc, argv, flags, program)) return *status;
  if (flags.list) {
    if (first) std::cout << list_of_contenders();
    return 0;
  }
  healthai::RunManifest manifest(argc, argv, flags.first_seed);
  std::vector<Contender> contenders;
  Dataset data;
  const auto read = [&] {
    contenders = parse_contenders(flags);
    data = read_dataset(flags);
  };
  if (const auto status = mpi_ranks::fails_alike(mpi, program_name, read)) return *status;
  Results results;
  if (const auto status = measure(mpi, flags, data, contenders, results)) return *status;
  if (!first) return 0;
  try {
    publish(results, data, flags, manifest);
  } catch (const healthai::Error& e) {
    std::fprintf(stderr, "%s: %s\n", program_name, e.what());
    return 2;
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  return healthai::MpiSession::run([&](const healthai::MpiSession& mpi) { return run(mpi, argc, argv); });
}
