#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <healthai/core/client_id.hpp>
#include <healthai/simulation/attack.hpp>
#include <healthai/simulation/virtual_clock.hpp>
#include <string>
#include <utility>
#include <vector>

#include "compare_strategies/contender.hpp"

namespace compare {

/// What everybody starts from with one seed: the same split, the same parameters.
struct Study {
  std::vector<healthai::ClientId> ids{};
  std::vector<std::size_t> train_rows{};
  std::vector<AnyModel> models{};    ///< of each site's training rows; empty ones of sites that are elsewhere
  std::vector<AnyModel> poisoned{};  ///< the same with flipped labels, for attackers that do that; else empty
  std::vector<TestSet> tests{};      ///< none where nobody judges
  std::vector<AnyModel> all{};       ///< one model of all training rows together, if it is wanted
  healthai::Layout layout{};
  std::uint64_t seed = 0;
};

/// Which part of a study is in this process.
struct Part {
  std::function<bool(std::size_t)> hosts = [](std::size_t) { return true; };  ///< site number i
  bool judges = true;                                                         ///< has the test rows
  bool pools = true;  ///< trains on all rows in one place, for comparison
};
Study make_study(const Dataset& data, const Flags& flags, std::uint64_t seed, const Part& part = {});

/// The metrics of one moment, in the order of `metrics_of`; `undefined` where a site has nothing to be judged by.
struct Evaluation {
  std::uint64_t round = 0;
  double virtual_seconds = 0;                ///< until then, with clients that take their time
  std::vector<double> pooled{};              ///< of all test rows together
  std::vector<std::vector<double>> sites{};  ///< of each metric, of each site
};

/// The model that site number i would use itself; asked for one after the other.
using ModelOfSite = std::function<Parameters<double>(std::size_t)>;

/// Judges each site's test rows by the model that the site would use.
Evaluation evaluate(Study& study, const Flags& flags, std::uint64_t round, const ModelOfSite& model_of_site);

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

/// How long clients take in virtual time, and who breaks off.
inline healthai::VirtualClock virtual_clock(const Flags& flags, std::uint64_t seed) {
  return healthai::VirtualClock({.client_deviation = flags.client_deviation, .drop_out = flags.drop_out},
                                seed);
}

/// What one run needs beside its strategy and its clients.
struct Setup {
  const Contender& contender;
  const Flags& flags;
  Study& study;
  std::size_t clients;
  std::function<ModelOfSite(const Parameters<double>& global)> models_of_sites;
  const Watch& watch;
  healthai::AttackPlan attack{.share = 0};
  std::vector<healthai::ClientId> attackers{};
};
/// The attack that --attack names, on no share of the clients without it.
inline healthai::AttackPlan attack_plan(const Flags& flags) {
  return flags.attack.empty() ? healthai::AttackPlan{.share = 0} : healthai::parse_attack(flags.attack);
}
/// The client of site number i, whose labels are flipped if it is an attacker's and the attack does that.
inline AnyClient client_of_site(const Contender& contender, const Study& study,
                                const std::vector<healthai::ClientId>& attackers, std::size_t i) {
  const bool flips =
      !study.poisoned.empty() && std::binary_search(attackers.begin(), attackers.end(), study.ids[i]);
  return make_client(contender, flips ? study.poisoned[i] : study.models[i]);
}

class Hosts;
/// Rounds of one strategy over these clients, in virtual time and under attack.
/// Defined in rounds.hpp; instantiated for each strategy in rounds_*.cpp, so that they compile side by side.
template <class Strategy>
Run run_rounds(const Strategy& strategy, Hosts& hosts, const Setup& setup);

/// A contender over all sites in this process, under attack if there is one.
Run run_federated(const Contender& contender, const Flags& flags, Study& study, const Watch& watch);
/// The same training by one client that has all rows.
Run run_pooled(const Contender& contender, const Flags& flags, Study& study, const Watch& watch);
/// The same training by each site alone; the evaluations are each site's of its own model.
Run run_alone(const Contender& contender, const Flags& flags, Study& study, const Watch& watch);

}  // namespace compare
