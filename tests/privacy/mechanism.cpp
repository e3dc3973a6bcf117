#include "healthai/privacy/mechanism.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

namespace privacy_mechanism_test {

using namespace healthai;

TEST_CASE("mechanisms of one kind are counted together, others beside them") {
  std::vector<Mechanism> spent;
  add_mechanism(spent, {NoiseKind::gaussian, 1.1, 0.1, 3});
  add_mechanism(spent, {NoiseKind::gaussian, 1.1, 0.2, 1});
  add_mechanism(spent, {NoiseKind::laplace, 1.1, 0.1, 1});
  add_mechanism(spent, {NoiseKind::gaussian, 1.2, 0.1, 1});
  add_mechanism(spent, {NoiseKind::gaussian, 1.1, 0.1, 4});
  REQUIRE(spent.size() == 4);
  CHECK(spent[0] == Mechanism{NoiseKind::gaussian, 1.1, 0.1, 7});
  CHECK_THROWS_AS(add_mechanism(spent, {NoiseKind::gaussian, 1.1, 0.1, UINT64_MAX - 6}), Error);
  CHECK(spent[0].steps == 7);
  CHECK(name_of(NoiseKind::gaussian) == "gaussian");
  CHECK(name_of(NoiseKind::laplace) == "laplace");
}

TEST_CASE("mechanisms outside their ranges are refused") {
  CHECK_NOTHROW(Mechanism{}.validate());
  for (const double bad : {0.0, -1.0, std::nan(""), HUGE_VAL}) {
    CHECK_THROWS_AS((Mechanism{NoiseKind::gaussian, bad, 1, 1}.validate()), Error);
    CHECK_THROWS_AS((Mechanism{NoiseKind::gaussian, 1, bad, 1}.validate()), Error);
  }
  CHECK_THROWS_AS((Mechanism{NoiseKind::gaussian, 1, 1.5, 1}.validate()), Error);
  CHECK_THROWS_AS((Mechanism{NoiseKind::gaussian, 1, 1, 0}.validate()), Error);
}

}  // namespace privacy_mechanism_test
