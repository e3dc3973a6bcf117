#pragma once

#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include "healthai/core/error.hpp"
#include "healthai/core/finite.hpp"
#include "healthai/core/number_text.hpp"

namespace healthai {

/// A learning rate that depends on the number of the round, and on nothing else: for clients
/// (`TrainingOptions::learning_rate`) and for the server (`server_learning_rate` of the strategies). A plain number is a
/// constant rate:
///
///     FedAvg{.server_learning_rate = 0.5}
///     FedAdam{.server_learning_rate = RateSchedule::cosine(0.1, 200).with_warm_up(5)}
///     FederationOptions{.training = {.learning_rate = parse_rate_schedule("0.1/step:0.5:50")}}
///
/// With r the initial rate, and t = round - 1 the rounds before this one:
///
/// | | rate | text |
/// | --- | --- | --- |
/// | a number | r | `0.1` |
/// | `step` | r factor^floor(t / rounds) | `0.1/step:FACTOR:ROUNDS` |
/// | `exponential` | r factor^t | `0.1/exponential:FACTOR` |
/// | `inverse_sqrt` | r / sqrt(1 + t / rounds) | `0.1/inverse_sqrt:ROUNDS` |
/// | `inverse` | r / (1 + t / rounds) | `0.1/inverse:ROUNDS` |
/// | `cosine` | r / 2 (1 + cos(pi t / rounds)) | `0.1/cosine:ROUNDS` |
///
/// `inverse` over 1 round is r / round. Stochastic gradient descent with a constant rate keeps moving about the optimum;
/// rates whose sum diverges and whose squares' sum does not, such as `inverse`, bring it to rest (Robbins, Monro: A
/// Stochastic Approximation Method, 1951). `cosine` (Loshchilov, Hutter: SGDR: Stochastic Gradient Descent with Warm
/// Restarts, 2017, eq. 5, one period down to 0) would reach 0 after its rounds; later rounds keep the rate of the last of
/// them, as a rate is never 0. Rates too small for a double stay at the smallest normal one.
///
/// A warm-up of w rounds comes before all this, and climbs through r / (w + 1), 2 r / (w + 1), ...; round w + 1 is the first
/// of the schedule. In text, `/warm_up:ROUNDS` at the end.
///
/// A value. Thread safety: reading is safe.
class RateSchedule {
 public:
  /// Always the same rate. Not checked here: whoever uses it checks `initial()`, and knows its name.
  constexpr RateSchedule(double rate) noexcept : initial_(rate) {}

  /// Always the same rate, checked. \throws Error (`invalid_argument`), as all of these do, unless `initial` is positive and
  ///   finite
  [[nodiscard]] static RateSchedule constant(double initial) {
    return RateSchedule(Decay::none, initial, 1, 1);
  }
  /// \param factor  in (0, 1]; the rate is multiplied by it every `rounds` >= 1 rounds
  [[nodiscard]] static RateSchedule step(double initial, double factor, std::uint64_t rounds) {
    return RateSchedule(Decay::step, initial, factor, rounds);
  }
  /// \param factor  in (0, 1]; the rate is multiplied by it every round
  [[nodiscard]] static RateSchedule exponential(double initial, double factor) {
    return RateSchedule(Decay::exponential, initial, factor, 1);
  }
  /// \param rounds  >= 1; after so many rounds the rate is initial / sqrt(2)
  [[nodiscard]] static RateSchedule inverse_sqrt(double initial, std::uint64_t rounds = 1) {
    return RateSchedule(Decay::inverse_sqrt, initial, 1, rounds);
  }
  /// \param rounds  >= 1; after so many rounds the rate is initial / 2
  [[nodiscard]] static RateSchedule inverse(double initial, std::uint64_t rounds = 1) {
    return RateSchedule(Decay::inverse, initial, 1, rounds);
  }
  /// \param rounds  >= 1; how many there will be
  [[nodiscard]] static RateSchedule cosine(double initial, std::uint64_t rounds) {
    return RateSchedule(Decay::cosine, initial, 1, rounds);
  }
  /// The same after a warm-up of `rounds` rounds.
  [[nodiscard]] RateSchedule with_warm_up(std::uint64_t rounds) const noexcept {
    RateSchedule schedule = *this;
    schedule.warm_up_ = rounds;
    return schedule;
  }

  /// The rate in `round`, from 1.
  [[nodiscard]] double at(std::uint64_t round) const noexcept {
    if (round <= warm_up_) {
      return initial_ * (static_cast<double>(round) / static_cast<double>(warm_up_ + 1));
    }
    const std::uint64_t past = round - warm_up_ - 1;
    const auto share = static_cast<double>(past) / static_cast<double>(rounds_);
    switch (decay_) {
      case Decay::none:
        break;
      case Decay::step:
        return positive(initial_ * std::pow(factor_, static_cast<double>(past / rounds_)));
      case Decay::exponential:
        return positive(initial_ * std::pow(factor_, static_cast<double>(past)));
      case Decay::inverse_sqrt:
        return initial_ / std::sqrt(1 + share);
      case Decay::inverse:
        return initial_ / (1 + share);
      case Decay::cosine: {
        const double last = static_cast<double>(rounds_ - 1) / static_cast<double>(rounds_);
        return positive(initial_ / 2 * (1 + std::cos(3.14159265358979323846 * std::fmin(share, last))));
      }
    }
    return initial_;
  }

  /// r: the rate of the first round after the warm-up, and the largest that there is.
  [[nodiscard]] constexpr double initial() const noexcept { return initial_; }

