#pragma once

#include <cstddef>
#include <optional>
#include <span>

namespace healthai {

/// Makes counts on a public grid of times fit to leave a hospital: intervals in which fewer than `smallest` patients leave the risk set (by
/// an event or by the end of observation) are merged into the next, until there are enough. The last one has no next: it takes the
/// one before it. Those who were followed beyond the grid are the last interval, if there are any.
///
/// What that does to a curve: what happened is counted later than it happened, never earlier, and at most until the end of
/// the merged interval. Until then the curve of this hospital's patients stays too high; at the end of the interval those are gone who are
/// gone, but those whose observation ended in it have counted as at risk all through, which leaves it a little too high (as in a life
/// table without the actuarial correction). Patients who are merged beyond the grid never leave, and the curve stays
/// high there. The coarser the grid and the smaller the hospitals, the more; with at least `smallest` in each interval
/// nothing changes.
///
/// Where fewer than `smallest` patients are followed at all, they are one interval; whether that may leave is another rule's matter.
///
/// \param events    how many have an event in each interval, of one hospital's group in one stratum
/// \param censored  whose observation ends in it; as many
/// \param beyond    patients who are still at risk after the last one
inline void merge_small_intervals(std::span<double> events, std::span<double> censored, double beyond,
                                  std::size_t smallest) {
  const auto enough = static_cast<double>(smallest);
  double happened = 0;
  double ended = 0;
  std::optional<std::size_t> whole;  // the last that stands on its own
  std::size_t last = 0;              // in which anybody leaves
  for (std::size_t k = 0; k < events.size(); ++k) {
    if (events[k] + censored[k] > 0) last = k;
    happened += events[k];
    ended += censored[k];
    events[k] = censored[k] = 0;
    if (happened + ended == 0 || happened + ended < enough) continue;
    events[k] = happened;
    censored[k] = ended;
    happened = ended = 0;
    whole = k;
  }
  if (beyond > 0) {
    if (whole && beyond + happened + ended < enough) events[*whole] = censored[*whole] = 0;
    return;
  }
  if (happened + ended == 0) return;
  if (whole) {
    happened += events[*whole];
    ended += censored[*whole];
    events[*whole] = censored[*whole] = 0;
  }
  events[last] = happened;
  censored[last] = ended;
}

}  // namespace healthai
