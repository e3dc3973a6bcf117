// Secure sums of many sizes: exact whoever falls silent, as long as the limit is kept, and a clean error one past it.
#include "healthai/secagg/coordinator/collecting_releases.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "secagg/silences.hpp"

namespace secagg_scale_test {

using namespace secagg_test;

TEST_CASE("as many as may fall silent, at any steps: the sum is exact; one more is an error") {
  Stream stream(1, Purpose::test);
  for (std::size_t n = 3; n <= 16; ++n) {
    const Cohort cohort(n, {.corrupt = 0, .dropout = 0}, 4, n % 2 == 0 ? 64 : 32);
    require_exact_up_to_the_limit(cohort, stream);
    require_error_past_the_limit(cohort, stream);
  }
}

TEST_CASE("in a sparse graph, an error where a secret has lost too many of its holders") {
  // Small for a sparse graph, so that the keys are made soon.
  Cohort cohort(40, {.corrupt = 0, .dropout = 0}, 4);
  cohort.terms.parameters.degree = 12;
  cohort.terms.parameters.threshold = 7;
  const std::vector<Index> holders = cohort.session()->holders(20);
  REQUIRE(holders.size() == 12);
  for (int step = 3; step <= 5; ++step) {
    CAPTURE(step);
    Silence silence(40, 6);
    for (std::size_t k = 0; k < 5; ++k) silence[holders[k]] = step;
    const Run sum = run(cohort, silence);
    CHECK(sum.sum == sum.expected);
    silence[holders[5]] = step;  // six of twelve are left
    const std::string error = error_of(cohort, silence);
    if (step == 5) {
      CHECK_MESSAGE(error.find(" 6 shares came, which do not make its secret; at least 7 right ones") !=
                        std::string::npos,
                    error);
    } else {  // a member does not sign such a list, or does not release for one that six of its holders have signed
      CHECK_MESSAGE(error.starts_with("secagg_survivors: client site"), error);
    }
  }
}

}  // namespace secagg_scale_test
