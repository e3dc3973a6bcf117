#include "healthai/core/norm.hpp"

#include <doctest/doctest.h>
#include <cmath>
#include <vector>

namespace core_norm_test {

using namespace healthai;

TEST_CASE_TEMPLATE("norm: of all tensors together; clipping leaves what is short enough", Scalar, float,
                   double) {
  Parameters<Scalar> p(Layout{{"a", {1}}, {"b", {}}}, std::vector<Scalar>{3, -4});
  CHECK(norm(p) == 5);
  CHECK(clip_to_norm(p, 5) == 5);
  CHECK(p.data()[0] == 3);
  CHECK(clip_to_norm(p, 1) == 5);
  CHECK(p.data()[0] == doctest::Approx(0.6));
  CHECK(p.data()[1] == doctest::Approx(-0.8));
  CHECK(clip_to_norm(p, 0) == doctest::Approx(1));
  CHECK(norm(p) == 0);
  CHECK(clip_to_norm(p, 0) == 0);
  Parameters<double> large(Layout{{"a", {2}}}, std::vector<double>{3e200, 4e200});
  CHECK(norm(large) == doctest::Approx(5e200));
}

TEST_CASE("norm: a zero update and tensors without dimensions are clipped like any other") {
  Parameters<float> zero(Layout{{"a", {2}}, {"b", {}}});
  for (const double bound : {0.0, 1e-300, 1.0}) {
    CHECK(clip_to_norm(zero, bound) == 0);
    CHECK(norm(zero) == 0);  // and not 0 / 0
  }
  Parameters<double> number(Layout{{"intercept", {}}}, std::vector<double>{-7});
  CHECK(clip_to_norm(number, 2) == 7);
  CHECK(number.data()[0] == doctest::Approx(-2));
}

TEST_CASE_TEMPLATE("distance: of all tensors together, also of models in several parts", Scalar, float,
                   double) {
  const Layout layout{{"a", {(std::size_t{2} << 20U) + 5}}};  // two parts and a bit
  Parameters<Scalar> a(layout);
  Parameters<Scalar> b(layout);
  CHECK(distance(a, b) == 0);
  a.data()[0] = 3;
  b.data()[layout.size() - 1] = 4;
  CHECK(distance(a, b) == 5);
  CHECK(distance(b, a) == 5);
  b.data()[std::size_t{1} << 20U] = 12;
  CHECK(distance(a, b) == 13);
  CHECK(distance(Parameters<Scalar>(), Parameters<Scalar>()) == 0);
  Parameters<double> large(Layout{{"a", {2}}}, std::vector<double>{3e200, 4e200});
  CHECK(distance(large, Parameters<double>(large.layout())) == doctest::Approx(5e200));
}

}  // namespace core_norm_test
