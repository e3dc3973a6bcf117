#include "healthai/simulation/feature_shift.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "healthai/model/features.hpp"
#include "partitions.hpp"

namespace simulation_feature_shift_test {

using namespace healthai;

TEST_CASE("the change is affine, column by column") {
  DesignMatrix x{2, 3, {1, 2, 3, 4, 5, 6}, {"a", "b", "c"}};
  const AffineChange change{{2, 1, -1}, {0.5, 10, 0}};
  shift_features(change, x);
  CHECK(x.values == std::vector<double>{2.5, 12, -3, 8.5, 15, -6});
  FeatureMatrix<float> y(1, 3);
  y << 1, 2, 3;
  shift_features(change, y);
  CHECK(y(0, 0) == 2.5F);
  CHECK(y(0, 1) == 12.0F);
  CHECK(y(0, 2) == -3.0F);
  CHECK(error_of([&] {
          shift_features(AffineChange{{1}, {0}}, x);
        }) == "invalid_argument: feature shift: the change is for 1 features, but the matrix has 3");
}

TEST_CASE("deviations over clients are those asked for") {
  double log_scale = 0;
  double offset = 0;
  constexpr int clients = 20000;
  for (int i = 0; i < clients; ++i) {
    const auto change = draw_feature_shift({.log_scale_deviation = 0.2, .offset_deviation = 3}, 1, 4,
                                           "c" + std::to_string(i));
    log_scale += std::pow(std::log(change.scale[0]), 2) / clients;
    offset += std::pow(change.offset[0], 2) / clients;
  }
  CHECK(std::sqrt(log_scale) == doctest::Approx(0.2).epsilon(0.03));
  CHECK(std::sqrt(offset) == doctest::Approx(3.0).epsilon(0.03));
}

TEST_CASE("no deviation is no change; more columns leave the first ones alone") {
  const auto none = draw_feature_shift({0, 0}, 2, 1, "a");
  CHECK(none.scale == std::vector<double>{1, 1});
  CHECK(none.offset == std::vector<double>{0, 0});
  const auto two = draw_feature_shift({}, 2, 1, "a");
  const auto three = draw_feature_shift({}, 3, 1, "a");
  CHECK(two.scale[1] == three.scale[1]);
  CHECK(two.offset[1] == three.offset[1]);
  CHECK(two.scale != draw_feature_shift({}, 2, 1, "b").scale);
  CHECK(two.scale != draw_feature_shift({}, 2, 2, "a").scale);
  CHECK(error_of([] { (void)draw_feature_shift({-1, 0}, 1, 1, "a"); }).find("invalid_argument") == 0);
}

}  // namespace simulation_feature_shift_test
