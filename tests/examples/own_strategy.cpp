#include <doctest/doctest.h>

#include "run_example.hpp"

namespace examples_own_strategy_test {

TEST_CASE("a strategy of one's own beside FedAvg: the first round is the same, later ones are faster") {
  const ProgramResult result = run_example("own_strategy");
  CAPTURE(result.output);
  REQUIRE(result.status == 0);
  const auto losses = [&result](const char* round) {
    const std::size_t at = result.output.find(std::string("\n") + round + "  ");
    REQUIRE(at != std::string::npos);
    double plain = 0;
    double momentum = 0;
    REQUIRE(std::sscanf(result.output.c_str() + at, " %*d %lf %lf", &plain, &momentum) == 2);
    return std::pair{plain, momentum};
  };
  CHECK(losses("    1").first == losses("    1").second);
  for (const char* round : {"    2", "    5", "   15", "   30"}) {
    CAPTURE(round);
    CHECK(losses(round).second < losses(round).first);
  }
}

}  // namespace examples_own_strategy_test