  /// As text that `parse_rate_schedule` reads back as the same schedule; of a constant rate its number alone.
  [[nodiscard]] std::string describe() const {
    std::string text = number_text(initial_);
    const auto rounds = [this](const char* name) { return name + std::to_string(rounds_); };
    switch (decay_) {
      case Decay::none:
        break;
      case Decay::step:
        text += "/step:" + number_text(factor_) + rounds(":");
        break;
      case Decay::exponential:
        text += "/exponential:" + number_text(factor_);
        break;
      case Decay::inverse_sqrt:
        text += rounds("/inverse_sqrt:");
        break;
      case Decay::inverse:
        text += rounds("/inverse:");
        break;
      case Decay::cosine:
        text += rounds("/cosine:");
        break;
    }
    return warm_up_ == 0 ? text : text + "/warm_up:" + std::to_string(warm_up_);
  }

  friend constexpr bool operator==(const RateSchedule&, const RateSchedule&) = default;

 private:
  enum class Decay : std::uint8_t { none, step, exponential, inverse_sqrt, inverse, cosine };

  RateSchedule(Decay decay, double initial, double factor, std::uint64_t rounds)
      : initial_(initial), factor_(factor), rounds_(rounds), decay_(decay) {
    const auto require = [](bool good, const char* what, const std::string& value) {
      if (!good) {
        throw Error(error::invalid_argument, std::string("rate schedule: ") + what + ", but is " + value);
      }
    };
    require(is_finite(initial) && initial > 0, "the initial rate must be positive and finite",
            number_text(initial));
    require(factor > 0 && factor <= 1, "the factor must be in (0, 1]", number_text(factor));
    require(rounds >= 1, "the number of rounds must be at least 1", std::to_string(rounds));
  }
  static double positive(double rate) noexcept {
    return std::fmax(rate, (std::numeric_limits<double>::min)());
  }

  double initial_;
  double factor_ = 1;
  std::uint64_t rounds_ = 1;
  std::uint64_t warm_up_ = 0;
  Decay decay_ = Decay::none;
};

/// Reads the text forms of RateSchedule: a rate, then a decay if there is one, then a warm-up if there is one. The rounds of
/// `inverse` and `inverse_sqrt` may be left out and are then 1.
/// \throws Error (`unknown_name`) for a decay that does not exist, (`invalid_argument`) for what cannot be read, and both list the
///   forms; (`invalid_argument`) for a number outside its range
[[nodiscard]] inline RateSchedule parse_rate_schedule(std::string_view text) {
  const auto refuse = [text](ErrorId id, const std::string& why) {
    throw Error(id, "rate schedule \"" + std::string(text.substr(0, 80)) + "\": " + why +
                        "; write RATE, RATE/step:FACTOR:ROUNDS, RATE/exponential:FACTOR, "
                        "RATE/inverse_sqrt[:ROUNDS], RATE/inverse[:ROUNDS] or RATE/cosine:ROUNDS, each with "
                        "/warm_up:ROUNDS at its end if it shall warm up");
  };
  // Takes the part before the separator off `rest`, which is nothing once there is no more.
  using Rest = std::optional<std::string_view>;
  const auto take = [](Rest& rest, char separator) {
    const std::size_t end = rest->find(separator);
    const std::string_view part = rest->substr(0, end);
    rest = end == std::string_view::npos ? Rest() : Rest(rest->substr(end + 1));
    return part;
  };
  const auto number = [&](Rest& rest, auto value, const char* what) {
    const std::string_view part = rest ? take(rest, ':') : std::string_view();
    const char* const end = part.data() + part.size();
    const auto [stop, status] = std::from_chars(part.data(), end, value);
    if (status != std::errc() || stop != end || part.empty()) {
      refuse(error::invalid_argument, std::string(what) + " is missing, or no number of its kind");
    }
    return value;
  };
  const auto rounds = [&](Rest& rest) { return number(rest, std::uint64_t{0}, "a number of rounds"); };

  Rest rest = text;
  Rest first = take(rest, '/');
  const double initial = number(first, 0.0, "the rate");
  if (first) refuse(error::invalid_argument, "the rate is one number");
  RateSchedule schedule = RateSchedule::constant(initial);
  bool decays = false;
  bool warms_up = false;
  while (rest) {
    Rest numbers = take(rest, '/');
    const std::string_view name = take(numbers, ':');
    if (warms_up || (decays && name != "warm_up")) {
      refuse(error::invalid_argument, "after the rate come one decay and one warm-up at most, in this order");
    }
    decays = true;
    if (name == "step") {
      const double factor = number(numbers, 0.0, "the factor");
      schedule = RateSchedule::step(initial, factor, rounds(numbers));
    } else if (name == "exponential") {
      schedule = RateSchedule::exponential(initial, number(numbers, 0.0, "the factor"));
    } else if (name == "inverse_sqrt") {
      schedule = RateSchedule::inverse_sqrt(initial, numbers ? rounds(numbers) : 1);
    } else if (name == "inverse") {
      schedule = RateSchedule::inverse(initial, numbers ? rounds(numbers) : 1);
    } else if (name == "cosine") {
      schedule = RateSchedule::cosine(initial, rounds(numbers));
    } else if (name == "warm_up") {
      schedule = schedule.with_warm_up(rounds(numbers));
      warms_up = true;
    } else {
      refuse(error::unknown_name, "no decay is called \"" + std::string(name.substr(0, 60)) + "\"");
    }
    if (numbers) refuse(error::invalid_argument, "there are too many numbers");
  }
  return schedule;
}

}  // namespace healthai
