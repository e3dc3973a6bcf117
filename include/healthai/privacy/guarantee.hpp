#pragma once

#include <cmath>
#include <concepts>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/core/finite.hpp"
#include "healthai/core/number_text.hpp"

/// \file
/// What is promised when somebody says "epsilon". A number alone promises nothing: whose data it protects, what counts as a
/// neighbouring data set, with which probability it may fail, against whom, and what left without noise belong to it. Here
/// the unit is part of the type, so that a hospital's epsilon cannot be passed for a patient's, and no text has one without the rest.
///
/// Thread safety: constant values; safe from any thread.

namespace healthai {

/// The unit of protection is a patient: all rows of one person, wherever they are in the table.
struct Patients {
  static constexpr std::string_view plural = "patients";
  static constexpr std::string_view one = "one patient's record";
};

/// The unit of protection is a hospital: whatever it contributes, with all its patients. It says more than the same epsilon
/// for patients, and with few hospitals costs much more noise.
struct Hospitals {
  static constexpr std::string_view plural = "hospitals";
  static constexpr std::string_view one = "one hospital's whole contribution";
};

/// What can be protected: a tag with `plural`, as in "1 / hospitals", and `one`, as in "... added or removed".
template <class Tag>
concept PrivacyUnit = requires {
  { Tag::plural } -> std::convertible_to<std::string_view>;
  { Tag::one } -> std::convertible_to<std::string_view>;
};

/// Which data sets are neighbours: those that nobody may tell apart.
enum class Adjacency {
  add_remove,  ///< with and without the unit. A hospital that is on the roster anyway: its update, or zeros in its place
  replace  ///< one unit instead of another; a bounded contribution then changes a sum by up to twice its bound
};

/// For people: how the neighbours differ.
[[nodiscard]] constexpr std::string_view text(Adjacency adjacency) noexcept {
  return adjacency == Adjacency::add_remove ? "added or removed" : "replaced by another";
}

/// The probability with which a promise may fail, for units of this kind. A mechanism that publishes one unit in N, whole, is
/// (0, 1/N)-differentially private; so delta must be below 1 / N, and is refused otherwise where N is given.
template <PrivacyUnit Unit>
class Delta {
 public:
  /// \throws Error (`invalid_argument`) outside (0, 1)
  explicit Delta(double value) : value_(value) {
    if (!(value > 0 && value < 1)) {
      throw Error(error::invalid_argument,
                  "differential privacy: delta must be in (0, 1), but is " + number_text(value));
    }
  }
  /// \param units  how many patients, or hospitals, there are
  /// \throws Error (`invalid_argument`) outside (0, 1), for no units, and where delta is not below 1 / units
  Delta(double value, std::size_t units) : Delta(value) {
    const auto count = static_cast<double>(units);
    if (units == 0 || !(value < 1 / count)) {
      throw Error(error::invalid_argument, "differential privacy: delta must be below 1 / " +
                                               std::to_string(units) + " " + std::string(Unit::plural) +
                                               ", but is " + number_text(value) +
                                               ": it would allow publishing one of them whole");
    }
  }
  [[nodiscard]] double value() const noexcept { return value_; }

 private:
  double value_;
};

/// An epsilon with its unit, delta and adjacency. What accountants return and calibration takes.
template <PrivacyUnit Unit>
class Epsilon {
 public:
  /// \throws Error (`invalid_argument`) for an epsilon that is negative or no finite number
  Epsilon(double value, Delta<Unit> delta, Adjacency adjacency = Adjacency::add_remove)
      : value_(value), delta_(delta), adjacency_(adjacency) {
    if (!(value >= 0) || !is_finite(value)) {
      throw Error(
          error::invalid_argument,
          "differential privacy: epsilon must be a number of at least 0, but is " + number_text(value));
    }
  }
  [[nodiscard]] double value() const noexcept { return value_; }
  [[nodiscard]] Delta<Unit> delta() const noexcept { return delta_; }
  [[nodiscard]] Adjacency adjacency() const noexcept { return adjacency_; }

  /// For people: "epsilon 2.597 (delta 1e-05; one patient's record added or removed)". Four digits, rounded up.
  [[nodiscard]] std::string text() const {
    return "epsilon " + number_text(rounded_up(value_)) + " (delta " + number_text(delta_.value()) + "; " +
           std::string(Unit::one) + " " + std::string(healthai::text(adjacency_)) + ")";
  }

 private:
  static double rounded_up(double value) {
    if (value == 0) return 0;
    const double digits = 3 - std::floor(std::log10(value));
    const double unit = std::pow(10.0, std::abs(digits));  // a whole power of ten, which a double has exactly
    constexpr double tie = 1 - 1e-12;                      // 0.1 is not a little more than 0.1
    return digits > 0 ? std::ceil(value * unit * tie) / unit : std::ceil(value / unit * tie) * unit;
  }

  double value_;
  Delta<Unit> delta_;
  Adjacency adjacency_;
};

/// The whole promise: an epsilon, against whom it holds, and what left beside it.
template <PrivacyUnit Unit>
class Guarantee {
 public:
  /// \param epsilon     what an accountant says
  /// \param observer    against whom, as the end of "against ...": "whoever sees the models of all rounds", "the coordinator
  ///                    and up to 2 hospitals together"
  /// \param not_noised  what leaves, or decides what leaves, without noise and without being accounted: "number of rows",
  ///                    "choice of the best round"; empty only if there is nothing of the kind
  /// \throws Error (`invalid_argument`) without an observer
  Guarantee(Epsilon<Unit> epsilon, std::string observer, std::vector<std::string> not_noised)
      : epsilon_(epsilon), observer_(std::move(observer)), not_noised_(std::move(not_noised)) {
    if (observer_.empty()) {
      throw Error(error::invalid_argument,
                  "differential privacy: a guarantee needs its observer; say against whom it holds");
    }
  }
  [[nodiscard]] const Epsilon<Unit>& epsilon() const noexcept { return epsilon_; }
  [[nodiscard]] const std::string& observer() const noexcept { return observer_; }
  [[nodiscard]] const std::vector<std::string>& not_noised() const noexcept { return not_noised_; }

  /// For people, in one line; what was not noised comes last.
  [[nodiscard]] std::string text() const {
    std::string result = epsilon_.text() + ", against " + observer_;
    if (not_noised_.empty()) return result + "; nothing leaves without noise";
    result += "; without noise:";
    for (std::size_t i = 0; i < not_noised_.size(); ++i) result += (i == 0 ? " " : ", ") + not_noised_[i];
    return result;
  }

 private:
  Epsilon<Unit> epsilon_;
  std::string observer_;
  std::vector<std::string> not_noised_;
};

}  // namespace healthai
