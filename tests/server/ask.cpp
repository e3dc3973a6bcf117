#include "healthai/server/ask.hpp"

#include <doctest/doctest.h>

#include <limits>

#include "../quadratic.hpp"
#include "healthai/client/local_trainer.hpp"
#include "healthai/core/training.hpp"
#include "healthai/transport/in_process.hpp"

namespace server_ask_test {

using namespace healthai;

namespace {
struct Fixed {
  EvaluateReply reply;
  TrainReply<double> train(const TrainRequest<double>&, std::stop_token) { return {}; }
  EvaluateReply evaluate(const EvaluateRequest<double>&, std::stop_token) { return reply; }
};
Fixed with_loss(double rows, double numerator) {
  Fixed client;
  client.reply.num_examples = rows;
  client.reply.metrics.add("loss", numerator, rows);
  return client;
}
}  // namespace

TEST_CASE("answers are summed, and one that cannot be is left out by name") {
  InProcess clients;
  clients.add("a", with_loss(2, 6));
  clients.add("b", with_loss(3, 4));
  clients.add("c", with_loss(1, std::numeric_limits<double>::quiet_NaN()));
  clients.add("d", Fixed{{5, {}}});  // no metric: another shape than those before it
  const SummedAnswer answer = ask<Evaluate<double>>(clients, {});
  CHECK(answer.total.weight == 5);
  CHECK(metrics_of(answer.total.scalars)["loss"] == 2);
  CHECK(answer.contributors == std::vector<ClientId>{"a", "b"});
  REQUIRE(answer.failures.size() == 2);
  CHECK(answer.failures[0].client == "c");
  CHECK(answer.failures[1].client == "d");
  CHECK_THROWS_WITH_AS(static_cast<void>(ask_everyone<Evaluate<double>>(clients, {})),
                       doctest::Contains("2 failed"), Error);
  InProcess nobody;
  CHECK_THROWS_AS(static_cast<void>(ask_everyone<Evaluate<double>>(nobody, {})), Error);
}

TEST_CASE("weighted vectors are summed with their weights") {
  InProcess clients;
  clients.add("a", LocalTrainer(Quadratic<double>{{1.0}, {2.0}, 3}, {.learning_rate = 1}));
  clients.add("b", LocalTrainer(Quadratic<double>{{1.0}, {5.0}, 1}, {.learning_rate = 1}));
  const auto sum =
      ask_everyone<Train<double>>(clients, {{}, 0, Parameters<double>(Quadratic<double>::layout_for(1)), {}});
  REQUIRE(sum.vectors.size() == 1);
  CHECK(sum.vectors[0].values.data()[0] == 3 * 2.0 + 1 * 5.0);
  CHECK(sum.weight == 4);
}

}  // namespace server_ask_test
