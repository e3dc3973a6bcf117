#include "healthai/core/parameters.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <utility>

namespace core_parameters_test {

using namespace healthai;

TEST_CASE_TEMPLATE("one buffer, seen by name and as a whole", Scalar, float, double) {
  Parameters<Scalar> parameters{Layout{{"weight", {2, 3}}, {"bias", {3}}, {"scale", {}}}};
  CHECK(parameters.size() == 10);
  CHECK(reinterpret_cast<std::uintptr_t>(parameters.data()) % 64 == 0);
  CHECK(parameters.flat().isZero(0));
  parameters["weight"](1, 2) = 5;
  parameters["scale"]() = 7;
  CHECK(parameters.data()[5] == 5);
  CHECK(parameters.data()[9] == 7);
  parameters.flat() *= Scalar{2};
  const Parameters<Scalar>& constant = parameters;
  CHECK(constant["weight"](1, 2) == 10);
  CHECK(constant["weight"].shape(0) == 2);
  CHECK_THROWS_AS(static_cast<void>(constant["nothing"]), Error);
}

TEST_CASE("copies are apart, moves keep the buffer") {
  const Layout layout{{"w", {4}}};
  Parameters<double> a(layout);
  a.data()[0] = 1;
  Parameters<double> b = a;
  b.data()[0] = 2;
  CHECK(a.data()[0] == 1);
  const double* buffer = b.data();
  const Parameters<double> c = std::move(b);
  CHECK(c.data() == buffer);
  CHECK(b.size() == 0);  // NOLINT(bugprone-use-after-move): a moved-from value is empty
  b = a;
  CHECK(b.data()[0] == 1);
  Parameters<double> other(Layout{{"v", {9}}});
  other = a;
  CHECK(other.layout() == layout);
  CHECK(other.data()[0] == 1);
}

TEST_CASE("values of another number are refused, and another layout by name") {
  const double values[] = {1, 2, 3};
  CHECK_THROWS_AS(Parameters<double>(Layout{{"w", {4}}}, values), Error);
  CHECK(Parameters<double>(Layout{{"w", {3}}}, values).data()[2] == 3);
  CHECK_THROWS_WITH_AS(require_layout(Layout{{"w", {3}}}, Layout{{"w", {4}}}, "client north"),
                       "client north: expected the layout w[3], got w[4]", Error);
}

}  // namespace core_parameters_test
