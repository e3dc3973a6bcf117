// Strategies do not know of secure aggregation: over it each does what it does over a plain transport, but for the rounding, whose
// effect on the model is bounded round by round.
#include "healthai/secagg/secure_aggregation.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "healthai/client/clipped.hpp"
#include "healthai/client/control_variates.hpp"
#include "healthai/client/dynamic_regularisation.hpp"
#include "healthai/client/local_trainer.hpp"
#include "healthai/compression/compressed.hpp"
#include "healthai/compression/random_k.hpp"
#include "healthai/compression/top_k.hpp"
#include "healthai/secagg/secure_handlers.hpp"
#include "healthai/server/federation.hpp"
#include "healthai/strategy/adaptively_clipped.hpp"
#include "healthai/strategy/fedadagrad.hpp"
#include "healthai/strategy/fedadam.hpp"
#include "healthai/strategy/fedavg.hpp"
#include "healthai/strategy/fedavgm.hpp"
#include "healthai/strategy/feddyn.hpp"
#include "healthai/strategy/fedprox.hpp"
#include "healthai/strategy/fedyogi.hpp"
#include "healthai/strategy/scaffold.hpp"
#include "healthai/transport/in_process.hpp"
#include "quadratic.hpp"
#include "secagg/members.hpp"

namespace secagg_strategies_test {

using namespace secagg_test;

namespace {

constexpr std::size_t sites = 5;
constexpr std::size_t size = 3;
constexpr std::uint64_t levels = std::uint64_t{1} << 40U;
constexpr double clip = 4;
constexpr double rate = 0.1;
constexpr std::uint64_t local_steps = 4;
constexpr double steepest = 2;  // curvature
/// By less than this a mean of numbers changes, when each is rounded up or down to a level.
constexpr double step = 2 * clip / static_cast<double>(levels);

/// The loss of a site: a quadratic of its own.
LocalTrainer<Quadratic<>> trainer(std::size_t i) {
  const double x = static_cast<double>(i) / sites;
  return LocalTrainer(Quadratic<>{{steepest, 0.3 + x, 1}, {1 - 2 * x, x, 2 * x * x}, 5 + 7 * i},
                      {.learning_rate = rate, .local_steps = local_steps});
}

SecureAggregationOptions options_of(std::uint64_t most_examples = 100) {
  SecureAggregationOptions options;
  options.protocol = {.corrupt = 0, .dropout = 0};
  options.ranges.update_clip = options.ranges.extra_clip = clip;
  options.ranges.levels = levels;
  options.ranges.most_examples = most_examples;
  options.ranges.evaluation_numbers = {{"metric/loss/n", 1000, levels}, {"metric/loss/d", 1000, levels}};
  return options;
}

/// The same sites behind masks and in the open.
template <class Wrap>
struct Sites {
  Cohort cohort{sites, {.corrupt = 0, .dropout = 0}};
  InProcess masked{{.threads = 2}};
  InProcess plain{{.threads = 2}};

