#pragma once

#include <boost/random/normal_distribution.hpp>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "healthai/core/client_id.hpp"
#include "healthai/core/error.hpp"
#include "healthai/core/finite.hpp"
#include "healthai/core/number_text.hpp"
#include "healthai/core/random.hpp"

namespace healthai {

/// A time from `from` (included) to `until` (not included), in virtual seconds since the clock started.
struct TimeSpan {
  double from = 0;
  double until = 0;
};

/// How long simulated clients take to train, and when they fail to.
///
/// The seconds that client c takes in round r are log-normal: median_seconds exp(client_deviation N_c +
/// round_deviation N_cr) with standard normal N_c, drawn once, and N_cr: a slow client stays slow.
struct ClientTimes {
  double median_seconds = 60;     ///< > 0
  double client_deviation = 0.5;  ///< >= 0: of the logarithm, between clients
  double round_deviation = 0.1;   ///< >= 0: of the logarithm, between the rounds of one client
  double drop_out = 0;  ///< in [0, 1]: the probability that a client which was asked to train breaks off
  /// When clients are there; a client without an entry always is.
  std::map<ClientId, std::vector<TimeSpan>> availability{};
};

/// Time that passes without anybody waiting for it, and what happens in it. What happens to a client in a round
/// depends on (seed, round, client) alone, and on the clock only where availability says so. A value. Thread safety:
/// reading is safe.
class VirtualClock {
 public:
  /// \throws Error (`invalid_argument`) for a setting outside its range.
  explicit VirtualClock(ClientTimes times = {}, std::uint64_t seed = 0)
      : times_(std::move(times)), seed_(seed) {
    const auto require = [](bool good, const char* what, double value) {
      if (good && is_finite(value)) return;
      throw Error(error::invalid_argument,
                  std::string("client times: ") + what + ", but is " + number_text(value));
    };
    require(times_.median_seconds > 0, "median_seconds must be positive", times_.median_seconds);
    require(times_.client_deviation >= 0, "client_deviation must not be negative", times_.client_deviation);
    require(times_.round_deviation >= 0, "round_deviation must not be negative", times_.round_deviation);
    require(times_.drop_out >= 0 && times_.drop_out <= 1, "drop_out must be in [0, 1]", times_.drop_out);
    for (const auto& [client, spans] : times_.availability) {
      for (const TimeSpan& span : spans) {
        if (span.from < span.until) continue;
        throw Error(error::invalid_argument,
                    "client times: client " + client.str() + " is there from " + number_text(span.from) +
                        " until " + number_text(span.until) + "; expected an end after the beginning");
      }
    }
  }

  /// Virtual seconds since the start.
  [[nodiscard]] double now() const noexcept { return now_; }

  /// Lets time pass. \throws Error (`invalid_argument`) for a time that is negative or not finite.
  void advance(double seconds) {
    if (!is_finite(seconds) || seconds < 0) {
      throw Error(error::invalid_argument,
                  "virtual clock: time goes forward only, not by " + number_text(seconds));
    }
    now_ += seconds;
  }
  /// Moves on to that time; does nothing if it has passed already.
  void advance_to(double time) noexcept { now_ = std::fmax(now_, time); }

  /// How many seconds `client` takes to train in `round`.
  [[nodiscard]] double duration(const ClientId& client, std::uint64_t round) const {
    const double own = times_.client_deviation * normal(0, "speed/" + client.str());
    const double today = times_.round_deviation * normal(round, "duration/" + client.str());
    return times_.median_seconds * std::exp(own + today);
  }
  /// Whether `client` breaks off in `round`.
  [[nodiscard]] bool drops_out(const ClientId& client, std::uint64_t round) const {
    Stream stream(seed_, Purpose::simulation, round, "drop_out/" + client.str());
    return uniform(stream) < times_.drop_out;
  }
  /// When `client`, from now on, is away: now if it is not there; infinity if it is and stays. Of overlapping spans
  /// the one that ends last counts; spans that merely touch are not joined.
  [[nodiscard]] double there_until(const ClientId& client) const {
    const auto found = times_.availability.find(client);
    if (found == times_.availability.end()) return std::numeric_limits<double>::infinity();
    double until = now_;
    for (const TimeSpan& span : found->second) {
      if (span.from <= now_ && now_ < span.until) until = std::fmax(until, span.until);
    }
    return until;
  }
  /// Whether `client` is there now.
  [[nodiscard]] bool there(const ClientId& client) const { return there_until(client) > now_; }

 private:
  [[nodiscard]] double normal(std::uint64_t round, const std::string& what) const {
    Stream stream(seed_, Purpose::simulation, round, what);
    return boost::random::normal_distribution<double>()(stream);
  }

  ClientTimes times_;
  std::uint64_t seed_;
  double now_ = 0;
};

}  // namespace healthai
