// The code of docs/privacy-budget.md on noise under secure aggregation.
#include <doctest/doctest.h>

#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "healthai/healthai.hpp"
#include "healthai/privacy/calibration.hpp"
#include "healthai/privacy/ledger.hpp"
#include "healthai/secagg/secure_aggregation.hpp"
#include "healthai/secagg/secure_handlers.hpp"
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

}  // namespace docs_distributed_noise_test
