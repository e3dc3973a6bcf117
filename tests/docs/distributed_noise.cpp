// The code of docs/privacy-budget.md on noise under secure aggregation.
#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "healthai/client/clipped.hpp"
#include "healthai/healthai.hpp"
#include "healthai/privacy/calibration.hpp"
#include "healthai/privacy/ledger.hpp"
#include "healthai/secagg/secure_aggregation.hpp"
#include "healthai/secagg/secure_handlers.hpp"
#include "healthai/strategy/adaptively_clipped.hpp"
#include "test_folder.hpp"

namespace docs_distributed_noise_test {

using namespace healthai;

namespace {

struct Mean {
  double value = 0;
  TrainReply<double> train(const TrainRequest<double>& request, std::stop_token) const {
    TrainReply<double> reply;
    reply.update = request->parameters;
    for (double& number : reply.update.span()) number = value - number;
    reply.num_examples = 100;
    return reply;
  }
  EvaluateReply evaluate(const EvaluateRequest<double>&, std::stop_token) const { return {100, {}}; }
};

}  // namespace

TEST_CASE("noise that hospitals put together") {
  const TestFolder scratch;
  const Layout layout{{"mean", {2}}};
  const std::vector<std::string> sites{"north", "east", "south", "west"};
  std::vector<SigningKey> keys;
  std::vector<secagg::Member> list;
  for (const std::string& site : sites) {
    keys.push_back(SigningKey::make());
    list.push_back({site, {keys.back().public_key()}});
  }
  const auto members = std::make_shared<const secagg::Members>(list);
  InProcess hospitals;
  std::vector<std::shared_ptr<BudgetLedger>> ledgers;
  for (std::size_t i = 0; i < sites.size(); ++i) {
    const std::string& site = sites[i];
    const SigningKey& key = keys[i];
    const Mean client{0.1 * static_cast<double>(i)};
    const std::string folder = scratch.file(site);
    // [member]
    // At a hospital: no more than epsilon 8 for all that it ever sends, and no sum without noise.
    const Epsilon<Hospitals> most(8, Delta<Hospitals>(1e-5, members->size()));
    const auto within = [most](const BudgetAccount&, std::span<const Mechanism> spent) {
      Releases<Hospitals> releases;
      for (const Mechanism& one : spent) releases.add({one.noise_multiplier, one.sampling_rate}, one.steps);
      return PrivacyLossAccountant{}.epsilon(releases, most.delta()).value() <= most.value();
    };
    const auto ledger = std::make_shared<BudgetLedger>(folder + "-budget.jsonl", key, within);
    secagg::SecureMember self{site, key, members, {}, {}};
    self.rules.options = {.corrupt = 0.1, .dropout = 0};
    self.rules.minimum_noise_multiplier = 1.5;
    self.rules.debit = [ledger](const Mechanism& spent) {
      ledger->debit({"icu-2026", "hospital"}, spent, "trial 7");
    };
    // [/member]
    ledgers.push_back(ledger);
    hospitals.add(site, secagg::secure_handlers<Train<double>>(TaskHandlers::of(client), std::move(self)));
  }
  // [coordinator]
  const Epsilon<Hospitals> target(8, Delta<Hospitals>(1e-5, members->size()));
  SecureAggregationOptions options;
  options.protocol = {.corrupt = 0.1, .dropout = 0};
  options.ranges.update_clip = 0.5;  // the longest update that counts
  options.ranges.noise.noise_multiplier = smallest_noise(target, {.steps = 10}).noise_multiplier;
  SecureAggregation secure{hospitals, members, options};
  Federation federation{FedAvg{}, secure, {.rounds = 10}};
  // [/coordinator]
  const auto outcome = federation.run(Parameters<double>(layout));
  CHECK(outcome.completed_rounds == 10);
  for (const auto& ledger : ledgers) {
    const auto spent = ledger->spent({"icu-2026", "hospital"});
    REQUIRE(spent.size() == 1);
    CHECK(spent[0].steps == 10);
    CHECK(spent[0].noise_multiplier == options.ranges.noise.noise_multiplier);
  }
  // An eleventh round is more than was calculated: nobody sends anything.
  const auto after = Federation{FedAvg{}, secure, {.rounds = 1, .seed = 2}}.run(outcome.parameters);
  CHECK(after.history.at(0).participants.empty());
  CHECK(after.history.at(0).failures.size() == 4);
  CHECK(after.parameters.data()[0] == outcome.parameters.data()[0]);
  for (const auto& ledger : ledgers) CHECK(ledger->spent({"icu-2026", "hospital"})[0].steps == 10);
}

namespace {

/// Its update is so long.
struct Walks {
  using Scalar = double;
  double length = 1;
  TrainReply<double> train(const TrainRequest<double>& request, std::stop_token) const {
    TrainReply<double> reply;
    reply.update = request->parameters;
    for (double& number : reply.update.span()) number = length / std::sqrt(2.0);
    reply.num_examples = 100;
    return reply;
  }
  EvaluateReply evaluate(const EvaluateRequest<double>&, std::stop_token) const { return {100, {}}; }
};
/// Around Clipped, which keeps the asked-for bound from the client inside.
template <class C>
struct Hears {
  using Scalar = double;
  C client;
  std::shared_ptr<std::vector<double>> asked;
  [[nodiscard]] ObjectiveParts honours() const { return client.honours(); }
  TrainReply<double> train(const TrainRequest<double>& request, std::stop_token stop) {
    asked->push_back(request->objective.update_clip.value_or(0));
    return client.train(request, std::move(stop));
  }
  EvaluateReply evaluate(const EvaluateRequest<double>& request, std::stop_token stop) {
    return client.evaluate(request, std::move(stop));
  }
};

}  // namespace

TEST_CASE("a clip that adapts, under noise that hospitals put together") {
  const Layout layout{{"mean", {2}}};
  constexpr std::size_t count = 20;
  std::vector<SigningKey> keys;
  std::vector<secagg::Member> list;
  for (std::size_t i = 0; i < count; ++i) {
    keys.push_back(SigningKey::make());
    list.push_back({ClientId("site" + std::to_string(100 + i)), {keys.back().public_key()}});
  }
  const auto members = std::make_shared<const secagg::Members>(list);
  const auto asked = std::make_shared<std::vector<double>>();
  InProcess hospitals({.threads = 1});
  std::vector<std::uint64_t> debited(count);
  for (std::size_t i = 0; i < count; ++i) {
    const ClientId site = list[i].id;
    const SigningKey& key = keys[i];
    const Walks trainer{1 + static_cast<double>(i)};
    // [adaptive-member]
    // The bound here is the most that this hospital ever sends, whatever the coordinator asks for.
    const Clipped client{trainer, {.bound = 100}};
    // [/adaptive-member]
    secagg::SecureMember self{site, key, members, {}, {}};
    self.rules.options = {.corrupt = 0, .dropout = 0};
    self.rules.debit = [&debited, i](const Mechanism& spent) { debited[i] += spent.steps; };
    if (i == 0) {
      hospitals.add(site, secagg::secure_handlers<Train<double>>(Hears<Clipped<Walks>>{client, asked}, self));
    } else {
      hospitals.add(site, secagg::secure_handlers<Train<double>>(client, self));
    }
  }
  const double noise_multiplier = 0.5;
  // [adaptive]
  SecureAggregationOptions options;
  options.protocol = {.corrupt = 0, .dropout = 0};
  options.ranges.noise.noise_multiplier = noise_multiplier;  // below a tenth of the hospitals
  SecureAggregation secure{hospitals, members, options};
  // Half of the updates shall fit; the first guess is 4.
  AdaptivelyClipped strategy{FedAvg{}, 4, {.quantile = 0.5, .learning_rate = 1}};
  Federation federation{strategy, secure, {.rounds = 9}};
  // [/adaptive]
  const auto outcome = federation.run(Parameters<double>(layout));
  for (const RoundReport& report : outcome.history) {
    INFO(report.error);
    CHECK(report.updated);
  }
  // The updates are 1 to 20 long. The count has noise of a twentieth of the members, 1, where 11 of them are in the sum; here are 20, so that it
  // is sqrt(20 / 11) = 1.35, and 0.067 of the share. The share grows by about 1/20 for each 1 of the bound, so that the logarithm of
  // the bound falls back by about half in each step, and its deviation is 0.067 / sqrt(1 - 1/4) = 0.078. Six of these and a step of 1/20 are 0.52.
  REQUIRE(asked->size() == 9);
  CHECK((*asked)[0] == 4);
  CHECK(std::fabs(std::log((*asked)[1] / 4) - 0.3) < 6 * 0.067);  // a fifth fits, which is too few
  CHECK(asked->back() > 10 * std::exp(-0.52));
  CHECK(asked->back() < 11 * std::exp(0.52));
  for (const std::uint64_t steps : debited) CHECK(steps == 9);
  // With ten hospitals' worth of noise nothing is opened.
  options.ranges.noise.noise_multiplier = 2;
  SecureAggregation noisy{hospitals, members, options};
  const auto refused = Federation{strategy, noisy, {.rounds = 1, .seed = 2}}.run(Parameters<double>(layout));
  CHECK_FALSE(refused.history.at(0).updated);
  CHECK(refused.history[0].failures.at(0).error == "invalid_argument");
  CHECK(refused.history[0].failures[0].message.find("must be below a tenth of the clients") !=
        std::string::npos);
  CHECK(asked->size() == 9);
  for (const std::uint64_t steps : debited) CHECK(steps == 9);
}

}  // namespace docs_distributed_noise_test
