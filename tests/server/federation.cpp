#include "healthai/server/federation.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <cmath>
#include <cstring>
#include <limits>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>

#include "../quadratic.hpp"
#include "healthai/aggregation/reproducible_mean.hpp"
#include "healthai/client/local_trainer.hpp"
#include "healthai/strategy/fedavg.hpp"
#include "healthai/strategy/fedavgm.hpp"
#include "healthai/strategy/fedprox.hpp"
#include "healthai/transport/in_process.hpp"

namespace server_federation_test {

using namespace healthai;
using namespace std::chrono_literals;

namespace {

const Parameters<double> origin(Quadratic<double>::layout_for(2));

LocalTrainer<Quadratic<double>> trainer(double a, double b, LocalTraining training = {.learning_rate = 0.5}) {
  return LocalTrainer(Quadratic<double>{{1.0, 2.0}, {a, b}, 10}, training);
}

/// A client whose training is a function.
template <class Function>
struct Scripted {
  Function function;
  TrainReply<double> train(const TrainRequest<double>& request, std::stop_token stop) {
    return function(request, stop);
  }
  EvaluateReply evaluate(const EvaluateRequest<double>&, std::stop_token) {
    throw std::runtime_error("no evaluation");
  }
};
template <class Function>
Scripted(Function) -> Scripted<Function>;

TrainReply<double> reply_with(Parameters<double> update, double rows = 1) {
  return {std::move(update), rows, {}, 1, false};
}

bool same_bits(const Parameters<double>& a, const Parameters<double>& b) {
  return a.layout() == b.layout() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

}  // namespace

TEST_CASE("bad replies are left out and named, and the round is that of the good ones") {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  InProcess clients({.threads = 4});
  clients.add("good-1", trainer(1, 2));
  clients.add("good-2", trainer(3, 4));
  clients.add("hangs", Scripted{[](const auto& request, std::stop_token) {
                std::this_thread::sleep_for(2s);
                return reply_with(request->parameters);
              }});
  clients.add("infinite", Scripted{[](const auto& request, std::stop_token) {
                auto update = request->parameters;
                update.data()[1] = std::numeric_limits<double>::infinity();
                return reply_with(update);
              }});
  clients.add("layout", Scripted{[](const auto&, std::stop_token) {
                return reply_with(Parameters<double>(Layout{{"v", {2}}}));
              }});
  clients.add("metric", Scripted{[nan](const auto& request, std::stop_token) {
                auto reply = reply_with(request->parameters);
                reply.metrics.add("loss", nan, 1);
                return reply;
              }});
  clients.add("nan", Scripted{[nan](const auto& request, std::stop_token) {
                auto update = request->parameters;
                update.data()[0] = nan;
                return reply_with(update);
              }});
  clients.add("no-rows", Scripted{[](const auto& request, std::stop_token) {
                return reply_with(request->parameters, 0);
              }});
  clients.add("partial", Scripted{[](const auto& request, std::stop_token) {
                auto reply = reply_with(request->parameters);
                reply.partial = true;
                return reply;
              }});
  clients.add("throws", Scripted{[](const auto&, std::stop_token) -> TrainReply<double> {
                throw std::runtime_error("the GPU fell off");
              }});
  Federation federation{FedAvg{}, clients, {.rounds = 1, .deadline = 400ms}};
  const auto outcome = federation.run(origin);
  const RoundReport& report = outcome.history.at(0);

  InProcess only_good;
  only_good.add("good-1", trainer(1, 2));
  only_good.add("good-2", trainer(3, 4));
  Federation reference{FedAvg{}, only_good, {.rounds = 1}};
  CHECK(same_bits(outcome.parameters, reference.run(origin).parameters));

  CHECK(report.updated);
  CHECK(report.error.empty());
  CHECK(report.participants == std::vector<ClientId>{"good-1", "good-2"});
  CHECK(report.num_examples == 20);
  std::string errors;
  for (const Failure& failure : report.failures) {
    errors += failure.client.str() + ":" + failure.error + " ";
    CHECK(failure.message.find("client " + failure.client.str()) == 0);
  }
  CHECK(errors ==
        "hangs:deadline infinite:not_finite layout:layout_mismatch metric:not_finite nan:not_finite "
        "no-rows:invalid_reply partial:partial_work throws:client_failed ");
}

TEST_CASE("below quorum the model stays as it was, and the error says who failed and why") {
  InProcess clients;
  clients.add("good", trainer(1, 2));
  clients.add("throws", Scripted{[](const auto&, std::stop_token) -> TrainReply<double> {
                throw std::runtime_error("no disk");
              }});
  Federation federation{FedAvg{}, clients, {.rounds = 9, .quorum = 2, .max_failed_rounds = 2}};
  const auto outcome = federation.run(origin);
  CHECK(same_bits(outcome.parameters, origin));
  CHECK(outcome.reason == StopReason::below_quorum);
  CHECK(outcome.completed_rounds == 2);
  CHECK(outcome.message ==
        "round 2: 1 of 2 clients gave a usable update, but the quorum is 2; the model is unchanged; "
        "client throws threw: no disk");
  CHECK_FALSE(outcome.history.at(0).updated);
  InProcess nobody;
  Federation empty{FedAvg{}, nobody, {.rounds = 5}};
  CHECK(empty.run(origin).message == "no client is connected");
}

TEST_CASE("the same seed gives the same bits with 1, 2 and 4 threads") {
  const auto run = [](std::size_t threads, std::uint64_t seed) {
    InProcess clients({.threads = threads});
    for (int i = 0; i < 40; ++i)
      clients.add("c" + std::to_string(i),
                  trainer(std::sin(i), std::cos(i) * 1e3, {.learning_rate = 0.3, .local_steps = 3}));
    Federation federation{FedProx{.mu = 0.1},
                          clients,
                          {.rounds = 12, .seed = seed, .selection = FractionOfClients{.fraction = 0.5}}};
    return federation.run(origin).parameters;
  };
  const auto one = run(1, 5);
  CHECK(same_bits(one, run(2, 5)));
  CHECK(same_bits(one, run(4, 5)));
  CHECK_FALSE(same_bits(one, run(2, 6)));
}

TEST_CASE(
    "a strategy that accepts partial work waits for it after the deadline; one that does not drops it") {
  const auto outcome_of = [](auto strategy) {
    InProcess clients({.threads = 2});
    clients.add("fast", trainer(1, 1));
    clients.add("slow", Scripted{[](const auto& request, std::stop_token stop) {
                  while (!stop.stop_requested()) std::this_thread::sleep_for(1ms);
                  auto reply = reply_with(request->parameters);
                  reply.partial = true;
                  return reply;
                }});
    Federation federation{strategy, clients, {.rounds = 1, .deadline = 50ms, .grace = 5s}};
    return federation.run(origin).history.at(0);
  };
  CHECK(outcome_of(FedProx{.mu = 0}).participants.size() == 2);
  const RoundReport average = outcome_of(FedAvg{});
  CHECK(average.participants == std::vector<ClientId>{"fast"});
  CHECK(average.failures.at(0).error == "deadline");
}

TEST_CASE("the caller's stop token abandons the round and keeps what was done") {
  InProcess clients({.threads = 2});
  std::stop_source stop;
  clients.add("a", trainer(1, 1));
  clients.add("stops-everything",
              Scripted{[&stop, calls = 0](const auto& request, std::stop_token token) mutable {
                if (++calls == 3) {
                  stop.request_stop();
                  while (!token.stop_requested()) std::this_thread::sleep_for(1ms);
                }
                return reply_with(request->parameters);
              }});
  Federation federation{FedAvg{}, clients, {.rounds = 100}};
  const auto outcome = federation.run(origin, stop.get_token());
  CHECK(outcome.reason == StopReason::stop_requested);
  CHECK(outcome.completed_rounds == 2);
  CHECK(outcome.history.size() == 2);
}

TEST_CASE("a round that is stopped while it is evaluated leaves no trace either") {
  struct Stopper {
    std::shared_ptr<std::stop_source> stop;
    TrainReply<double> train(const TrainRequest<double>& request, std::stop_token) {
      auto update = request->parameters;
      update.flat().setConstant(1);
      return reply_with(update);
    }
    EvaluateReply evaluate(const EvaluateRequest<double>& request, std::stop_token) {
      if (request->id.round == 2) stop->request_stop();
      return {1, {}};
    }
  };
  InProcess clients({.threads = 2});
  auto stop = std::make_shared<std::stop_source>();
  clients.add("a", Stopper{stop});
  clients.add("b", Scripted{[](const auto& request, std::stop_token) {
                auto update = request->parameters;
                update.flat().setConstant(1);
                return reply_with(update);
              }});
  FederationOptions options{.rounds = 5};
  options.evaluation.every = 1;
  Federation federation{FedAvgM{.server_momentum = 0.5}, clients, options};
  federation.start(origin);
  CHECK(federation.step(stop->get_token()).updated);
  const auto before = federation.parameters();
  const RoundReport stopped = federation.step(stop->get_token());
  CHECK(stopped.error == "stopped by the caller");
  CHECK_FALSE(stopped.updated);
  CHECK(federation.completed_rounds() == 1);
  CHECK(same_bits(federation.parameters(), before));
  std::this_thread::sleep_for(50ms);
  *stop = std::stop_source();
  CHECK(federation.step().round == 2);
  CHECK(federation.parameters().data()[0] == 1 + 1.5);  // the velocity is that of two rounds, not of three
}

TEST_CASE("step by step is the same as run") {
  InProcess clients;
  clients.add("a", trainer(1, 5));
  clients.add("b", trainer(-2, 3));
  Federation by_hand{FedAvg{}, clients, {.rounds = 4}};
  CHECK_THROWS_AS(by_hand.step(), Error);
  by_hand.start(origin);
  while (!by_hand.ended()) CHECK(by_hand.step().updated);
  Federation whole{FedAvg{}, clients, {.rounds = 4}};
  CHECK(same_bits(by_hand.parameters(), whole.run(origin).parameters));
  CHECK(by_hand.ended() == StopReason::all_rounds);
}

TEST_CASE("evaluation: a fixed cohort, a central one, early stopping and the best model that was evaluated") {
  // The loss falls to the optimum at (2, 2) and the rate makes it overshoot and grow from some round on.
  InProcess clients;
  clients.add("a", trainer(1, 1));
  clients.add("b", trainer(3, 3));
  clients.add("c-not-in-cohort", Scripted{[](const auto& request, std::stop_token) {
                auto update = request->parameters;
                update.flat().setConstant(0.4);  // pushes on for ever, away from the optimum in the end
                return reply_with(update, 200);
              }});
  FederationOptions options{.rounds = 200};
  options.evaluation = {.every = 2, .clients = {"b", "a"}, .quorum = 2};
  options.early_stopping = EarlyStopping{.metric = "loss", .patience = 3};
  Federation federation{FedAvg{}, clients, options};
  int central_calls = 0;
  federation.evaluate_centrally([&central_calls](const Parameters<double>& parameters) {
    ++central_calls;
    Metrics metrics;
    metrics.add("first", parameters.data()[0], 1);
    return metrics;
  });
  std::vector<Parameters<double>> seen{origin};
  const auto outcome = federation.run(origin, [&](const RoundReport& report) {
    seen.push_back(federation.parameters());
    CHECK(report.evaluation.has_value() == (report.round % 2 == 0));
    if (report.evaluation) {
      CHECK(report.evaluation->participants == std::vector<ClientId>{"a", "b"});
      CHECK(report.evaluation->central["first"] == federation.parameters().data()[0]);
    }
  });
  CHECK(outcome.reason == StopReason::early_stopping);
  REQUIRE(outcome.best.has_value());
  CHECK(outcome.completed_rounds == outcome.best->round + 3 * 2);
  CHECK(same_bits(outcome.best->parameters, seen.at(outcome.best->round)));
  CHECK(outcome.best->value == outcome.history.at(outcome.best->round - 1).evaluation->clients["loss"]);
  for (const RoundReport& report : outcome.history) {
    if (report.evaluation) CHECK(report.evaluation->clients["loss"] >= outcome.best->value);
  }
  CHECK(central_calls == static_cast<int>(outcome.completed_rounds / 2));
}

TEST_CASE("evaluations below their quorum count neither for nor against stopping") {
  InProcess clients;
  clients.add("a", trainer(1, 1));
  clients.add("b",
              Scripted{[](const auto& request, std::stop_token) { return reply_with(request->parameters); }});
  FederationOptions options{.rounds = 20};
  options.evaluation = {.every = 1, .quorum = 2};
  options.early_stopping = EarlyStopping{.patience = 1};
  Federation federation{FedAvg{}, clients, options};
  const auto outcome = federation.run(origin);
  CHECK(outcome.reason == StopReason::all_rounds);
  CHECK_FALSE(outcome.best.has_value());
  CHECK_FALSE(outcome.history.at(0).evaluation->quorum);
  CHECK(outcome.history.at(0).evaluation->failures.at(0).message == "client b threw: no evaluation");
}

TEST_CASE("a run converges when the parameters rest") {
  InProcess clients;
  clients.add("a", trainer(1, 1));
  Federation federation{FedAvg{}, clients, {.rounds = 1000, .tolerance = 1e-9}};
  const auto outcome = federation.run(origin);
  CHECK(outcome.converged());
  CHECK(outcome.completed_rounds < 40);
  CHECK(outcome.parameters.data()[0] == doctest::Approx(1).epsilon(1e-8));
  CHECK(outcome.history.back().update_norm <= 1e-9);
  CHECK(outcome.history.at(outcome.history.size() - 2).update_norm > 1e-9);
}

TEST_CASE("observers get the hooks that they have, and one that throws does not stop training") {
  struct Full {
    std::string events;
    void on_start(const RunStart& start) { events += "start" + std::to_string(start.clients.size()) + " "; }
    void on_round(const RoundReport& report) { events += std::to_string(report.round) + " "; }
    void on_end(const RunEnd& end) { events += std::string(to_string(end.reason)); }
  } full;
  struct OnlyEnd {
    int calls = 0;
    void on_end(const RunEnd&) { ++calls; }
  } only_end;
  InProcess clients;
  clients.add("a", trainer(1, 1));
  Federation federation{FedAvg{}, clients, {.rounds = 3}};
  const auto outcome = federation.run(origin, full, only_end, [](const RoundReport& report) {
    if (report.round != 2) throw std::runtime_error("disk full");
  });
  CHECK(full.events == "start1 1 2 3 all_rounds");
  CHECK(only_end.calls == 1);
  CHECK(outcome.completed_rounds == 3);
  CHECK(outcome.history.at(1).observer_errors == std::vector<std::string>{"on_round: disk full"});
  CHECK(outcome.history.at(2).observer_errors.empty());
  CHECK(outcome.observer_errors == std::vector<std::string>{"on_round: disk full"});
}

TEST_CASE("parameters that a strategy makes infinite are not taken") {
  InProcess clients;
  clients.add("a", Scripted{[](const auto& request, std::stop_token) {
                auto update = request->parameters;
                update.flat().setConstant(1.5e308);
                return reply_with(update);
              }});
  Federation federation{FedAvg{.server_learning_rate = 2}, clients, {.rounds = 1}};
  const auto outcome = federation.run(origin);
  CHECK(same_bits(outcome.parameters, origin));
  CHECK(outcome.history.at(0).error.find("not finite") != std::string::npos);
}

TEST_CASE("options that cannot be are refused when the federation is made") {
  InProcess clients;
  const auto refused = [&clients](FederationOptions options) {
    try {
      Federation federation{FedAvg{}, clients, std::move(options)};
    } catch (const Error& e) {
      return e.id() == error::invalid_argument;
    }
    return false;
  };
  CHECK(refused({.quorum = 0}));
  CHECK(refused({.max_failed_rounds = 0}));
  CHECK(refused({.tolerance = -1.0}));
  CHECK(refused({.resume = true}));
  CHECK(refused({.early_stopping = EarlyStopping{}}));
  CHECK(refused({.deadline = 0ms}));
  CHECK(refused({.checkpoint_every = 0}));
  CHECK(refused({.selection = PoissonSampling{.probability = 2}}));
  CHECK_FALSE(refused({}));
}

namespace {

/// A transport that can sum and cannot show, over an ordinary one: what secure aggregation will look like from outside.
class Summing {
 public:
  explicit Summing(InProcess& inner) : inner_(&inner) {}
  [[nodiscard]] std::vector<ClientId> clients() const { return inner_->clients(); }
  [[nodiscard]] Traffic traffic() const { return inner_->traffic(); }
  template <AdditiveTask T, class Aggregator>
  PartialAggregate<Aggregator, typename T::Scalar> sum(const Aggregator& aggregator,
                                                       std::span<const ClientId> ids,
                                                       std::shared_ptr<const typename T::Broadcast> broadcast,
                                                       Deadline) {
    PartialAggregate<Aggregator, typename T::Scalar> result;
    std::vector<double> total;
    inner_->send<T>(ids, broadcast);
    for (std::size_t i = 0; i < ids.size(); ++i) {
      auto delivery = inner_->next<T>(Deadline::max());
      if (auto* failure = std::get_if<Failure>(&delivery->result)) {
        result.failures.push_back(*failure);
        continue;
      }
      auto part = T::summand(std::get<typename T::Reply>(std::move(delivery->result)));
      result.contributors.push_back(delivery->client);
      result.weight += part.weight;
      for (auto& scalar : part.scalars) {
        auto found = std::find_if(result.scalars.begin(), result.scalars.end(),
                                  [&](auto& s) { return s.name == scalar.name; });
        if (found == result.scalars.end()) {
          result.scalars.push_back(scalar);
        } else {
          found->value += scalar.value;
        }
      }
      for (auto& vector : part.vectors) {
        if (result.states.empty()) {
          result.states.push_back(aggregator.template begin<typename T::Scalar>(vector.values.layout()));
          total.resize(vector.values.size());
        }
        for (std::size_t j = 0; j < total.size(); ++j)
          total[j] += part.weight * static_cast<double>(vector.values.data()[j]);
      }
    }
    if (!result.states.empty()) result.states.front().add_sum(total, result.weight);
    return result;
  }

