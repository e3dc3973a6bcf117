// The code of docs/how-to-write-a-client.md that is not in examples/own_training_code.cpp.
#include <doctest/doctest.h>

#include "healthai/healthai.hpp"

namespace docs_writing_a_client_test {

using namespace healthai;

namespace {

// [smallest]
/// The mean of one number over all patients of all hospitals: the smallest client there is.
struct MeanDose {
  std::vector<double> doses;  // Gy, one a patient

  TrainReply<double> train(const TrainRequest<double>& request, std::stop_token) {
    const double global = request->parameters.data()[0];
    double sum = 0;
    for (const double dose : doses) sum += dose;
    TrainReply<double> reply;
    reply.num_examples = static_cast<double>(doses.size());
    reply.update = Parameters<double>(request->parameters.layout());
    reply.update.data()[0] = sum / reply.num_examples - global;  // local minus global
    reply.local_steps = 1;
    return reply;
  }
  EvaluateReply evaluate(const EvaluateRequest<double>&, std::stop_token) {
    return {static_cast<double>(doses.size()), {}};
  }
};
static_assert(Client<MeanDose, double>);
// [/smallest]

// [state]
/// Remembers something between rounds. What must survive a restart goes through serialize.
struct CountsItsRounds : MeanDose {
  std::uint64_t rounds = 0;

  TrainReply<double> train(const TrainRequest<double>& request, std::stop_token stop) {
    ++rounds;
    return MeanDose::train(request, stop);
  }
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& rounds;
  }
};
// [/state]

}  // namespace

TEST_CASE("the smallest client") {
  InProcess hospitals;
  hospitals.add("north", MeanDose{{60, 66, 70}});
  hospitals.add("south", CountsItsRounds{{{50}}});
  Federation federation{FedAvg{}, hospitals, {.rounds = 2}};
  const auto outcome = federation.run(Parameters<double>(Layout{{"mean", {}}}));
  CHECK(outcome.parameters.data()[0] == doctest::Approx(246.0 / 4).epsilon(1e-15));
  const auto states = hospitals.client_states();
  REQUIRE(states.size() == 1);
  CHECK(states[0].first == "south");
  CHECK(from_bytes<CountsItsRounds>(states[0].second).rounds == 2);
}

TEST_CASE("without honours() it is left out of FedProx, by name") {
  InProcess hospitals;
  hospitals.add("north", MeanDose{{60}});
  Federation federation{FedProx{.mu = 0.1}, hospitals, {.rounds = 1}};
  const auto outcome = federation.run(Parameters<double>(Layout{{"mean", {}}}));
  CHECK(outcome.history.at(0).failures.at(0).error == "refused");
}

}  // namespace docs_writing_a_client_test
