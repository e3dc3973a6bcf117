#pragma once

#include <bit>
#include <cstdint>
#include <Eigen/Core>
#include <limits>

namespace healthai::detail {

/// `value` as a float, rounded to odd: truncated, with the last bit set if anything was lost. Rounding that to a type of at most
/// 22 bits of precision is as if `value` had been rounded at once, whereas rounding to nearest twice may go wrong (Boldo,
/// Melquiond: Emulation of FMA and Correctly Rounded Sums: Proved Algorithms Using Rounding to Odd, 2008, theorem 1).
[[nodiscard]] inline float rounded_to_odd(double value) noexcept {
  constexpr double largest = (std::numeric_limits<float>::max)();
  if (value > largest || value < -largest)
    return static_cast<float>(value < 0 ? -largest : largest);  // which is odd
  const auto nearest = static_cast<float>(value);
  const auto back = static_cast<double>(nearest);
  if (back == value) return nearest;
  auto bits = std::bit_cast<std::uint32_t>(nearest);
  if ((value < 0 ? -back : back) > (value < 0 ? -value : value)) --bits;  // towards zero
  return std::bit_cast<float>(bits | 1U);
}
[[nodiscard]] inline float rounded_to_odd(float value) noexcept {
  return value;
}

/// `value` in the 16-bit format `Narrow` (Eigen::half or Eigen::bfloat16), rounded once to nearest, ties to even; values beyond its
/// range become the largest that it has, with their sign. `value` is finite.
template <class Narrow, class Scalar>
[[nodiscard]] Narrow narrow(Scalar value) noexcept {
  const auto nearest = static_cast<Narrow>(rounded_to_odd(value));
  if ((Eigen::numext::isfinite)(nearest)) return nearest;
  const Narrow largest = (std::numeric_limits<Narrow>::max)();
  return value < 0 ? -largest : largest;
}

}  // namespace healthai::detail
