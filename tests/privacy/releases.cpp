#include "healthai/privacy/releases.hpp"

#include <doctest/doctest.h>
#include <cstdint>
#include <string>

#include "refusals.hpp"

namespace privacy_releases_test {

using namespace healthai;
using refusals_test::refuses;

TEST_CASE("releases: each different mechanism once") {
  Releases<Patients> releases;
  CHECK(releases.entries().empty());
  CHECK(releases.adjacency() == Adjacency::add_remove);
  for (int round = 0; round < 100; ++round) releases.add({1.5, 0.01}, 20);
  releases.add({1.5, 0.02});
  releases.add({3, 0.01}, 0);
  REQUIRE(releases.entries().size() == 2);
  CHECK(releases.entries()[0].steps == 2000);
  CHECK(releases.entries()[0].mechanism.noise_multiplier == 1.5);
  CHECK(releases.entries()[1].mechanism.sampling_rate == 0.02);
  CHECK(releases.steps() == 2001);
}

TEST_CASE("releases: a unit that is replaced changes the sum twice as much") {
  Releases<Hospitals> releases(Adjacency::replace);
  releases.add({3, 1}, 50);
  CHECK(releases.entries()[0].mechanism.noise_multiplier == 1.5);
  refuses(
      [&] {
        releases.add({3, 0.5});
      },
      error::invalid_argument, "state the guarantee for hospitals added or removed");
  refuses([&] { releases.add({0.015, 1}); }, error::invalid_argument, "noise multiplier");
  CHECK(releases.steps() == 50);
}

TEST_CASE("releases: refusals leave it as it was") {
  Releases<Patients> releases;
  releases.add({1, 1}, std::uint64_t{1} << 53U);
  refuses([&] { releases.add({1, 1}, 1); }, error::overflow, "2^53");
  refuses([&] { releases.add({1, 1}, UINT64_MAX); }, error::overflow, "2^53");
  refuses([&] { releases.add({0, 1}, 1); }, error::invalid_argument, "noise multiplier");
  CHECK(releases.steps() == std::uint64_t{1} << 53U);
  CHECK(releases.entries().size() == 1);
}

}  // namespace privacy_releases_test
