#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "healthai/core/error.hpp"
#include "healthai/core/finite.hpp"
#include "healthai/core/number_text.hpp"

namespace healthai {

/// Rounds: the chosen clients are asked together, and all of them are waited for (until the deadline, if there is one).
struct Synchronous {};

/// Asynchronous training with a buffer, so that nobody waits for slow clients (FedBuff: Nguyen, Malik, Zhan, Yousefpour,
/// Rabbat, Malek, Huba: Federated Learning with Buffered Asynchronous Aggregation, 2022, algorithm 1):
///
///     FederationOptions{.rounds = 200, .schedule = Buffered{.size = 10, .concurrency = 40}}
///
/// Up to `concurrency` clients train at the same time, each from the global parameters as they were when it was asked. As
/// soon as `size` usable replies have come, they are aggregated by the strategy, the parameters get the next version, and
/// clients who are free are asked with it; those who still train go on. A round is one aggregation. With tau the number of
/// versions that have been made since the reply's client was asked, its weight is
///
///     num_examples / (1 + tau)^staleness_exponent
///
/// The exponent 1/2 is the paper's. The server's rate and momentum are the strategy's: FedBuff is `FedAvg`, or `FedAvgM`, with this
/// schedule. Deviations: the paper divides the sum of discounted updates by the size of the buffer, so that old updates also
/// shorten the step; here rules divide by the sum of the weights, so that the discount only shifts weight from old updates
/// to new ones (shorten the step by `server_learning_rate`), and with a `size` of 1 neither it nor num_examples matters. Rules that do not look at weights, such as the median, do not see
/// the discount. And a client is asked at most once for a version, and counts at most once in a buffer, so that nobody can
/// fill it alone: places that become free meanwhile go to others.
///
/// Who is asked: at random from (seed, version), when more clients are free than there are places. A client that fails is in
/// the report and asked again for the next version; its place goes to another one. If nobody is left to ask before the
/// buffer is full, what is there is aggregated, if it is a quorum.
///
/// The result is the same for any number of threads in one process: over `InProcess` replies come in the order of the
/// requests (so a slow client holds up those behind it), over `SimulatedTime` in that of virtual time. Over a network they come as they come.
/// Needs a transport that shows replies, and a strategy for which updates may be of different ages (see Strategy,
/// `accepts_stale_updates`).
struct Buffered {
  std::size_t size = 10;            ///< >= 1: usable replies an aggregation
  std::size_t concurrency = 0;      ///< clients that train at the same time; 0: all who are there
  double staleness_exponent = 0.5;  ///< >= 0; 0: no discount
  std::optional<std::uint64_t>
      max_staleness{};  ///< replies to an older version are Failures (`stale`); none: any age

  /// By what the weight of a reply is multiplied that is `staleness` versions old.
  [[nodiscard]] double discount(std::uint64_t staleness) const noexcept {
    return staleness == 0 ? 1 : std::pow(1 + static_cast<double>(staleness), -staleness_exponent);
  }
};

/// When replies are aggregated.
using Schedule = std::variant<Synchronous, Buffered>;

/// \throws Error (`invalid_argument`) for a setting outside its range.
inline void validate(const Schedule& schedule) {
  const auto* buffered = std::get_if<Buffered>(&schedule);
  if (buffered == nullptr) return;
  if (buffered->size == 0) throw Error(error::invalid_argument, "buffered schedule: size must be at least 1");
  if (!is_finite(buffered->staleness_exponent) || buffered->staleness_exponent < 0) {
    throw Error(error::invalid_argument, "buffered schedule: staleness_exponent must be >= 0, but is " +
                                             number_text(buffered->staleness_exponent));
  }
}

}  // namespace healthai
