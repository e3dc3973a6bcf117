#pragma once

#include <cmath>
#include <cstddef>
#include <limits>
#include <optional>
#include <span>

namespace healthai {

/// Number, mean and central moments of some values, kept as `centre + shift`, so that differences between the means of groups are exact
/// where the means themselves are large: of 1e9 a double tells only 1e-7.
///
/// They come from sums of powers about a centre that is close to the mean (Chan, Golub, LeVeque, Algorithms for Computing the Sample
/// Variance, 1983, section 3, the corrected two-pass algorithm), which add up over hospitals:
/// s_k = sum (x - centre)^k, shift = s_1 / n, sum (x - mean)^2 = s_2 - s_1^2 / n, and so on.
struct Moments {
  double n = 0;
  double centre = 0;
  double shift = 0;
  double m2 = 0;  ///< the mean of (x - mean)^2
  double m3 = 0;  ///< of (x - mean)^3
  double m4 = 0;  ///< of (x - mean)^4

  [[nodiscard]] double mean() const noexcept { return centre + shift; }
  /// The sum of squares about the mean.
  [[nodiscard]] double centred_squares() const noexcept { return n * m2; }
  /// With n - 1; not for fewer than two values.
  [[nodiscard]] std::optional<double> variance() const noexcept {
    if (n < 2) return std::nullopt;
    return n * m2 / (n - 1);
  }
  /// m3 / m2^(3/2), without any correction for small n; not for values that are all the same.
  [[nodiscard]] std::optional<double> skewness() const noexcept {
    if (n < 2 || !(m2 > 0)) return std::nullopt;
    return m3 / (m2 * std::sqrt(m2));
  }
  /// m4 / m2^2, which is 3 for a normal distribution.
  [[nodiscard]] std::optional<double> kurtosis() const noexcept {
    if (n < 2 || !(m2 > 0)) return std::nullopt;
    return m4 / (m2 * m2);
  }

  /// From the sums of the first to fourth powers about `centre`. A variance below what doubles near the mean can tell is 0.
  /// \param sums       of (x - centre)^k / unit^k, k from 1 to 4
  /// \param unit       in which these were measured
  /// \param resolution the smallest distance between values that the sums can tell, if it is larger than that of doubles
  [[nodiscard]] static Moments of(double n, double centre, std::span<const double, 4> sums, double unit = 1,
                                  double resolution = 0) noexcept {
    Moments moments;
    moments.n = n;
    moments.centre = centre;
    if (!(n > 0)) return moments;
    const double d = sums[0] / n;
    const double e2 = sums[1] / n;
    const double e3 = sums[2] / n;
    const double e4 = sums[3] / n;
    moments.shift = unit * d;
    const double step =
        (std::fmax)(resolution, std::numeric_limits<double>::epsilon() * std::fabs(moments.mean()));
    const double m2 = e2 - d * d;
    if (!(m2 * unit * unit > step * step)) return moments;
    moments.m2 = m2 * unit * unit;
    moments.m3 = (e3 - 3 * d * e2 + 2 * d * d * d) * unit * unit * unit;
    moments.m4 = (e4 - 4 * d * e3 + 6 * d * d * e2 - 3 * d * d * d * d) * unit * unit * unit * unit;
    return moments;
  }
};

}  // namespace healthai
