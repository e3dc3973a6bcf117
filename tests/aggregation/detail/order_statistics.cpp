#include "healthai/aggregation/detail/order_statistics.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "healthai/aggregation/detail/apply_order_statistic.hpp"

namespace aggregation_detail_order_statistics_test {

using namespace healthai::detail;

namespace {

template <class Scalar>
struct Problem {
  std::vector<std::vector<Scalar>> rows;
  std::vector<const Scalar*> pointers;
  std::size_t n = 0;
  std::size_t size = 0;

  [[nodiscard]] std::vector<double> sorted_column(std::size_t i) const {
    std::vector<double> column;
    for (const auto& row : rows) column.push_back(static_cast<double>(row[i]));
    std::sort(column.begin(), column.end());
    return column;
  }
};

template <class Scalar>
Problem<Scalar> any_problem() {
  Problem<Scalar> p;
  p.n = *rc::gen::inRange<std::size_t>(1, 120);
  p.size = *rc::gen::inRange<std::size_t>(1, 150);
  for (std::size_t k = 0; k < p.n; ++k) {
    p.rows.push_back(*rc::gen::container<std::vector<Scalar>>(
        p.size,
        rc::gen::map(rc::gen::inRange(-1000, 1000), [](int i) { return static_cast<Scalar>(i) / 8; })));
  }
  for (const auto& row : p.rows) p.pointers.push_back(row.data());
  return p;
}

// Applies it in every instruction set, and checks that all give the same bits.
template <class Scalar>
std::vector<Scalar> apply(const Problem<Scalar>& p, const OrderStatistic& what) {
  std::vector<Scalar> first;
  for (const Simd simd : supported_simd()) {
    std::vector<Scalar> out(p.size), tile(p.n * widest_order_tile<Scalar>);
    const std::size_t cut = p.size / 3;
    order_statistic_kernel<Scalar>(simd)(out.data(), p.pointers.data(), what, 0, cut, tile.data());
    order_statistic_kernel<Scalar>(simd)(out.data(), p.pointers.data(), what, cut, p.size - cut, tile.data());
    if (first.empty()) first = out;
    RC_ASSERT(first == out);
  }
  return first;
}

}  // namespace

TEST_CASE_TEMPLATE("order statistics: means of ranks are those of the sorted column", Scalar, float, double) {
  CHECK(rc::check([] {
    const auto p = any_problem<Scalar>();
    const auto first = *rc::gen::inRange<std::size_t>(0, p.n);
    const auto last = *rc::gen::inRange<std::size_t>(first + 1, p.n + 1);
    const auto median = apply(p, OrderStatistic::median(p.n));
    const auto mean = apply(p, OrderStatistic::ranks(p.n, first, last));
    for (std::size_t i = 0; i < p.size; ++i) {
      const auto column = p.sorted_column(i);
      RC_ASSERT(median[i] == static_cast<Scalar>((column[(p.n - 1) / 2] + column[p.n / 2]) / 2));
      double sum = 0;  // exact: the values are eighths
      for (std::size_t r = first; r < last; ++r) sum += column[r];
      RC_ASSERT(mean[i] == static_cast<Scalar>(sum / static_cast<double>(last - first)));
    }
  }));
}

TEST_CASE_TEMPLATE("order statistics: the closest are the closest, the lower of two equally far", Scalar,
                   float, double) {
  CHECK(rc::check([] {
    const auto p = any_problem<Scalar>();
    const auto count = *rc::gen::inRange<std::size_t>(1, p.n + 1);
    for (const bool to_zero : {false, true}) {
      const auto mean = apply(p, to_zero ? OrderStatistic::closest_to_zero(p.n, count)
                                         : OrderStatistic::closest_to_median(p.n, count));
      for (std::size_t i = 0; i < p.size; ++i) {
        auto column = p.sorted_column(i);
        const double centre = to_zero ? 0 : (column[(p.n - 1) / 2] + column[p.n / 2]) / 2;
        std::stable_sort(column.begin(), column.end(), [centre](double a, double b) {
          return std::abs(a - centre) < std::abs(b - centre);
        });
        double sum = 0;
        for (std::size_t r = 0; r < count; ++r) sum += column[r];
        RC_ASSERT(mean[i] == static_cast<Scalar>(sum / static_cast<double>(count)));
      }
    }
  }));
}

TEST_CASE("order statistics: a sum may overflow where the mean does not") {
  const double large = std::numeric_limits<double>::max();
  Problem<double> p;
  p.n = 5;
  p.size = 3;
  for (std::size_t k = 0; k < p.n; ++k) p.rows.push_back({large, k == 2 ? -large : large, 0.1});
  for (const auto& row : p.rows) p.pointers.push_back(row.data());
  CHECK(apply(p, OrderStatistic::ranks(5, 1, 5))[0] == large);
  CHECK(apply(p, OrderStatistic::ranks(5, 0, 5))[1] == doctest::Approx(large * 0.6));
  CHECK(apply(p, OrderStatistic::closest_to_median(5, 4))[0] == large);
}

TEST_CASE("order statistics: the same on any number of threads, and into one of the rows") {
  constexpr std::size_t size = 40'000;  // more than two blocks
  std::vector<std::vector<float>> rows(7, std::vector<float>(size));
  unsigned random = 1;
  for (auto& row : rows) {
    for (float& value : row) {
      random = random * 1664525U + 1013904223U;
      value = static_cast<float>(random >> 8);
    }
  }
  std::vector<const float*> pointers;
  for (const auto& row : rows) pointers.push_back(row.data());
  std::vector<float> one(size);
  apply_order_statistic<float>(OrderStatistic::median(7), pointers, one.data(), size, 1);
  apply_order_statistic<float>(OrderStatistic::median(7), pointers, rows[0].data(), size, 3);
  CHECK(rows[0] == one);
}

}  // namespace aggregation_detail_order_statistics_test
