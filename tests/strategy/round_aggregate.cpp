#include "healthai/strategy/round_aggregate.hpp"

#include <doctest/doctest.h>

#include <array>
#include <map>
#include <string>

#include "healthai/client/control_variates.hpp"
#include "healthai/client/task_handlers.hpp"
#include "healthai/strategy/fedavg.hpp"
#include "healthai/strategy/scaffold.hpp"
#include "hospitals.hpp"

namespace strategy_round_aggregate_test {

using namespace healthai;

namespace {

/// Asks for two vectors, and puts into the parameters what it finds in a round.
struct Curious {
  WeightedMean aggregator{};
  static constexpr std::string_view name = "Curious";
  static constexpr bool accepts_partial_work = false;
  static constexpr std::array extra_vectors{ExtraVector{"first", true}, ExtraVector{"second", false}};
  template <class Scalar>
  using State = Stateless<Scalar>;
  [[nodiscard]] std::string describe() const { return "Curious()"; }
  void validate() const {}
  template <class Scalar>
  [[nodiscard]] State<Scalar> init(const Layout&) const {
    return {};
  }
  template <class Scalar>
  [[nodiscard]] LocalObjective<Scalar> configure(const Stateless<Scalar>&, std::uint64_t) const {
    return {};
  }
  template <class Scalar>
  void apply(Stateless<Scalar>&, Parameters<Scalar>& parameters, const RoundAggregate<Scalar>& round) const {
    const double found[] = {static_cast<double>(round.update.data()[0]),
                            static_cast<double>(round.extra.at(0).data()[0]),
                            static_cast<double>(round.extra.at(1).data()[0]),
                            round.scalar("visits"),
                            round.weight,
                            static_cast<double>(round.clients),
                            static_cast<double>(round.population)};
    for (std::size_t j = 0; j < 7; ++j) parameters.data()[j] = static_cast<Scalar>(found[j]);
  }
};
static_assert(Strategy<Curious, double> && AppliesRound<Curious, double> && !AppliesUpdate<Curious, double>);
static_assert(AppliesUpdate<FedAvg, double> && !AppliesRound<FedAvg, double>);
static_assert(extra_vectors_of<FedAvg>().empty() && extra_vectors_of<Curious>().size() == 2);

/// Answers with a fixed number in each vector.
struct Fixed {
  double rows, update, first, second, visits;
  std::string second_name = "second";
  TrainReply<double> train(const TrainRequest<double>& request, std::stop_token) {
    const auto filled = [&](double value) {
      Parameters<double> result(request->parameters.layout());
      result.flat().setConstant(value);
      return result;
    };
    TrainReply<double> reply;
    reply.update = filled(update);
    reply.num_examples = rows;
    reply.extra.push_back({"first", true, filled(first)});
    reply.extra.push_back({second_name, false, filled(second)});
    reply.extra_scalars.push_back({"visits", visits});
    return reply;
  }
  EvaluateReply evaluate(const EvaluateRequest<double>&, std::stop_token) { return {1, {}}; }
};

/// Sums on the way, and cannot show a single reply.
struct Relay {
  std::map<ClientId, TaskHandlers> hosted{};

