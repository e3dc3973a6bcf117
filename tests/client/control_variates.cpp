#include "healthai/client/control_variates.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "../quadratic.hpp"
#include "healthai/client/local_trainer.hpp"
#include "healthai/client/task_handlers.hpp"
#include "wrapping.hpp"

namespace client_control_variates_test {

using namespace healthai;
using wrapping::train_at;

namespace {

using Trainer = LocalTrainer<Quadratic<double>>;
static_assert(Client<ControlVariates<Trainer>, double> && BoundsItsCurvature<ControlVariates<Trainer>>);
static_assert(Client<ControlVariates<LocalTrainer<Quadratic<float>>>, float>);
static_assert(!BoundsItsCurvature<ControlVariates<wrapping::MoveOnly>>);

const Layout layout = Quadratic<double>::layout_for(1);

LocalObjective<double> objective_with(double c) {
  LocalObjective<double> objective;
  objective.linear_correction = Parameters<double>(layout);
  objective.linear_correction->data()[0] = c;
  objective.control_variates = true;
  return objective;
}

}  // namespace

TEST_CASE("the control variate is the mean gradient over the steps, and its change is returned") {
  const double d = 1.5, a = 2, r = 0.1;
  ControlVariates client{Trainer(Quadratic<double>{{d}, {a}, 7}, {.learning_rate = r, .local_steps = 5})};
  double own = 0, w = -1;
  for (std::uint64_t round = 1; round <= 3; ++round) {
    const double c = 0.3 * static_cast<double>(round);
    const auto reply = client.train(train_at(layout, {w}, objective_with(c), round), {});
    double y = w, gradients = 0;
    for (int s = 0; s < 5; ++s) {
      gradients += d * (y - a);
      y -= r * (d * (y - a) - own + c);
    }
    CHECK(reply.update.data()[0] == doctest::Approx(y - w).epsilon(1e-13));
    REQUIRE(reply.extra.size() == 1);
    CHECK(reply.extra[0].name == "control_variate");
    CHECK(reply.extra[0].weighted);
    CHECK(reply.extra[0].values.data()[0] == doctest::Approx(gradients / 5 - own).epsilon(1e-12));
    own = gradients / 5;
    CHECK(client.control_variate().data()[0] == doctest::Approx(own).epsilon(1e-12));
    REQUIRE(reply.extra_scalars.size() == 2);
    CHECK(reply.extra_scalars[0].value == (round == 1 ? 1 : 0));
    CHECK(reply.extra_scalars[1].value == (round == 1 ? 7 : 0));
    w += 0.5;
  }
}

TEST_CASE("with momentum the gradient is recovered all the same") {
  // On a linear loss every gradient is the same, whatever the steps do.
  struct Slope {
    using Scalar = double;
    [[nodiscard]] static Layout layout() { return Quadratic<double>::layout_for(1); }
    [[nodiscard]] static std::size_t num_examples() { return 3; }
    double loss(const Parameters<double>& at, std::span<const std::size_t>, Parameters<double>& g) const {
      g.data()[0] = -0.75;
      return -0.75 * at.data()[0];
    }
    [[nodiscard]] static Metrics evaluate(const Parameters<double>&) { return {}; }
  };
  ControlVariates client{LocalTrainer(Slope{}, {.learning_rate = 0.1, .momentum = 0.9, .local_steps = 8})};
  for (const double c : {0.0, 0.4}) {
    static_cast<void>(client.train(train_at(layout, {1}, objective_with(c)), {}));
    CHECK(client.control_variate().data()[0] == doctest::Approx(-0.75).epsilon(1e-13));
  }
}

TEST_CASE("when the rows change, the server's sum of rows times control variates stays right") {
  struct Growing : wrapping::MoveOnly {
    double rows = 4;
    TrainReply<double> train(const TrainRequest<double>& request, std::stop_token stop) {
      auto reply = MoveOnly::train(request, stop);
      reply.num_examples = rows;
      rows *= 1.5;
      return reply;
    }
  };
  ControlVariates client{Growing{}};
  double sum = 0, rows = 0;
  for (std::uint64_t round = 1; round <= 4; ++round) {
    const auto reply = client.train(train_at(layout, {0}, objective_with(0.1), round), {});
    sum += reply.num_examples * reply.extra[0].values.data()[0];
    rows += reply.extra_scalars[1].value;
    CHECK(rows == reply.num_examples);
    CHECK(sum == doctest::Approx(rows * client.control_variate().data()[0]).epsilon(1e-13));
  }
}

TEST_CASE("other requests pass through, and so does the inner client's state") {
  ControlVariates client{wrapping::MoveOnly{}};
  const auto plain = client.train(train_at(layout, {0}), {});
  CHECK(plain.extra.empty());
  CHECK(client.control_variate().size() == 0);
  static_cast<void>(client.train(train_at(layout, {0}, objective_with(0.25)), {}));
  // c_i = 0 - 0.25 - 1 / (0.5 * 4)
  CHECK(client.control_variate().data()[0] == -0.75);
  TaskHandlers handlers = TaskHandlers::of(std::move(client));
  REQUIRE(handlers.stateful());
  ControlVariates other{wrapping::MoveOnly{}};
  const auto bytes = handlers.state();
  SpanSource source(bytes);
  BinaryReader reader(source);
  reader >> other;
  reader.finish();
  CHECK(other.control_variate().data()[0] == -0.75);
  CHECK(*other.inner().calls == 2);
  CHECK(other.evaluate(wrapping::evaluate_at(layout, {3}), {}).metrics["first"] == 3);
}

TEST_CASE("it honours what the inner client does, and control variates if that can be corrected") {
  CHECK(ControlVariates{wrapping::MoveOnly{}}.honours() ==
        ObjectiveParts{.proximal = true, .linear_correction = true, .control_variates = true});
  struct Plain : wrapping::MoveOnly {
    static ObjectiveParts honours() { return {}; }
  };
  CHECK(ControlVariates{Plain{}}.honours() == ObjectiveParts{});
}

TEST_CASE("an inner client that keeps its rate to itself, or answers nonsense, changes nothing") {
  struct Odd : wrapping::MoveOnly {
    double rate = 0;
    double value = 1;
    TrainReply<double> train(const TrainRequest<double>& request, std::stop_token stop) {
      auto reply = MoveOnly::train(request, stop);
      reply.learning_rate = rate;
      reply.update.flat().setConstant(value);
      return reply;
    }
  };
  ControlVariates silent{Odd{}};
  CHECK_THROWS_WITH_AS(static_cast<void>(silent.train(train_at(layout, {0}, objective_with(0)), {})),
                       doctest::Contains("learning_rate"), Error);
  ControlVariates broken{Odd{{}, 0.1, std::numeric_limits<double>::quiet_NaN()}};
  CHECK_THROWS_AS(static_cast<void>(broken.train(train_at(layout, {0}, objective_with(0)), {})), Error);
  CHECK(broken.control_variate().size() == 0);
}

TEST_CASE("stopped before the first step, it remembers nothing") {
  ControlVariates client{Trainer(Quadratic<double>{{1}, {2}, 7}, {.local_steps = 5})};
  std::stop_source stop;
  stop.request_stop();
  const auto reply = client.train(train_at(layout, {0}, objective_with(0)), stop.get_token());
  CHECK(reply.partial);
  CHECK(reply.extra.at(0).values.data()[0] == 0);
  CHECK(client.control_variate().size() == 0);
}

}  // namespace client_control_variates_test
