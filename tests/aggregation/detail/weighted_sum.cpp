#include "healthai/aggregation/detail/weighted_sum.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>
#include <bit>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <vector>

namespace aggregation_detail_weighted_sum_test {

using namespace healthai::detail;

namespace {

template <class Scalar>
struct Problem {
  std::vector<std::vector<Scalar>> values;
  std::vector<const Scalar*> pointers;
  std::vector<double> weights;
  std::size_t size = 0;

  [[nodiscard]] Terms<Scalar> terms() const { return {pointers.data(), weights.data(), pointers.size()}; }
};

template <class Scalar>
Problem<Scalar> any_problem() {
  Problem<Scalar> p;
  p.size = *rc::gen::inRange<std::size_t>(0, 70);
  const auto clients = *rc::gen::inRange<std::size_t>(1, 14);
  for (std::size_t k = 0; k < clients; ++k) {
    p.values.push_back(*rc::gen::container<std::vector<Scalar>>(
        p.size, rc::gen::map(rc::gen::inRange(-1'000'000'000, 1'000'000'000),
                             [](int i) { return static_cast<Scalar>(i) / Scalar{7919}; })));
    p.weights.push_back(*rc::gen::inRange(0, 1'000'000) / 3.0);
  }
  for (const auto& values : p.values) p.pointers.push_back(values.data());
  return p;
}

// One coordinate at a time; volatile, so that the product is rounded before it is added.
template <class Scalar>
std::vector<double> by_hand(const Problem<Scalar>& p, std::vector<double> sum) {
  for (std::size_t i = 0; i < p.size; ++i) {
    for (std::size_t k = 0; k < p.values.size(); ++k) {
      const volatile double product = static_cast<double>(p.values[k][i]) * p.weights[k];
      sum[i] += product;
    }
  }
  return sum;
}

std::vector<std::uint64_t> bits(const std::vector<double>& values) {
  std::vector<std::uint64_t> result;
  for (const double value : values) result.push_back(std::bit_cast<std::uint64_t>(value));
  return result;
}

}  // namespace

TEST_CASE_TEMPLATE("weighted sum: every instruction set gives the bits of the plain loop", Scalar, float,
                   double) {
  CHECK(rc::check([] {
    const auto p = any_problem<Scalar>();
    const auto cut = *rc::gen::inRange<std::size_t>(0, p.size + 1);
    const auto expected = bits(by_hand(p, std::vector<double>(p.size, 0.0)));
    const auto on_top = bits(by_hand(p, std::vector<double>(p.size, 0.1)));
    for (const Simd simd : supported_simd()) {
      const auto kernels = weighted_sum_kernels<Scalar>(simd);
      // In two blocks; whatever was in the sums before does not count.
      std::vector<double> sum(p.size, std::numeric_limits<double>::quiet_NaN());
      kernels.add(sum.data(), p.terms(), 0, cut, true);
      kernels.add(sum.data() + cut, p.terms(), cut, p.size - cut, true);
      RC_ASSERT(bits(sum) == expected);
      // One term at a time.
      std::vector<double> single(p.size, 0.0);
      for (std::size_t k = 0; k < p.values.size(); ++k) {
        kernels.add(single.data(), {&p.pointers[k], &p.weights[k], 1}, 0, p.size, false);
      }
      RC_ASSERT(bits(single) == expected);
      // Straight to the mean: what dividing the sums gives, from nothing and on top of sums that are there.
      std::vector<Scalar> mean(p.size), on_top_mean(p.size);
      std::vector<double> scratch(p.size, std::numeric_limits<double>::quiet_NaN());
      RC_ASSERT(kernels.finish(mean.data(), 3.0, scratch.data(), p.terms(), 0, p.size, true));
      std::vector<double> some(p.size, 0.1);
      RC_ASSERT(kernels.finish(on_top_mean.data(), 3.0, some.data(), p.terms(), 0, p.size, false));
      for (std::size_t i = 0; i < p.size; ++i) {
        RC_ASSERT(mean[i] == static_cast<Scalar>(std::bit_cast<double>(expected[i]) / 3.0));
        RC_ASSERT(on_top_mean[i] == static_cast<Scalar>(std::bit_cast<double>(on_top[i]) / 3.0));
      }
      // On top of sums that are there.
      std::vector<double> more(p.size, 0.1);
      kernels.add(more.data(), p.terms(), 0, p.size, false);
      RC_ASSERT(bits(more) == on_top);
    }
  }));
}

TEST_CASE_TEMPLATE("weighted sum: products are not fused into the sum", Scalar, float, double) {
  // 1 + 3e where the product (1/3)(3) rounds to 1: a fused multiply-add would leave the rounding error in the sum.
  const double weight = 1.0 / 3.0;
  std::vector<Scalar> three(40, Scalar{3});
  const Scalar* pointer = three.data();
  for (const Simd simd : supported_simd()) {
    CAPTURE(to_string(simd));
    std::vector<double> sum(three.size(), -1.0);
    weighted_sum_kernels<Scalar>(simd).add(sum.data(), {&pointer, &weight, 1}, 0, sum.size(), false);
    for (const double s : sum) CHECK(s == 0.0);
  }
}

TEST_CASE_TEMPLATE("dividing: rounded once, and what is not finite is noticed wherever it is", Scalar, float,
                   double) {
  for (const Simd simd : supported_simd()) {
    CAPTURE(to_string(simd));
    const auto divide = [&](Scalar* out, double* sum, double weight, std::size_t count) {
      return weighted_sum_kernels<Scalar>(simd).finish(out, weight, sum, {}, 0, count, false);
    };
    for (std::size_t size = 0; size < 20; ++size) {
      std::vector<double> sum(size);
      for (std::size_t i = 0; i < size; ++i) sum[i] = static_cast<double>(i) - 3.0;
      std::vector<Scalar> mean(size);
      CHECK(divide(mean.data(), sum.data(), 7.0, size));
      for (std::size_t i = 0; i < size; ++i) CHECK(mean[i] == static_cast<Scalar>(sum[i] / 7.0));
      const double large = std::is_same_v<Scalar, float> ? 1e39 : 1e300;
      for (std::size_t i = 0; i < size; ++i) {
        for (const double bad : {large, -large, std::numeric_limits<double>::infinity(),
                                 std::numeric_limits<double>::quiet_NaN()}) {
          auto broken = sum;
          broken[i] = bad;
          CHECK_FALSE(divide(mean.data(), broken.data(), 1e-10, size));
        }
      }
    }
  }
}

}  // namespace aggregation_detail_weighted_sum_test
