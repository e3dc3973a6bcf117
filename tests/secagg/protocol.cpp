#include "healthai/secagg/coordinator/collecting_releases.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include "secagg/members.hpp"

namespace secagg_protocol_test {

using namespace secagg_test;

namespace {

Silence nobody(std::size_t n) {
  return Silence(n, 6);
}

}  // namespace

TEST_CASE("the opened sum is the sum of the vectors, exactly") {
  for (const std::size_t n : {3U, 4U, 7U, 12U}) {
    for (const unsigned bits : {32U, 64U}) {
      CAPTURE(n);
      CAPTURE(bits);
      const Cohort cohort(n, {.corrupt = 0, .dropout = 0}, 1000, bits);
      const Run sum = run(cohort, nobody(n));
      CHECK(sum.sum == sum.expected);
      CHECK(sum.survivors.size() == n);
      for (Index i = 0; i < n; ++i) CHECK(*sum.masked[i] != vector_of(i, bits, 1000));
    }
  }
}

TEST_CASE("whoever falls silent, at whatever step: as long as enough are left, the sum is exact") {
  CHECK(rc::check("random silences", [] {
    const auto n = *rc::gen::inRange<std::size_t>(4, 14);
    static std::map<std::size_t, Cohort> cohorts;  // keys cost more than a sum
    const Cohort& cohort =
        cohorts.try_emplace(n, n, SecAggOptions{.corrupt = 0, .dropout = 0}, std::size_t{20}).first->second;
    const std::size_t spare = n - cohort.session()->threshold();
    Silence silence = nobody(n);
    for (std::size_t k = 0; k < spare; ++k) {
      const auto who = *rc::gen::inRange<std::size_t>(0, n);
      silence[who] = *rc::gen::inRange(1, 6);
    }
    const Run sum = run(cohort, silence);
    RC_ASSERT(sum.sum == sum.expected);
    for (Index i = 0; i < n; ++i) {
      RC_ASSERT(std::binary_search(sum.survivors.begin(), sum.survivors.end(), i) == (silence[i] > 3));
    }
  }));
}

TEST_CASE("fifty members, a third of whom fall silent") {
  const Cohort cohort(50, {.corrupt = 0.02, .dropout = 0.2}, 100);
  Silence silence = nobody(50);
  for (std::size_t i = 0; i < 16; ++i) silence[3 * i] = 1 + static_cast<int>(i % 5);
  const Run sum = run(cohort, silence);
  CHECK(sum.sum == sum.expected);
}

TEST_CASE("masks that several threads make") {
  const Cohort cohort(12, {.corrupt = 0, .dropout = 0},
                      100'000);  // masks of some megabytes, which are worth it
  Silence silence = nobody(12);
  silence[2] = silence[9] = 3;
  for (const std::size_t threads : {0U, 2U, 3U}) {
    const Run sum = run(cohort, silence, {}, threads);
    CHECK(sum.sum == sum.expected);
  }
}

TEST_CASE("a sparse graph of three hundred: the same exact sum, with fewer masks") {
  const Cohort cohort(300, {.adversary = Adversary::semi_honest, .corrupt = 0.05, .dropout = 0.05}, 50);
  REQUIRE(cohort.terms.parameters.degree < 60);
  Silence silence = nobody(300);
  for (std::size_t i = 0; i < 12; ++i) silence[25 * i] = 1 + static_cast<int>(i % 5);
  const Run sum = run(cohort, silence);
  CHECK(sum.sum == sum.expected);
}

TEST_CASE("one too many, at any step, is an error that says how many are needed") {
  const Cohort cohort(6, {.corrupt = 0, .dropout = 0});
  REQUIRE(cohort.session()->threshold() == 4);
  const char* const steps[] = {"sent keys", "shared secrets", "handed in a vector",
                               "confirmed the list of survivors"};
  for (int step = 1; step <= 4; ++step) {
    Silence silence = nobody(6);
    for (const std::size_t i : {0U, 2U, 5U}) silence[i] = step;
    const std::string message = "secure aggregation: only 3 of 6 members " + std::string(steps[step - 1]) +
                                ", and 4 are needed to open a sum";
    CHECK_THROWS_WITH_AS((void)run(cohort, silence), message.c_str(), Error);
  }
  Silence silence = nobody(6);
  for (const std::size_t i : {0U, 2U, 5U}) silence[i] = 5;
  CHECK_THROWS_WITH_AS(
      (void)run(cohort, silence),
      "secure aggregation: of site00000 3 shares came, which do not make its secret; at least 4 "
      "right ones are needed",
      Error);
}

TEST_CASE("never are both shares of one member released") {
  const Cohort cohort(8, {.corrupt = 0, .dropout = 0});
  Silence silence = nobody(8);
  silence[1] = 3;
  silence[6] = 3;
  const Run sum = run(cohort, silence);
  for (const Index i : sum.survivors) {
    REQUIRE(sum.released[i]);
    std::set<Index> self_masks;
    std::set<Index> mask_keys;
    for (const ReleasedShare& one : sum.released[i]->self_masks) self_masks.insert(one.of);
    for (const ReleasedShare& one : sum.released[i]->mask_keys) mask_keys.insert(one.of);
    CHECK(self_masks == std::set<Index>(sum.survivors.begin(), sum.survivors.end()));
    CHECK(mask_keys == std::set<Index>{1, 6});
  }
}

}  // namespace secagg_protocol_test
