#include "healthai/simulation/detail/dirichlet.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <cmath>
#include <numeric>
#include <vector>

namespace simulation_detail_dirichlet_test {

using namespace healthai;

TEST_CASE("means and variances are those of the Dirichlet distribution") {
  // mean a_i / A, variance a_i (A - a_i) / (A^2 (A + 1)) with A the sum of the concentrations.
  const std::vector<double> a{0.2, 1.0, 2.8};
  const double total = 4.0;
  constexpr int draws = 40000;
  Stream stream(1, Purpose::test);
  std::vector<double> sum(3, 0.0);
  std::vector<double> squares(3, 0.0);
  for (int i = 0; i < draws; ++i) {
    const auto shares = detail::draw_dirichlet(a, stream);
    for (std::size_t k = 0; k < 3; ++k) {
      sum[k] += shares[k];
      squares[k] += shares[k] * shares[k];
    }
  }
  for (std::size_t k = 0; k < 3; ++k) {
    const double mean = a[k] / total;
    const double variance = a[k] * (total - a[k]) / (total * total * (total + 1));
    CHECK(std::abs(sum[k] / draws - mean) < 5 * std::sqrt(variance / draws));
    CHECK(squares[k] / draws - std::pow(sum[k] / draws, 2) == doctest::Approx(variance).epsilon(0.05));
  }
}

TEST_CASE("shares add up to one, however small the concentrations; a concentration of zero has no share") {
  CHECK(rc::check([](std::uint64_t seed) {
    const double alpha = std::pow(10.0, *rc::gen::inRange(-6, 6));
    const auto count = *rc::gen::inRange<std::size_t>(1, 30);
    std::vector<double> a(count, alpha);
    a.push_back(0);
    Stream stream(seed, Purpose::test);
    const auto shares = detail::draw_dirichlet(a, stream);
    RC_ASSERT(shares.size() == count + 1);
    RC_ASSERT(std::abs(std::accumulate(shares.begin(), shares.end(), 0.0) - 1) < 1e-12);
    for (const double share : shares) RC_ASSERT(share >= 0);
    RC_ASSERT(shares.back() == 0);
  }));
}

TEST_CASE("apportioned sizes add up and are within one of their shares") {
  CHECK(rc::check([](std::uint64_t seed) {
    const auto count = *rc::gen::inRange<std::size_t>(1, 30);
    const auto total = *rc::gen::inRange<std::size_t>(0, 1000);
    Stream stream(seed, Purpose::test);
    const auto shares = detail::draw_dirichlet(std::vector<double>(count, 0.7), stream);
    const auto sizes = detail::apportion(shares, total);
    RC_ASSERT(std::accumulate(sizes.begin(), sizes.end(), std::size_t{0}) == total);
    for (std::size_t i = 0; i < count; ++i) {
      RC_ASSERT(std::abs(static_cast<double>(sizes[i]) - shares[i] * static_cast<double>(total)) < 1 + 1e-9);
    }
  }));
  CHECK(detail::apportion(std::vector<double>{0.5, 0.25, 0.25}, 8) == std::vector<std::size_t>{4, 2, 2});
}

}  // namespace simulation_detail_dirichlet_test
