#include "healthai/core/local_objective.hpp"

#include <doctest/doctest.h>

namespace core_local_objective_test {

using namespace healthai;

TEST_CASE("an objective needs exactly the parts that are set") {
  LocalObjective<double> objective;
  CHECK(objective.needs() == ObjectiveParts{});
  objective.proximal_mu = 0.1;
  objective.local_steps = 5;
  CHECK(objective.needs() == ObjectiveParts{.proximal = true, .local_steps = true});
  objective.linear_correction = Parameters<double>(Layout{{"w", {1}}});
  objective.learning_rate = 0.5;
  objective.initial_loss = true;
  CHECK(objective.needs() == ObjectiveParts::memoryless());
  objective.control_variates = true;
  CHECK(objective.needs().control_variates);
  CHECK_FALSE(objective.needs().dynamic_regularisation);
}

TEST_CASE("what is missing is named") {
  CHECK(ObjectiveParts{.proximal = true}.missing({}).empty());
  CHECK(ObjectiveParts{}.missing(ObjectiveParts::memoryless()) ==
        "proximal mu, linear correction, local steps, learning rate, initial loss");
  CHECK(ObjectiveParts::memoryless().missing({.control_variates = true, .dynamic_regularisation = true}) ==
        "control variates, dynamic regularisation");
  CHECK(ObjectiveParts{.linear_correction = true}.missing({.proximal = true, .linear_correction = true}) ==
        "proximal mu");
}

}  // namespace core_local_objective_test