  Sites(Wrap wrap, bool nearest) {
    for (std::size_t i = 0; i < sites; ++i) {
      const ClientId& id = cohort.members->id(static_cast<Index>(i));
      plain.add(id, wrap(trainer(i)));
      SecureMember self{id, cohort.keys[i], cohort.members, {}, {}, nearest};
      self.rules.options = {.corrupt = 0, .dropout = 0};
      masked.add(id, secure_handlers<Train<double>, Evaluate<double>>(wrap(trainer(i)), std::move(self)));
    }
  }
};

/// Runs a strategy over both. \param bound  of the difference of any parameter after `round` rounds, from 1
template <class StrategyType, class Bound, class Wrap>
void same_over_both(const StrategyType& strategy, std::uint64_t rounds, Bound bound, Wrap wrap) {
  for (const bool nearest : {false, true}) {
    CAPTURE(strategy.describe());
    CAPTURE(nearest);
    Sites<Wrap> all(wrap, nearest);
    SecureAggregation secure{all.masked, all.cohort.members, options_of()};
    FederationOptions options{.rounds = rounds, .seed = 3};
    options.evaluation.every = 1;
    Federation over_masks{strategy, secure, options};
    Federation over_plain{strategy, all.plain, options};
    const Parameters<double> zero(Quadratic<>::layout_for(size));
    over_masks.start(zero);
    over_plain.start(zero);
    double moved = 0;
    for (std::uint64_t round = 1; round <= rounds; ++round) {
      const RoundReport one = over_masks.step();
      const RoundReport other = over_plain.step();
      INFO(one.error);
      REQUIRE(one.updated);
      CHECK(one.participants == other.participants);
      CHECK(one.num_examples == other.num_examples);
      CHECK(one.metrics.empty());  // of training none was given a range
      for (std::size_t j = 0; j < size; ++j) {
        const double difference = over_masks.parameters().data()[j] - over_plain.parameters().data()[j];
        CHECK(std::fabs(difference) <= bound(round));
        moved = (std::max)(moved, std::fabs(over_plain.parameters().data()[j]));
      }
      REQUIRE(one.evaluation);
      CHECK(one.evaluation->participants.size() == sites);
      // The loss of the pooled rows is that of models so close together that 1e-6 is far.
      CHECK(one.evaluation->clients["loss"] ==
            doctest::Approx(other.evaluation->clients["loss"]).epsilon(1e-6));
    }
    CHECK(bound(rounds) < 1e-6);  // or nothing has been compared
    CHECK(moved > 0.01);
  }
}
template <class StrategyType, class Bound>
void same_over_both(const StrategyType& strategy, std::uint64_t rounds, Bound bound) {
  same_over_both(strategy, rounds, bound, [](auto client) { return client; });
}

/// What the arithmetic of doubles adds, beside the rounding to levels: sums of weight * clip, of relative precision 2^-53, and divided by
/// the weight again, a few times a round.
constexpr double doubles = 64 * clip * 0x1p-53;
/// A mean of quantised updates is off by this, where the sites are given the same model.
constexpr double mean_error = step + doubles;

/// For strategies that make a model out of a mean update with a Lipschitz constant `gain` in all mean updates so far. The mean
/// update itself changes with the model by no more than the model, as local steps lead towards a minimum and not beyond it.
auto growing(double gain) {
  return [gain](std::uint64_t rounds) {
    double error = 0, all_updates = 0;
    for (std::uint64_t r = 0; r < rounds; ++r) {
      all_updates = (std::max)(all_updates, error + mean_error);
      error += gain * all_updates;
    }
    return error;
  };
}

}  // namespace

TEST_CASE("FedAvg and FedProx: one step of the fixed point a round, and no more") {
  // Local steps at the quadratic contract: what a round begins with is not made larger, so that errors only add up.
  const auto bound = [](std::uint64_t rounds) { return static_cast<double>(rounds) * mean_error; };
  same_over_both(FedAvg{}, 8, bound);
  same_over_both(FedProx{.mu = 0.5}, 8, bound);
}

TEST_CASE("a bound that adapts: the count travels without being asked for, exactly") {
  // A site's update changes by at most as much as the model that it begins with, and so does what is clipped, in Euclidean length, as clipping
  // is a projection on a ball: of `size` numbers each sqrt(size) of the largest error.
  const auto bound = [](std::uint64_t rounds) {
    double model = 0;
    for (std::uint64_t r = 0; r < rounds; ++r)
      model += std::sqrt(static_cast<double>(size)) * model + mean_error;
    return model;
  };
  const auto wrap = [](auto client) { return Clipped{std::move(client), {.bound = 2}}; };
  for (const double initial : {0.01, 1.5})
    same_over_both(AdaptivelyClipped{FedAvg{}, initial, {.quantile = 0.6, .learning_rate = 0.7}}, 6, bound,
                   wrap);
}

TEST_CASE("strategies with momentum and adaptive rates at the server") {
  // m is a sum of updates with the weights 1, beta, beta^2: 1 / (1 - beta) = 2 of the largest error.
  same_over_both(FedAvgM{.server_momentum = 0.5, .server_learning_rate = 0.7}, 5, growing(0.7 * 2));
  // m / (sqrt(v) + tau), where m is a mean of updates of at most U = 2, and sqrt(v) a norm of them of weights that sum to at most 1
  // (FedAdam, FedYogi while v < u^2) or to the number of rounds (FedAdagrad): 1 / tau + U / tau^2 times the error, or with that
  // number's root. The correction of FedAdam's start is below 1.
  const double tau = 1, largest = 2, server_rate = 0.1;
  const double gain = server_rate * (1 / tau + largest / (tau * tau));
  same_over_both(FedAdam{.server_learning_rate = server_rate, .tau = tau}, 5, growing(gain));
  same_over_both(FedYogi{.server_learning_rate = server_rate, .tau = tau}, 5, growing(gain));
  same_over_both(FedAdagrad{.server_learning_rate = server_rate, .tau = tau}, 5,
                 growing(server_rate * (1 / tau + std::sqrt(5.0) * largest / (tau * tau))));
}

TEST_CASE("SCAFFOLD: two vectors, and what clients remember") {
  // With w, c and c_i off by at most e, s and o: a client's update is off by e + r K (s + o), the mean gradient over its steps by
  // d e + (s + o), which is the new o. The server's c is the mean of the c_i but for the rounding of the changes, one step a round each.
  const double steps = rate * static_cast<double>(local_steps);
  const auto bound = [steps](std::uint64_t rounds) {
    double model = 0, server = 0, own = 0;
    for (std::uint64_t r = 1; r <= rounds; ++r) {
      const double correction = server + own;
      own = steepest * model + correction;
      model += steps * correction + mean_error;
      server = own + static_cast<double>(r) * mean_error;
    }
    return model;
  };
  same_over_both(Scaffold{}, 6, bound, [](auto client) { return ControlVariates{std::move(client)}; });
}

TEST_CASE("FedDyn, whose clients remember too: the counts that it needs travel without being asked for") {
  // u is off by at most the model's error e plus r K that of its own gradient g, which is off by alpha times all updates so far; the
  // server's h by alpha times all of them and of the rounding, and enters as h / alpha.
  const double alpha = 1, steps = rate * static_cast<double>(local_steps);
  const auto bound = [=](std::uint64_t rounds) {
    double model = 0, own = 0, gradient = 0;
    for (std::uint64_t r = 0; r < rounds; ++r) {
      const double update = model + steps * own;
      own += alpha * update;
      gradient += alpha * (update + mean_error);
      model += update + mean_error + gradient / alpha;
    }
    return model;
  };
  same_over_both(FedDyn{.alpha = alpha}, 6, bound,
                 [](auto client) { return DynamicRegularisation{std::move(client)}; });
}

TEST_CASE("updates that are compressed alike are summed; others are that client's failure") {
  const auto kept = [](auto client) { return Compressed{std::move(client), RandomK{.count = 2}}; };
  Sites<decltype(kept)> all(kept, true);
  SecureAggregation secure{all.masked, all.cohort.members, options_of()};
  const Parameters<double> zero(Quadratic<>::layout_for(size));
  Federation over_masks{FedAvg{}, secure, {.rounds = 3, .seed = 5}};
  Federation over_plain{FedAvg{}, all.plain, {.rounds = 3, .seed = 5}};
  const auto one = over_masks.run(zero), other = over_plain.run(zero);
  for (std::size_t j = 0; j < size; ++j)
    CHECK(std::fabs(one.parameters.data()[j] - other.parameters.data()[j]) <= 3 * mean_error);

  // A client behind handlers, whose class the compiler does not see.
  InProcess hospitals;
  for (std::size_t i = 0; i < sites; ++i) {
    const ClientId& id = all.cohort.members->id(static_cast<Index>(i));
    SecureMember self{id, all.cohort.keys[i], all.cohort.members, {}, {}};
    self.rules.options = {.corrupt = 0, .dropout = 0};
    TaskHandlers work =
        i == 2 ? TaskHandlers::of(Compressed{trainer(i), TopK{.count = 1}}) : TaskHandlers::of(trainer(i));
    hospitals.add(id, secure_handlers<Train<double>>(std::move(work), std::move(self)));
  }
  SecureAggregation without_one{hospitals, all.cohort.members, options_of()};
  Federation federation{FedAvg{}, without_one, {.rounds = 1}};
  const auto outcome = federation.run(zero);
  CHECK(outcome.history[0].participants.size() == 4);
  REQUIRE(outcome.history[0].failures.size() == 1);
  CHECK(outcome.history[0].failures[0].error == "invalid_reply");
  CHECK(outcome.history[0].failures[0].message.find("compressed by \"top_k\", which depends on its values") !=
        std::string::npos);
}

TEST_CASE("what a coordinator would reject if it saw it, the client refuses to mask") {
  struct Faulty {
    std::size_t number = 0;
    TrainReply<double> train(const TrainRequest<double>& request, std::stop_token) const {
      TrainReply<double> reply;
      reply.update = request->parameters;
      reply.num_examples = number == 1 ? 0 : number == 2 ? 2.5 : number == 3 ? 101 : 10;
      if (number == 4) reply.update.data()[1] = std::nan("");
      if (number == 5) reply.update = Parameters<double>(Layout{{"w", {2}}});
      if (number == 6) reply.partial = true;
      return reply;
    }
    EvaluateReply evaluate(const EvaluateRequest<double>&, std::stop_token) const { return {1, {}}; }
  };
  const Cohort cohort(15, {.corrupt = 0, .dropout = 0});
  InProcess hospitals;
  for (std::size_t i = 0; i < 15; ++i) {
    const ClientId& id = cohort.members->id(static_cast<Index>(i));
    SecureMember self{id, cohort.keys[i], cohort.members, {}, {}};
    self.rules.options = {.corrupt = 0, .dropout = 0};
    hospitals.add(id, secure_handlers<Train<double>>(Faulty{i}, std::move(self)));
  }
  SecureAggregation secure{hospitals, cohort.members, options_of()};
  Federation federation{FedAvg{}, secure, {.rounds = 1}};
  const auto outcome = federation.run(Parameters<double>(Quadratic<>::layout_for(size)));
  const RoundReport& report = outcome.history[0];
  CHECK(report.participants.size() == 9);
  CHECK(report.num_examples == 90);
  const char* const expected[] = {"invalid_reply", "invalid_reply",   "invalid_reply",
                                  "not_finite",    "layout_mismatch", "partial_work"};
  REQUIRE(report.failures.size() == 6);
  for (std::size_t i = 0; i < 6; ++i) {
    CHECK(report.failures[i].client == cohort.members->id(static_cast<Index>(i + 1)));
    CHECK(report.failures[i].error == expected[i]);
  }
}

TEST_CASE("ranges in which a sum could wrap, or that make no sense, are an error when the layer is made") {
  const Cohort cohort(sites, {.corrupt = 0, .dropout = 0});
  InProcess nobody;
  const auto error_of = [&](const SecureAggregationOptions& options) {
    try {
      const SecureAggregation secure{nobody, cohort.members, options};
    } catch (const Error& e) {
      return std::string(e.id().name());
    }
    return std::string();
  };
  // Five weights of up to 2^64 / (5 * 2^40), rounded down, is what 64 bits hold.
  const std::uint64_t fits = UINT64_MAX / levels / sites;
  CHECK(error_of(options_of(fits)).empty());
  CHECK(error_of(options_of(fits + 1)) == "overflow");
  CHECK(error_of(options_of(0)) == "invalid_argument");
  const auto changed = [&](auto change) {
    SecureAggregationOptions options = options_of();
    change(options.ranges);
    return error_of(options);
  };
  CHECK(changed([](SumRanges& ranges) { ranges.update_clip = 0; }) == "invalid_argument");
  CHECK(changed([](SumRanges& ranges) { ranges.extra_clip = -1; }) == "invalid_argument");
  CHECK(changed([](SumRanges& ranges) { ranges.levels = 0; }) == "invalid_argument");
  CHECK(changed([](SumRanges& ranges) {
          ranges.training_numbers = {{"loss", std::nan(""), 9}};
        }) == "invalid_argument");
  CHECK(changed([](SumRanges& ranges) {
          ranges.evaluation_numbers.push_back({"metric/loss/n", 1, 1});
        }) == "invalid_argument");  // twice
  CHECK(changed([](SumRanges&) {}).empty());
}

}  // namespace secagg_strategies_test
