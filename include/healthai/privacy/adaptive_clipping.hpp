#pragma once

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <string_view>

#include "healthai/core/error.hpp"
#include "healthai/core/finite.hpp"
#include "healthai/core/number_text.hpp"

namespace healthai {

/// The number of a reply that says whether its update was within the bound that was asked for: 1/2 if so, otherwise -1/2, so that a
/// hospital's part of the sum is no longer than 1/2.
inline constexpr std::string_view within_clip = "clip/within";
[[nodiscard]] constexpr double within_clip_value(bool within) noexcept {
  return within ? 0.5 : -0.5;
}
/// The share of updates within the bound, from the sum of these numbers over `clients`.
[[nodiscard]] constexpr double share_within_clip(double sum, double clients) noexcept {
  return sum / clients + 0.5;
}

/// A clipping bound that follows a quantile of the lengths of updates (Andrew, Thakkar, McMahan, Ramaswamy: Differentially
/// Private Learning with Adaptive Clipping, 2021, section 2.1, geometric update). With b the share of clients whose update
/// was no longer than the bound C, noise and all,
///
///     C <- C exp(-learning_rate (b - quantile))
///
/// so that the bound shrinks when more than the wanted share fits under it, and grows when fewer do. (Beware of programs that
/// count those *above* the bound and keep this sign: their bound runs away from the quantile.)
struct AdaptiveClipping {
  double quantile = 0.5;       ///< which share of updates should fit; in [0, 1]
  double learning_rate = 0.2;  ///< > 0

