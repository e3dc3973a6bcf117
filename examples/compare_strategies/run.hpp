#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <healthai/core/client_id.hpp>
#include <healthai/simulation/attack.hpp>
#include <string>
#include <utility>
#include <vector>

#include "compare_strategies/contender.hpp"

namespace compare {

/// What everybody starts from with one seed: the same split, the same parameters.
struct Study {
  std::vector<healthai::ClientId> ids{};
  std::vector<std::size_t> train_rows{};
  std::vector<AnyModel> models{};    ///< of each site's training rows
  std::vector<AnyModel> poisoned{};  ///< the same with flipped labels, for attackers that do that; else empty
  std::vector<TestSet> tests{};
  std::vector<AnyModel> all{};  ///< one model of all training rows together
  std::uint64_t seed = 0;
};

Study make_study(const Dataset& data, const Flags& flags, std::uint64_t seed);

/// The metrics of one moment, in the order of `metrics_of`; `undefined` where a site has nothing to be judged by.
struct Evaluation {
  std::uint64_t round = 0;
  double virtual_seconds = 0;                ///< until then, with clients that take their time
  std::vector<double> pooled{};              ///< of all test rows together
  std::vector<std::vector<double>> sites{};  ///< of each metric, of each site
};

/// Judges each site's test rows by the model that the site would use.
Evaluation evaluate(Study& study, const Flags& flags, std::uint64_t round,
                    const std::function<Parameters<double>(std::size_t)>& model_of_site);

/// One run of one contender with one seed.
struct Run {
  std::vector<Evaluation> evaluations{};
  std::uint64_t bytes_down = 0;
  std::uint64_t bytes_up = 0;
  std::uint64_t bytes_up_uncompressed = 0;
  std::uint64_t failures = 0;  ///< of clients, over all rounds
  std::uint64_t rounds = 0;
  double seconds = 0;     ///< training without evaluation
  std::string problem{};  ///< why it ended early; empty when it did not
};

/// Called after each round with its number; for the progress display.
using Watch = std::function<void(std::uint64_t)>;

/// What one run needs beside its strategy.
struct Setup {
  const Contender& contender;
  const Flags& flags;
  Study& study;
  const std::vector<AnyModel>& models;  ///< of each client
  healthai::AttackPlan attack{.share = 0};
  const Watch& watch;
};
/// Rounds of one strategy over some clients, evaluated every so often. A single client serves all sites.
/// Defined in rounds.hpp; instantiated for each strategy in rounds_*.cpp, so that they compile side by side.
template <class Strategy>
Run run_rounds(const Strategy& strategy, const Setup& setup);

/// A contender over all sites, under attack if there is one.
Run run_federated(const Contender& contender, const Flags& flags, Study& study, const Watch& watch);
/// The same training by one client that has all rows.
Run run_pooled(const Contender& contender, const Flags& flags, Study& study, const Watch& watch);
/// The same training by each site alone; the evaluations are each site's of its own model.
Run run_alone(const Contender& contender, const Flags& flags, Study& study, const Watch& watch);

}  // namespace compare
