#include "healthai/privacy/clipped_mean.hpp"

#include <doctest/doctest.h>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "healthai/aggregation/norm_bounded_mean.hpp"
#include "refusals.hpp"

namespace privacy_clipped_mean_test {

using namespace healthai;
using refusals_test::refuses;

TEST_CASE("clipped mean: noise for equal weights") {
  CHECK(clipped_mean_stddev(1, 0.5, 10) == doctest::Approx(0.05));
  CHECK(clipped_mean_stddev(2, 0.1, 7) == doctest::Approx(0.2 / 7));
  CHECK(clipped_mean_stddev(0, 3, 4) == 0);
  CHECK(clipped_mean_stddev(1.5, 4, 5) ==
        doctest::Approx(1.5 * clipped_mean_sensitivity(4, std::vector<double>(5, 2.0))));
}

TEST_CASE("clipped mean: with one large client the sensitivity is what that client can do") {
  // Nine hospitals of 10 patients and one of 910: 9.1 times what equal weights would suggest.
  std::vector<double> weights(10, 10.0);
  weights[4] = 910;
  const double clip = 2;
  CHECK(clipped_mean_sensitivity(clip, weights) == doctest::Approx(9.1 * clip / 10));
  // And that it can do, but no more, whichever client is left out.
  const Layout layout{{"w", {1}}};
  const auto mean_without = [&](std::size_t left_out) {
    auto state = NormBoundedMean{.bound = clip}.begin<double>(layout);
    for (std::size_t k = 0; k < weights.size(); ++k) {
      const double value = k == left_out ? 0 : 100;
      state.add({Parameters<double>(layout, std::vector<double>{value}), weights[k]});
    }
    return state.finish().data()[0];
  };
  double largest = 0;
  for (std::size_t k = 0; k < weights.size(); ++k) {
    largest = std::fmax(largest, mean_without(weights.size()) - mean_without(k));
  }
  CHECK(largest == doctest::Approx(clipped_mean_sensitivity(clip, weights)));
}

TEST_CASE("clipped mean: numbers outside their range") {
  const double infinity = std::numeric_limits<double>::infinity();
  refuses([] { return clipped_mean_stddev(-1, 1, 1); }, "noise multiplier must not be negative, but is -1");
  refuses([] { return clipped_mean_stddev(1, -1, 1); }, "clip must not be negative");
  refuses([&] { return clipped_mean_stddev(1, infinity, 1); }, "clip");
  refuses([] { return clipped_mean_stddev(1, 1, 0); }, "at least one client");
  refuses([] { return clipped_mean_sensitivity(-1, std::vector<double>{1}); }, "clip must not be negative");
  refuses([] { return clipped_mean_sensitivity(1, std::vector<double>{1, -2}); }, "one is -2");
  refuses([&] { return clipped_mean_sensitivity(1, std::vector<double>{infinity}); }, "weights");
  refuses([] { return clipped_mean_sensitivity(1, std::vector<double>{0, 0}); }, "2 clients sum to 0");
  refuses([] { return clipped_mean_sensitivity(1, {}); }, "0 clients");
}

}  // namespace privacy_clipped_mean_test
