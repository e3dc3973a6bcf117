// Which strategy is best for these data? Many strategies on the same splits and seeds, beside training on all data in one
// place and each site alone.
//
//     bash examples/run.sh compare_strategies
//     bash examples/run.sh compare_strategies --strategies fedavg,fedprox:mu=0.1,fedavg+median --attack sign_flip:0.2
#include <cstdio>
#include <exception>

#include "compare_strategies/flags.hpp"
#include "compare_strategies/progress.hpp"
#include "compare_strategies/results.hpp"
#include "compare_strategies/run.hpp"

namespace {

using namespace compare;

Results measure(const Flags& flags, const Dataset& data, const std::vector<Contender>& contenders) {
  Results results{.metrics = metrics_of(flags)};
  results.contenders.push_back({"pooled", true, {}});
  results.contenders.push_back({"each alone", true, {}});
  for (const Contender& contender : contenders) results.contenders.push_back({contender.text, false, {}});
  const Contender plain = parse_contender("fedavg", flags.training);
  Progress progress(results.contenders.size() * flags.seeds, flags.rounds);
  for (std::uint64_t seed = flags.first_seed; seed < flags.first_seed + flags.seeds; ++seed) {
    Study study = make_study(data, flags, seed);
    if (results.sites.empty()) {
      results.sites = study.ids;
      results.train_rows = study.train_rows;
    }
    const Watch watch = [&progress](std::uint64_t round) { progress.round(round); };
    for (std::size_t i = 0; i < results.contenders.size(); ++i) {
      Result& result = results.contenders[i];
      progress.begin(result.name, seed);
      try {
        result.runs.push_back(i == 0   ? run_pooled(plain, flags, study, watch)
                              : i == 1 ? run_alone(plain, flags, study, watch)
                                       : run_federated(contenders[i - 2], flags, study, watch));
      } catch (const healthai::Error& e) {  // the others go on
        result.runs.push_back({.problem = e.what()});
      }
    }
  }
  progress.end();
  results.goal = flags.goal.value_or(
      MeanAndSd::of(finals(results, results.contenders[0], 0, Scope::pooled)).mean - 0.01);
  return results;
}

void run(const Flags& flags, healthai::RunManifest& manifest) {
  const std::vector<Contender> contenders = parse_contenders(flags);
  const Dataset data = read_dataset(flags);
  publish(measure(flags, data, contenders), data, flags, manifest);
}

}  // namespace

int main(int argc, char** argv) {
  Flags flags;
  if (const auto status = parse(argc, argv, flags)) return *status;
  if (flags.list) {
    std::cout << list_of_contenders();
    return 0;
  }
  healthai::RunManifest manifest(argc, argv, flags.first_seed);
  try {
    run(flags, manifest);
  } catch (const healthai::Error& e) {
    std::fprintf(stderr, "compare_strategies: %s\n", e.what());
    return 2;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "compare_strategies: %s\n", e.what());
    return 1;
  }
  return 0;
}
