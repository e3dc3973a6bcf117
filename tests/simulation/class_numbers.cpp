#include "healthai/simulation/class_numbers.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <limits>
#include <string>

#include "partitions.hpp"

namespace simulation_class_numbers_test {

using namespace healthai;
using Numbers = std::vector<std::size_t>;

TEST_CASE("classes are numbered in ascending order of their values") {
  CHECK(class_numbers(std::vector<std::string>{"stroke", "asthma", "stroke", "copd"}) == Numbers{2, 0, 2, 1});
  CHECK(class_numbers(std::vector<double>{7, -1, 7}) == Numbers{1, 0, 1});
  CHECK(class_numbers(std::vector<double>{}).empty());
}

TEST_CASE("quantile bins by hand") {
  CHECK(quantile_bins(std::vector<double>{5, 1, 4, 2, 3, 6}, 3) == Numbers{2, 0, 1, 0, 1, 2});
  CHECK(quantile_bins(std::vector<double>{1, 1, 1, 9}, 2) == Numbers{0, 0, 0, 1});
  CHECK(quantile_bins(std::vector<double>{1, 2}, 4) == Numbers{0, 2});
  CHECK(quantile_bins(std::vector<double>{}, 4).empty());
  CHECK(error_of([] { (void)quantile_bins(std::vector<double>{1}, 0); }) ==
        "invalid_argument: quantile_bins: expected at least one bin, got none");
  CHECK(error_of([] {
          (void)quantile_bins(std::vector<double>{1, std::numeric_limits<double>::quiet_NaN()}, 2);
        }).find("not_finite: quantile_bins: the target of row 1") == 0);
}

TEST_CASE("bins of distinct values have equal sizes and are in the order of the values") {
  CHECK(rc::check([] {
    const auto rows = *rc::gen::inRange<std::size_t>(1, 200);
    const auto bins = *rc::gen::inRange<std::size_t>(1, 12);
    std::vector<double> target;
    for (std::size_t i = 0; i < rows; ++i) target.push_back(static_cast<double>((i * 7919) % 100003));
    const auto classes = quantile_bins(target, bins);
    Numbers sizes(bins, 0);
    for (std::size_t i = 0; i < rows; ++i) {
      ++sizes.at(classes[i]);
      for (std::size_t k = 0; k < i; ++k) RC_ASSERT(target[i] > target[k] || classes[i] <= classes[k]);
    }
    for (const std::size_t size : sizes) RC_ASSERT(size == rows / bins || size == rows / bins + 1);
  }));
}

}  // namespace simulation_class_numbers_test
