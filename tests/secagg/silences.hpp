#pragma once

#include <doctest/doctest.h>

#include <cstddef>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "secagg/members.hpp"

namespace secagg_test {

/// `silent` members, drawn at random, each silent from a step drawn at random.
inline Silence random_silence(std::size_t n, std::size_t silent, Stream& stream) {
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
inline std::string error_of(const Cohort& cohort, const Silence& silence) {
  try {
    (void)run(cohort, silence);
  } catch (const Error& e) {
    return std::string(e.id().name()) + ": " + e.what();
  }
  return "";
}

inline void require_exact_up_to_the_limit(const Cohort& cohort, Stream& stream) {
  const std::size_t n = cohort.members->size();
  CAPTURE(n);
  const Run sum = run(cohort, random_silence(n, n - cohort.session()->threshold(), stream));
  CHECK(sum.sum == sum.expected);
}
/// Found where too few are left, at the latest when their shares do not make a secret.
inline void require_error_past_the_limit(const Cohort& cohort, Stream& stream) {
  const std::size_t n = cohort.members->size();
  CAPTURE(n);
  const std::string error =
      error_of(cohort, random_silence(n, n - cohort.session()->threshold() + 1, stream));
  const bool too_few = error.starts_with("below_quorum: secure aggregation: only ");
  const bool no_secret = error.starts_with("secagg_shares: secure aggregation: of site");
  CHECK_MESSAGE((too_few || no_secret), error);
}

}  // namespace secagg_test