 private:
  InProcess* inner_;
};
static_assert(SummingTransport<Summing, Train<double>> && !Transport<Summing, Train<double>>);

}  // namespace

TEST_CASE("the same strategies run over a transport that shows nothing but sums") {
  const auto run = [](auto& transport) {
    FederationOptions options{.rounds = 6};
    options.evaluation.every = 3;
    Federation federation{FedProx{.mu = 0.2}, transport, options};
    return federation.run(origin);
  };
  InProcess clients;
  for (int i = 0; i < 5; ++i)
    clients.add("c" + std::to_string(i), trainer(i, -i, {.learning_rate = 0.3, .local_steps = 4}));
  Summing summing(clients);
  CHECK_THROWS_AS((Federation{FedAvg{}, summing, {.selection = PowerOfChoice{}}}), Error);
  const auto shown = run(clients);
  const auto summed = run(summing);
  CHECK(same_bits(shown.parameters, summed.parameters));
  for (std::size_t r = 0; r < 6; ++r) {
    CHECK(summed.history[r].participants == shown.history[r].participants);
    CHECK(summed.history[r].metrics == shown.history[r].metrics);
    CHECK(summed.history[r].evaluation == shown.history[r].evaluation);
  }
}

TEST_CASE("in the reproducible mode the order of clients does not matter") {
  const auto run = [](bool reversed) {
    InProcess clients;
    for (int i = 0; i < 30; ++i) {
      const std::string id = std::to_string(100 + (reversed ? 29 - i : i));
      clients.add("c" + id,
                  trainer(std::exp(i % 17), -std::exp(-i), {.learning_rate = 0.3, .local_steps = 2}));
    }
    Federation federation{BasicFedAvg<ReproducibleMean>{}, clients, {.rounds = 5}};
    return federation.run(origin).parameters;
  };
  CHECK(same_bits(run(false), run(true)));
}

}  // namespace server_federation_test
