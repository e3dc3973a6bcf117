#include "healthai/core/training.hpp"

#include <doctest/doctest.h>

namespace core_training_test {

using namespace healthai;

static_assert(AdditiveTask<Train<float>> && AdditiveTask<Evaluate<float>>);
static_assert(AdditiveTask<Train<double>> && AdditiveTask<Evaluate<double>>);

TEST_CASE("a training reply becomes a summand, and its metrics come back") {
  TrainReply<double> reply;
  reply.update = Parameters<double>(Layout{{"w", {2}}});
  reply.update.data()[1] = 4;
  reply.num_examples = 7;
  reply.local_steps = 3;
  reply.metrics.add("loss", 1.5, 7);
  const double* buffer = reply.update.data();
  const Summand<double> sum = Train<double>::summand(std::move(reply));
  CHECK(sum.weight == 7);
  REQUIRE(sum.vectors.size() == 1);
  CHECK(sum.vectors[0].name == "update");
  CHECK(sum.vectors[0].weighted);
  CHECK(sum.vectors[0].values.data() == buffer);  // given up, not copied
  const Metrics metrics = metrics_of(sum.scalars);
  REQUIRE(metrics.size() == 1);
  CHECK(metrics["loss"] == doctest::Approx(1.5 / 7));
}

TEST_CASE("a metric whose name looks like a summand's stays itself") {
  EvaluateReply reply;
  reply.metrics.add("metric/a/n", 1, 2);
  reply.metrics.add("x", 3, 4);
  const Metrics metrics = metrics_of(Evaluate<float>::summand(reply).scalars);
  CHECK(metrics == reply.metrics);
}

TEST_CASE("task names carry the scalar") {
  CHECK(Train<float>::name != Train<double>::name);
  CHECK(Evaluate<float>::name != Train<float>::name);
}

TEST_CASE("extra vectors and numbers follow the update into the summand") {
  const Layout layout{{"w", {2}}};
  TrainReply<double> reply;
  reply.update = Parameters<double>(layout);
  reply.num_examples = 7;
  reply.extra.push_back({"control_variate", false, Parameters<double>(layout)});
  reply.extra_scalars.push_back({"visits", 3});
  const double* buffer = reply.extra[0].values.data();
  CHECK(Train<double>::bytes(reply) == 4 * sizeof(double));
  const Summand<double> sum = Train<double>::summand(std::move(reply));
  REQUIRE(sum.vectors.size() == 2);
  CHECK(sum.vectors[1].name == "control_variate");
  CHECK_FALSE(sum.vectors[1].weighted);
  CHECK(sum.vectors[1].values.data() == buffer);
  CHECK(sum.scalars.back() == SummandScalar{"visits", 3});
}

TEST_CASE("gradients accumulate as often as there are steps, unless the client knows better") {
  TrainReply<float> reply;
  reply.local_steps = 4;
  CHECK(reply.accumulation() == 4);
  reply.effective_steps = 6.5;
  CHECK(reply.accumulation() == 6.5);
}

}  // namespace core_training_test
