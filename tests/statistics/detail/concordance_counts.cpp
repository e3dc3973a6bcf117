#include "healthai/statistics/detail/concordance_counts.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <cstddef>
#include <vector>

namespace statistics_detail_concordance_counts_test {

using namespace healthai;

TEST_CASE("pairs, one by one") {
  CHECK(rc::check("counts and influence are those of all pairs", [] {
    const std::size_t n = *rc::gen::inRange<std::size_t>(0, 40);
    std::vector<double> times, events, risk, u(n), m(n);
    for (std::size_t i = 0; i < n; ++i) {
      times.push_back(*rc::gen::inRange(0, 10));
      events.push_back(*rc::gen::inRange(0, 2));
      risk.push_back(*rc::gen::inRange(0, 6));
    }
    detail::ConcordanceCounts expected;
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = 0; j < n; ++j) {
        if (i < j && times[i] == times[j] && events[i] == 1 && events[j] == 1)
          ++(risk[i] == risk[j] ? expected.tied_xy : expected.tied_y);
        const bool first =
            events[i] == 1 && (times[i] < times[j] || (times[i] == times[j] && events[j] == 0));
        if (!first) continue;
        const double sign = risk[i] > risk[j] ? 1 : risk[i] < risk[j] ? -1 : 0;
        ++(sign > 0 ? expected.concordant : sign < 0 ? expected.discordant : expected.tied_x);
        for (const std::size_t one : {i, j}) {
          u[one] += sign;
          ++m[one];
        }
      }
    }
    for (std::size_t i = 0; i < n; ++i) {
      expected.uu += u[i] * u[i];
      expected.um += u[i] * m[i];
      expected.mm += m[i] * m[i];
    }
    const detail::ConcordanceCounts counts = detail::concordance_counts(times, events, risk);
    RC_ASSERT(counts.concordant == expected.concordant);
    RC_ASSERT(counts.discordant == expected.discordant);
    RC_ASSERT(counts.tied_x == expected.tied_x);
    RC_ASSERT(counts.tied_y == expected.tied_y);
    RC_ASSERT(counts.tied_xy == expected.tied_xy);
    RC_ASSERT(counts.uu == expected.uu);
    RC_ASSERT(counts.um == expected.um);
    RC_ASSERT(counts.mm == expected.mm);
  }));
}

}  // namespace statistics_detail_concordance_counts_test
