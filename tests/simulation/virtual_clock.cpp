#include "healthai/simulation/virtual_clock.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "partitions.hpp"

namespace simulation_virtual_clock_test {

using namespace healthai;

TEST_CASE("durations are log-normal, with a part that stays with the client") {
  const VirtualClock clock({.median_seconds = 20, .client_deviation = 0.6, .round_deviation = 0.3}, 11);
  double mean = 0;
  double total = 0;
  double within = 0;
  constexpr int clients = 4000;
  for (int i = 0; i < clients; ++i) {
    const ClientId client = "c" + std::to_string(i);
    const double first = std::log(clock.duration(client, 1));
    const double second = std::log(clock.duration(client, 2));
    mean += first / clients;
    total += std::pow(first - std::log(20), 2) / clients;
    within += std::pow(first - second, 2) / (2 * clients);
  }
  CHECK(mean == doctest::Approx(std::log(20)).epsilon(0.02));
  CHECK(std::sqrt(total) == doctest::Approx(std::sqrt(0.36 + 0.09)).epsilon(0.05));
  CHECK(std::sqrt(within) == doctest::Approx(0.3).epsilon(0.05));
  CHECK(VirtualClock({.median_seconds = 20, .client_deviation = 0, .round_deviation = 0}).duration("a", 1) ==
        20);
}

TEST_CASE("the same seed gives the same times, another seed, client or round others") {
  const VirtualClock clock({}, 1);
  CHECK(clock.duration("a", 1) == VirtualClock({}, 1).duration("a", 1));
  CHECK(clock.duration("a", 1) != VirtualClock({}, 2).duration("a", 1));
  CHECK(clock.duration("a", 1) != clock.duration("a", 2));
  CHECK(clock.duration("a", 1) != clock.duration("b", 1));
}

TEST_CASE("as many drop out as asked") {
  const VirtualClock clock({.drop_out = 0.1}, 3);
  int times = 0;
  for (std::uint64_t round = 1; round <= 10000; ++round) times += clock.drops_out("a", round) ? 1 : 0;
  CHECK(std::abs(times - 1000) < 6 * 30);  // binomial(10000, 0.1): sd 30
  CHECK_FALSE(VirtualClock().drops_out("a", 1));
  CHECK(VirtualClock({.drop_out = 1}).drops_out("a", 1));
}

TEST_CASE("availability and the passing of time") {
  VirtualClock clock({.availability = {{"a", {{5, 10}, {20, 30}, {25, 40}}}, {"never", {}}}});
  CHECK_FALSE(clock.there("a"));
  CHECK(clock.there_until("a") == 0);
  CHECK(clock.there_until("b") == std::numeric_limits<double>::infinity());
  CHECK_FALSE(clock.there("never"));
  clock.advance(5);
  CHECK(clock.there_until("a") == 10);
  clock.advance_to(10);
  CHECK_FALSE(clock.there("a"));
  clock.advance_to(26);
  CHECK(clock.there_until("a") == 40);
  clock.advance_to(3);
  CHECK(clock.now() == 26);
}

TEST_CASE("impossible settings are refused") {
  CHECK(error_of([] { (void)VirtualClock({.median_seconds = 0}); }) ==
        "invalid_argument: client times: median_seconds must be positive, but is 0");
  CHECK_THROWS_AS(VirtualClock({.client_deviation = -1}), Error);
  CHECK_THROWS_AS(VirtualClock({.round_deviation = std::numeric_limits<double>::infinity()}), Error);
  CHECK_THROWS_AS(VirtualClock({.drop_out = 1.5}), Error);
  CHECK_THROWS_AS(VirtualClock({.availability = {{"a", {{2, 2}}}}}), Error);
  VirtualClock clock;
  CHECK_THROWS_AS(clock.advance(-1), Error);
}

}  // namespace simulation_virtual_clock_test
