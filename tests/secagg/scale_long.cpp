// Secure sums of many sizes, which take their time.
#include "healthai/secagg/coordinator/collecting_releases.hpp"

#include <doctest/doctest.h>

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

}  // namespace secagg_scale_long_test
