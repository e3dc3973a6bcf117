// Secure sums of many sizes: exact whoever falls silent, as long as the limit is kept, and a clean error one past it.
#include "healthai/secagg/coordinator/collecting_releases.hpp"

#include <doctest/doctest.h>

#include <numeric>
#include <string>
#include <utility>

#include "secagg/members.hpp"

namespace secagg_scale_test {

using namespace secagg_test;

namespace {

/// `silent` members, drawn at random, each silent from a step drawn at random.
Silence random_silence(std::size_t n, std::size_t silent, Stream& stream) {
  std::vector<std::size_t> members(n);
  std::iota(members.begin(), members.end(), std::size_t{0});
  Silence silence(n, 6);
  for (std::size_t k = 0; k < silent; ++k) {
    std::swap(members[k], members[k + uniform_index(stream, n - k)]);
    silence[members[k]] = 1 + static_cast<int>(uniform_index(stream, 5));
  }
  return silence;
}
/// The message of what is thrown if so many are silent at one step, or "".
std::string error_of(const Cohort& cohort, const Silence& silence) {
  try {
    (void)run(cohort, silence);
  } catch (const Error& e) {
    return std::string(e.id().name()) + ": " + e.what();
  }
  return "";
}

}  // namespace

TEST_CASE(
    "of 3 to 50 members as many as may fall silent, at any steps: the sum is exact; one more is an error") {
  Stream stream(1, Purpose::test);
  for (std::size_t n = 3; n <= 50; ++n) {
    CAPTURE(n);
    const Cohort cohort(n, {.corrupt = 0, .dropout = 0}, 4, n % 2 == 0 ? 64 : 32);
    const std::size_t spare = n - cohort.session()->threshold();
    const Run sum = run(cohort, random_silence(n, spare, stream));
    CHECK(sum.sum == sum.expected);
    // One too many: found where too few are left, at the latest when the shares do not make a secret.
    const std::string error = error_of(cohort, random_silence(n, spare + 1, stream));
    const bool too_few = error.starts_with("below_quorum: secure aggregation: only ");
    const bool no_secret = error.starts_with("secagg_shares: secure aggregation: of site");
    const bool too_late = error.starts_with("secagg_survivors: client site");
    CHECK_MESSAGE((too_few || no_secret || too_late), error);
  }
}

TEST_CASE("a hundred members, all of whom share with all") {
  Stream stream(2, Purpose::test);
  const Cohort cohort(100, {.corrupt = 0.1, .dropout = 0.3}, 4);
  const std::size_t spare = 100 - cohort.session()->threshold();
  CHECK(spare == 44);
  const Run sum = run(cohort, random_silence(100, spare, stream));
  CHECK(sum.sum == sum.expected);
}

TEST_CASE("a thousand members in a sparse graph") {
  Stream stream(3, Purpose::test);
  const Cohort cohort(1000, {.adversary = Adversary::semi_honest, .corrupt = 0.05, .dropout = 0.05}, 4);
  const SecAggParameters& parameters = cohort.terms.parameters;
  MESSAGE("degree " << parameters.degree << ", threshold " << parameters.threshold);
  REQUIRE(parameters.degree < 70);
  Silence silence = random_silence(1000, parameters.dropouts, stream);
  const Run sum = run(cohort, silence);
  CHECK(sum.sum == sum.expected);
}

}  // namespace secagg_scale_test
