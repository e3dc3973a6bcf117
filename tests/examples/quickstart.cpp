#include <doctest/doctest.h>

#include <cmath>

#include "run_example.hpp"

namespace examples_quickstart_test {

TEST_CASE("the quickstart reaches the hazard ratios of the stratified pooled fit") {
  const ProgramResult result = run_example("quickstart");
  CHECK(result.status == 0);
  CHECK(result.says("converged after"));
  // exp of the coefficients of coxph(Surv(time, dead) ~ age + sex + ph.ecog + strata(hospital)), R package survival 3.5-3,
  // on the same file; printed with four decimals.
  CHECK(result.number_after("age      hazard ratio") ==
        doctest::Approx(std::exp(0.01218818072396301)).epsilon(5e-5));
  CHECK(result.number_after("sex      hazard ratio") ==
        doctest::Approx(std::exp(-0.5496910046320834)).epsilon(1e-4));
  CHECK(result.number_after("ph.ecog  hazard ratio") ==
        doctest::Approx(std::exp(0.5403424044037637)).epsilon(5e-5));
}

}  // namespace examples_quickstart_test
