#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "healthai/core/parameters.hpp"

namespace healthai {

/// The parts of a LocalObjective, as a set: what a request needs, or what a client honours.
struct ObjectiveParts {
  bool proximal = false;           ///< the proximal term
  bool linear_correction = false;  ///< the linear correction
  bool local_steps = false;        ///< a prescribed number of local steps
  bool learning_rate = false;      ///< a prescribed learning rate

  [[nodiscard]] static constexpr ObjectiveParts all() noexcept { return {true, true, true, true}; }
  friend constexpr bool operator==(const ObjectiveParts&, const ObjectiveParts&) = default;

  /// The names of the parts in `needed` that this set lacks; empty when it has them all.
  [[nodiscard]] std::string missing(const ObjectiveParts& needed) const {
    std::string names;
    const auto check = [&names](bool wanted, bool has, const char* name) {
      if (wanted && !has) names += (names.empty() ? "" : ", ") + std::string(name);
    };
    check(needed.proximal, proximal, "proximal mu");
    check(needed.linear_correction, linear_correction, "linear correction");
    check(needed.local_steps, local_steps, "local steps");
    check(needed.learning_rate, learning_rate, "learning rate");
    return names;
  }

  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& proximal& linear_correction& local_steps& learning_rate;
  }
};

/// What a client is asked to minimise, starting from the global parameters w_g, with f its own loss:
///
///     f(w) + proximal_mu / 2 * ||w - w_g||^2 + <linear_correction, w>
///
/// and for how long. It is what makes FedProx, SCAFFOLD and FedDyn true over training code that the library has never
/// seen: a client that cannot honour a part that is set refuses the request (see `Client`).
template <class Scalar>
struct LocalObjective {
  double proximal_mu = 0;                                 ///< >= 0; 0 means no term
  std::optional<Parameters<Scalar>> linear_correction{};  ///< of the model's layout
  std::optional<std::uint64_t> local_steps{};  ///< gradient steps; the client's own choice when not set
  std::optional<double> learning_rate{};       ///< > 0; the client's own choice when not set

  [[nodiscard]] ObjectiveParts needs() const noexcept {
    return {proximal_mu != 0, linear_correction.has_value(), local_steps.has_value(),
            learning_rate.has_value()};
  }

  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& proximal_mu& linear_correction& local_steps& learning_rate;
  }
};

}  // namespace healthai
