#include "healthai/simulation/size_skew.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <cmath>

#include "partitions.hpp"

namespace simulation_size_skew_test {

using namespace healthai;

TEST_CASE("iid: every row once, sizes within one") {
  CHECK(rc::check([](std::uint64_t seed) {
    const auto clients = *rc::gen::inRange<std::size_t>(1, 20);
    const auto rows = clients + *rc::gen::inRange<std::size_t>(0, 100);
    const auto groups = partition_rows(Iid{}, rows, clients, seed);
    RC_ASSERT(groups.size() == clients);
    RC_ASSERT(covers(groups, rows, rows / clients));
    for (const auto& group : groups) RC_ASSERT(group.size() <= rows / clients + 1);
  }));
}

TEST_CASE("iid: any row is as likely at any client, and the seed decides") {
  std::vector<int> times(4, 0);
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    const auto groups = partition_rows(Iid{}, 8, 4, seed);
    for (std::size_t i = 0; i < 4; ++i) times[i] += std::count(groups[i].begin(), groups[i].end(), 5U) > 0;
  }
  for (const int n : times) CHECK(std::abs(n - 500) < 6 * 20);  // binomial(2000, 1/4): sd 19.4
  CHECK(partition_rows(Iid{}, 50, 5, 1) == partition_rows(Iid{}, 50, 5, 1));
  CHECK(partition_rows(Iid{}, 50, 5, 1) != partition_rows(Iid{}, 50, 5, 2));
}

TEST_CASE("quantity: every row once and nobody below the minimum, however small alpha") {
  CHECK(rc::check([](std::uint64_t seed) {
    const auto clients = *rc::gen::inRange<std::size_t>(1, 20);
    const auto minimum = *rc::gen::inRange<std::size_t>(1, 5);
    const auto rows = clients * minimum + *rc::gen::inRange<std::size_t>(0, 200);
    const QuantitySkew how{std::pow(10.0, *rc::gen::inRange(-4, 5)), minimum};
    const auto groups = partition_rows(how, rows, clients, seed);
    RC_ASSERT(groups.size() == clients);
    RC_ASSERT(covers(groups, rows, minimum));
  }));
}

TEST_CASE("quantity: the variance of sizes is that of the Dirichlet distribution") {
  // Share of one of n clients: variance (n - 1) / (n^2 (n alpha + 1)); 2000 seeds, 10 clients that are exchangeable.
  constexpr double n = 10;
  constexpr double alpha = 2;
  double squares = 0;
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    for (const auto& group : partition_rows(QuantitySkew{alpha}, 10000, 10, seed)) {
      squares += std::pow(static_cast<double>(group.size()) / 10000 - 1 / n, 2) / n / 2000;
    }
  }
  CHECK(squares == doctest::Approx((n - 1) / (n * n * (n * alpha + 1))).epsilon(0.05));
}

TEST_CASE("what cannot be split") {
  CHECK(error_of([] { (void)partition_rows(Iid{}, 3, 4, 1); }).find("invalid_data: iid: 4 clients") == 0);
  CHECK(error_of([] { (void)partition_rows(Iid{}, 3, 0, 1); }).find("invalid_argument") == 0);
  CHECK(error_of([] { (void)partition_rows(QuantitySkew{-1}, 3, 1, 1); }) ==
        "invalid_argument: quantity: alpha must be positive and finite, but is -1");
  CHECK(error_of([] {
          (void)partition_rows(QuantitySkew{1, 0}, 3, 1, 1);
        }).find("minimum_rows") != std::string::npos);
  CHECK(error_of([] { (void)partition_rows(QuantitySkew{1, 2}, 5, 3, 1); }).find("invalid_data") == 0);
}

}  // namespace simulation_size_skew_test