  /// \throws Error (`invalid_argument`) for a setting outside its range
  void validate() const {
    if (!(quantile >= 0 && quantile <= 1)) {
      throw Error(error::invalid_argument,
                  "AdaptiveClipping: quantile must be in [0, 1], but is " + number_text(quantile));
    }
    if (!(learning_rate > 0) || !is_finite(learning_rate)) {
      throw Error(error::invalid_argument,
                  "AdaptiveClipping: learning_rate must be positive, but is " + number_text(learning_rate));
    }
  }
  /// The bound for the next round.
  /// \param share_within  noisy count of updates no longer than `bound`, divided by the clients; noise may take it out of [0, 1]
  /// \throws Error (`invalid_argument`) unless `bound` is positive and `share_within` finite, and as `validate` does
  [[nodiscard]] double next_bound(double bound, double share_within) const {
    validate();
    if (!(bound > 0) || !is_finite(bound)) {
      throw Error(error::invalid_argument,
                  "AdaptiveClipping: the bound must be positive, but is " + number_text(bound));
    }
    if (!is_finite(share_within)) {
      throw Error(error::invalid_argument,
                  "AdaptiveClipping: the share of updates within the bound must be "
                  "a number, but is " +
                      number_text(share_within));
    }
    return bound * std::exp(-learning_rate * (share_within - quantile));
  }
};

/// How one noise multiplier is shared between the updates and the count that adaptive clipping needs.
struct AdaptiveClippingNoise {
  double count_stddev = 0;       ///< sigma_b: of the noise on the count of updates within the bound
  double update_multiplier = 0;  ///< z_Delta: noise on the sum of updates, in units of the bound
};

/// Both releases together cost what `noise_multiplier` alone would (Andrew et al. 2021, theorem 1): a count of ±1/2 has half the
/// sensitivity of a whole one, so
///
///     z_Delta = (z^-2 - (2 sigma_b)^-2)^(-1/2)
///
/// z must be below clients / 10: with sigma_b a twentieth of the clients nothing would be left for the updates otherwise, and with
/// more the share that the bound follows is mostly noise. With few clients take a fixed bound, which is what everything
/// here does unless it is told otherwise.
/// \param clients       expected in a round
/// \param count_stddev  sigma_b, if not clients / 20
/// \throws Error (`invalid_argument`) for z >= clients / 10, where the count's noise is too little to leave any for the updates, or for
/// a number outside its range
[[nodiscard]] inline AdaptiveClippingNoise adaptive_clipping_noise(
    double noise_multiplier, double clients, std::optional<double> count_stddev = std::nullopt) {
  const auto require = [](bool good, const char* what, double value) {
    if (good && is_finite(value)) return;
    throw Error(error::invalid_argument,
                std::string("adaptive clipping: ") + what + ", but is " + number_text(value));
  };
  require(noise_multiplier >= 0, "the noise multiplier must not be negative", noise_multiplier);
  require(clients > 0, "the number of clients must be positive", clients);
  if (count_stddev) require(*count_stddev >= 0, "the count's noise must not be negative", *count_stddev);
  if (noise_multiplier == 0) return {count_stddev.value_or(0.0), 0.0};
  if (noise_multiplier >= clients / 10) {
    throw Error(error::invalid_argument,
                "adaptive clipping: a noise multiplier of " + number_text(noise_multiplier) +
                    " must be below a tenth of the clients, who are " + number_text(clients) +
                    "; take more clients, a smaller multiplier, or a fixed bound");
  }
  const double sigma = count_stddev.value_or(clients / 20);
  if (noise_multiplier >= 2 * sigma) {
    throw Error(error::invalid_argument,
                "adaptive clipping: a noise multiplier of " + number_text(noise_multiplier) +
                    " needs noise of more than half of it on the count of updates within the bound, but that "
                    "has a standard deviation of " +
                    number_text(sigma) + "; take more clients, a smaller multiplier, or a fixed bound");
  }
  const double rest = 1 / (noise_multiplier * noise_multiplier) - 1 / (4 * sigma * sigma);
  return {sigma, 1 / std::sqrt(rest)};
}

/// The same where the count is one of several things that are noised together, all by noise of one deviation, z times the length that they can
/// have together: how long the count's ±1/2 must be made, in lengths of their bounds, so that its noise is clients / 20. With other things whose
/// squared lengths are together q (1 for the update alone, m for m vectors and numbers that are of length 1) and a count of length s the
/// noise of the count is z sqrt(q + s^2) / (2 s), so that
///
///     s = sqrt(q) ((2 sigma_b / z)^2 - 1)^(-1/2)
///
/// and the others get z sqrt(q + s^2) = sqrt(q) z_Delta: what they would get of z_Delta without the count. At most 1: where s would be longer the count
/// has more noise than clients / 20, and the others less than the theorem gives them. At most clients / 10: with more, as many others want that with
/// a large z, it would say nothing.
/// \param others  the sum of the squares of the others' lengths, each in units of its bound
/// \throws Error (`invalid_argument`) as `adaptive_clipping_noise`, and where the count's noise would be above clients / 10
[[nodiscard]] inline double adaptive_clipping_share(double noise_multiplier, double clients,
                                                    double others = 1) {
  const AdaptiveClippingNoise noise = adaptive_clipping_noise(noise_multiplier, clients);
  if (!(others > 0) || !is_finite(others)) {
    throw Error(error::invalid_argument,
                "adaptive clipping: what is noised beside the count must have a length, but the sum of its "
                "squares is " +
                    number_text(others));
  }
  if (noise_multiplier == 0) return 1;
  const double doubled = 2 * noise.count_stddev / noise_multiplier;  // above 1
  const double share = (std::min)(1.0, std::sqrt(others / (doubled * doubled - 1)));
  const double stddev = noise_multiplier * std::sqrt(others + share * share) / (2 * share);
  if (stddev > clients / 10 * (1 + 1e-9)) {
    throw Error(error::invalid_argument,
                "adaptive clipping: a noise multiplier of " + number_text(noise_multiplier) + " for " +
                    number_text(clients) + " clients leaves the count of updates within the bound noise of " +
                    number_text(stddev) +
                    ", more than a tenth of them, as so much else is noised beside it (" +
                    number_text(others) +
                    " squared lengths); take a smaller multiplier, fewer vectors and numbers beside the "
                    "update, or a fixed bound");
  }
  return share;
}

}  // namespace healthai