  [[nodiscard]] std::vector<ClientId> clients() const {
    std::vector<ClientId> ids;
    for (const auto& [id, handlers] : hosted) ids.push_back(id);
    return ids;
  }
  template <AdditiveTask T, class A>
  PartialAggregate<A, typename T::Scalar> sum(const A& aggregator, std::span<const ClientId> ids,
                                              std::shared_ptr<const typename T::Broadcast> broadcast,
                                              Deadline) {
    using Scalar = typename T::Scalar;
    PartialAggregate<A, Scalar> result;
    if constexpr (Aggregator<A, Scalar>) {
      for (const ClientId& id : ids) {
        Summand<Scalar> summand = T::summand(hosted.at(id).template handle<T>({broadcast, id}, {}));
        for (std::size_t i = 0; i < summand.vectors.size(); ++i) {
          SummandVector<Scalar>& vector = summand.vectors[i];
          if (result.states.size() == i)
            result.states.push_back(aggregator.template begin<Scalar>(vector.values.layout()));
          result.states[i].add({std::move(vector.values), vector.weighted ? summand.weight : 1});
        }
        for (std::size_t i = 0; i < summand.scalars.size(); ++i) {
          if (result.scalars.size() == i) result.scalars.push_back({summand.scalars[i].name, 0});
          result.scalars[i].value += summand.scalars[i].value;
        }
        result.weight += summand.weight;
        result.contributors.push_back(id);
      }
    }
    return result;
  }
  [[nodiscard]] Traffic traffic() const { return {}; }
};
static_assert(SummingTransport<Relay, Train<double>> && !Transport<Relay, Train<double>>);

const Fixed one{10, 1, 2, 3, 4};
const Fixed two{30, 5, 6, 7, 8};
// Weighted means, a plain one, a sum, the weight, two replies from three clients.
const double expected[] = {4, 5, 5, 12, 40, 2, 3};

}  // namespace

TEST_CASE("apply gets vectors weighted as asked, sums of numbers, and who took part") {
  InProcess clients;
  clients.add("a", one);
  clients.add("b", two);
  clients.add("c", Fixed{5, 9, 9, 9, 9, "third"});  // not what was asked for
  Federation federation{Curious{}, clients, {.rounds = 1}};
  const auto outcome = federation.run(Parameters<double>(Quadratic<>::layout_for(7)));
  for (std::size_t j = 0; j < 7; ++j) CHECK(outcome.parameters.data()[j] == expected[j]);
  REQUIRE(outcome.history.at(0).failures.size() == 1);
  CHECK(outcome.history.at(0).failures[0].error == "invalid_reply");
  CHECK(outcome.history.at(0).failures[0].message.find("second (not weighted)") != std::string::npos);
}

TEST_CASE("a transport that sums fills the same round") {
  Relay relay;
  relay.hosted.emplace("a", TaskHandlers::of(one));
  relay.hosted.emplace("b", TaskHandlers::of(two));
  Federation federation{Curious{}, relay, {.rounds = 1}};
  const auto outcome = federation.run(Parameters<double>(Quadratic<>::layout_for(7)));
  for (std::size_t j = 0; j < 6; ++j) CHECK(outcome.parameters.data()[j] == expected[j]);
  CHECK(outcome.parameters.data()[6] == 2);
}

TEST_CASE("Scaffold over sums is Scaffold") {
  Relay relay;
  InProcess clients({.threads = 1});
  for (std::size_t k = 0; k < 3; ++k) {
    ControlVariates client{hospitals::trainer(k, {.learning_rate = 0.1, .local_steps = 4})};
    relay.hosted.emplace("c" + std::to_string(k), TaskHandlers::of(client));
    clients.add("c" + std::to_string(k), client);
  }
  Federation summed{Scaffold{}, relay, {.rounds = 9}};
  CHECK(summed.run(hospitals::origin()).parameters.data()[0] ==
        hospitals::end_of(Scaffold{}, clients, {.rounds = 9}));
}

TEST_CASE("a transport that leaves out a vector is told so, and the model stays") {
  struct Forgetful : Fixed {
    TrainReply<double> train(const TrainRequest<double>& request, std::stop_token stop) {
      TrainReply<double> reply = Fixed::train(request, stop);
      reply.extra.pop_back();
      return reply;
    }
  };
  Relay relay;
  relay.hosted.emplace("a", TaskHandlers::of(Forgetful{one}));
  Federation federation{Curious{}, relay, {.rounds = 1}};
  const auto outcome = federation.run(Parameters<double>(Quadratic<>::layout_for(7)));
  CHECK_FALSE(outcome.history.at(0).updated);
  CHECK(outcome.history.at(0).error.find("summed 2 vectors") != std::string::npos);
}

TEST_CASE("a number that nobody sent is 0") {
  RoundAggregate<double> round;
  round.scalars = {{"a", 1.5}};
  CHECK(round.scalar("a") == 1.5);
  CHECK(round.scalar("b") == 0);
}

}  // namespace strategy_round_aggregate_test
