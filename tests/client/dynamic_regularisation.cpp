#include "healthai/client/dynamic_regularisation.hpp"

#include <doctest/doctest.h>

#include "../quadratic.hpp"
#include "healthai/client/local_trainer.hpp"
#include "wrapping.hpp"

namespace client_dynamic_regularisation_test {

using namespace healthai;
using wrapping::train_at;

namespace {

using Trainer = LocalTrainer<Quadratic<double>>;
static_assert(Client<DynamicRegularisation<Trainer>, double> &&
              BoundsItsCurvature<DynamicRegularisation<Trainer>>);

const Layout layout = Quadratic<double>::layout_for(1);

LocalObjective<double> objective_with(double alpha) {
  LocalObjective<double> objective;
  objective.proximal_mu = alpha;
  objective.dynamic_regularisation = true;
  return objective;
}

}  // namespace

TEST_CASE("solved to the end, it remembers the gradient where it stopped") {
  const double d = 1.5, a = 2, alpha = 0.4;
  DynamicRegularisation client{
      Trainer(Quadratic<double>{{d}, {a}, 7}, {.learning_rate = 0.3, .local_steps = 300})};
  double w = -1;
  double g = 0;
  for (std::uint64_t round = 1; round <= 3; ++round) {
    const auto reply = client.train(train_at(layout, {w}, objective_with(alpha), round), {});
    const double x = (d * a + g + alpha * w) / (d + alpha);
    CHECK(reply.update.data()[0] == doctest::Approx(x - w).epsilon(1e-12));
    g = d * (x - a);  // the gradient of its own loss, which is g - alpha (x - w)
    CHECK(client.gradient().data()[0] == doctest::Approx(g).epsilon(1e-12));
    CHECK(reply.extra.empty());
    REQUIRE(reply.extra_scalars.size() == 2);
    CHECK(reply.extra_scalars[1].value == (round == 1 ? 7 : 0));
    w += 0.7;
  }
}

TEST_CASE("it adds to the server's linear correction, and other requests pass through") {
  LocalObjective<double> objective = objective_with(0.5);
  objective.linear_correction = Parameters<double>(layout);
  objective.linear_correction->data()[0] = 0.8;
  DynamicRegularisation client{
      Trainer(Quadratic<double>{{2}, {1}, 7}, {.learning_rate = 0.2, .local_steps = 300})};
  CHECK(client.train(train_at(layout, {3}, objective), {}).update.data()[0] ==
        doctest::Approx((2 * 1 - 0.8 + 0.5 * 3) / 2.5 - 3).epsilon(1e-12));
  DynamicRegularisation other{wrapping::MoveOnly{}};
  CHECK(other.train(train_at(layout, {0}), {}).extra_scalars.empty());
  CHECK(other.gradient().size() == 0);
  CHECK(*other.inner().calls == 1);
}

TEST_CASE("it honours dynamic regularisation around a client with a proximal term and a linear correction") {
  CHECK(DynamicRegularisation{wrapping::MoveOnly{}}.honours().dynamic_regularisation);
  struct Plain : wrapping::MoveOnly {
    static ObjectiveParts honours() { return {.linear_correction = true}; }
  };
  CHECK(DynamicRegularisation{Plain{}}.honours() == ObjectiveParts{.linear_correction = true});
}

}  // namespace client_dynamic_regularisation_test
