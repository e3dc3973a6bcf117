#include "healthai/server/outcome.hpp"

#include <doctest/doctest.h>

#include "healthai/serialization/archive.hpp"

namespace server_outcome_test {

using namespace healthai;

TEST_CASE("only a run that came to rest has converged") {
  Outcome<double> outcome;
  CHECK_FALSE(outcome.converged());
  outcome.reason = StopReason::converged;
  CHECK(outcome.converged());
}

TEST_CASE("the best model keeps its parameters bit for bit") {
  const double value = 0.1;
  const BestModel<double> best{7, -1.5,
                               Parameters<double>(Layout{{"w", {1}}}, std::span<const double>(&value, 1))};
  const auto copy = from_bytes<BestModel<double>>(to_bytes(best));
  CHECK(copy.round == 7);
  CHECK(copy.value == -1.5);
  CHECK(copy.parameters.data()[0] == 0.1);
}

}  // namespace server_outcome_test
