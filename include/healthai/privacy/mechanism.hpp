#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/core/finite.hpp"
#include "healthai/core/number_text.hpp"

namespace healthai {

/// Of which distribution the noise is.
enum class NoiseKind : std::uint8_t {
  gaussian,  ///< normal, or the discrete Gaussian on a grid much finer than its standard deviation
  laplace    ///< Laplace, or discrete Laplace likewise
};
/// "gaussian", "laplace".
[[nodiscard]] constexpr std::string_view name_of(NoiseKind kind) noexcept {
  return kind == NoiseKind::gaussian ? "gaussian" : "laplace";
}

/// What was released, in the terms that an accountant needs: `steps` sums over a random sample of the units, each unit being in it with the
/// probability `sampling_rate` whatever the others (Poisson sampling), with noise. Neighbouring data sets are those with one unit more or
/// less. Mechanisms and not their epsilons are what is kept: epsilons do not add up well, and which delta they are for may change.
struct Mechanism {
  NoiseKind kind = NoiseKind::gaussian;
  double noise_multiplier =
      1;  ///< > 0; standard deviation (Laplace: scale) of the noise, over the sum's sensitivity to one unit
  double sampling_rate = 1;  ///< in (0, 1]; 1: all units, no amplification
  std::uint64_t steps = 1;   ///< at least 1

  friend bool operator==(const Mechanism&, const Mechanism&) = default;
  /// Alike but for the number of steps.
  [[nodiscard]] bool same_step(const Mechanism& other) const noexcept {
    return kind == other.kind && noise_multiplier == other.noise_multiplier &&
           sampling_rate == other.sampling_rate;
  }
  /// \throws Error (`invalid_argument`) for a number outside its range
  void validate() const {
    const auto require = [](bool good, const std::string& what) {
      if (!good) throw Error(error::invalid_argument, "a privacy mechanism: " + what);
    };
    require(noise_multiplier > 0 && is_finite(noise_multiplier),
            "noise_multiplier must be positive, but is " + number_text(noise_multiplier));
    require(sampling_rate > 0 && sampling_rate <= 1,
            "sampling_rate must be in (0, 1], but is " + number_text(sampling_rate));
    require(steps > 0, "steps must be at least 1");
  }
};

/// Adds a mechanism to those of before: steps of the same kind are counted together, as their order does not matter.
/// \throws Error (`overflow`) for more than 2^64 - 1 steps
inline void add_mechanism(std::vector<Mechanism>& spent, const Mechanism& more) {
  for (Mechanism& one : spent) {
    if (!one.same_step(more)) continue;
    if (more.steps > UINT64_MAX - one.steps) {
      throw Error(error::overflow, "a privacy mechanism: more steps than can be counted");
    }
    one.steps += more.steps;
    return;
  }
  spent.push_back(more);
}

}  // namespace healthai
