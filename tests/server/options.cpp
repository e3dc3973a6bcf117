#include "healthai/server/options.hpp"

#include <doctest/doctest.h>

#include "../quadratic.hpp"
#include "healthai/client/local_trainer.hpp"
#include "healthai/server/federation.hpp"
#include "healthai/strategy/fedavg.hpp"
#include "healthai/transport/in_process.hpp"

namespace server_options_test {

using namespace healthai;

TEST_CASE("what the coordinator says of local training reaches every client") {
  InProcess clients;
  clients.add("a", LocalTrainer(Quadratic<double>{{1.0}, {4.0}}, {.learning_rate = 0.9}));
  Federation federation{
      FedAvg{}, clients, {.rounds = 1, .training = {.local_steps = 2, .learning_rate = 0.5}}};
  const auto outcome = federation.run(Parameters<double>(Quadratic<double>::layout_for(1)));
  CHECK(outcome.parameters.data()[0] == 3.0);  // 0 -> 2 -> 3 on the way to 4
}

TEST_CASE("a client that does not honour it refuses") {
  struct Fixed {
    TrainReply<double> train(const TrainRequest<double>& request, std::stop_token) {
      return {request->parameters, 1, {}, 1, false};
    }
    EvaluateReply evaluate(const EvaluateRequest<double>&, std::stop_token) { return {1, {}}; }
    static ObjectiveParts honours() { return {.local_steps = true}; }
  };
  InProcess clients;
  clients.add("a", Fixed{});
  Federation federation{
      FedAvg{}, clients, {.rounds = 1, .training = {.local_steps = 2, .learning_rate = 0.5}}};
  const auto outcome = federation.run(Parameters<double>(Layout{{"w", {1}}}));
  CHECK(outcome.history.at(0).failures.at(0).message.find("does not honour: learning rate") !=
        std::string::npos);
}

}  // namespace server_options_test
