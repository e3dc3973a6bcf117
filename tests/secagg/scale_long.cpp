// Secure sums of many sizes, which take their time.
#include "healthai/secagg/coordinator/collecting_releases.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "secagg/silences.hpp"

namespace secagg_scale_long_test {

using namespace secagg_test;

TEST_CASE("of 3 to 50 members as many as may fall silent: the sum is exact; one more is an error") {
  Stream stream(1, Purpose::test);
  for (std::size_t n = 3; n <= 50; ++n) {
    const Cohort cohort(n, {.corrupt = 0, .dropout = 0}, 4, n % 2 == 0 ? 64 : 32);
    require_exact_up_to_the_limit(cohort, stream);
    require_error_past_the_limit(cohort, stream);
  }
}

TEST_CASE("a hundred members, all of whom share with all") {
  Stream stream(2, Purpose::test);
  const Cohort cohort(100, {.corrupt = 0.1, .dropout = 0.3}, 4);
  REQUIRE(cohort.session()->threshold() == 56);
  require_exact_up_to_the_limit(cohort, stream);
  require_error_past_the_limit(cohort, stream);
}

TEST_CASE("a thousand members in a sparse graph, of whom as many fall silent as it is made for") {
  Stream stream(3, Purpose::test);
  const Cohort cohort(1000, {.adversary = Adversary::semi_honest, .corrupt = 0.05, .dropout = 0.05}, 4);
  REQUIRE(cohort.terms.parameters.degree < 60);
  const Run sum = run(cohort, random_silence(1000, 50, stream));
  CHECK(sum.sum == sum.expected);
  CHECK(sum.survivors.size() < 1000);
}

TEST_CASE(
    "a thousand members in a sparse graph: the last holder of a secret that may fall silent, and one more") {
  const Cohort cohort(1000, {.adversary = Adversary::semi_honest, .corrupt = 0.05, .dropout = 0.05}, 4);
  const std::vector<Index> holders = cohort.session()->holders(500);
  const std::size_t needed = cohort.session()->threshold();
  REQUIRE(holders.size() == cohort.terms.parameters.degree);
  const std::size_t spare = holders.size() - needed;
  const auto few_holders = [&](std::size_t silent, int step) {
    Silence silence(1000, 6);
    for (std::size_t k = 0; k < silent; ++k) silence[holders[k]] = step;
    return silence;
  };
  const Run sum = run(cohort, few_holders(spare, 5));
  CHECK(sum.sum == sum.expected);
  CHECK(sum.survivors.size() == 1000);
  const std::string unopened = error_of(cohort, few_holders(spare + 1, 5));
  CHECK_MESSAGE(unopened == "secagg_shares: secure aggregation: of site00500 " + std::to_string(needed - 1) +
                                " shares came, which do not make its secret; at least " +
                                std::to_string(needed) + " right ones are needed",
                unopened);
  // Of a list that has lost so many of its own holders a member signs nothing.
  const std::string unsigned_list = error_of(cohort, few_holders(spare + 1, 3));
  CHECK_MESSAGE(unsigned_list.starts_with("secagg_survivors: client site00500"), unsigned_list);
}

}  // namespace secagg_scale_long_test
