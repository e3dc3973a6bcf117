#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace healthai {

/// An estimate of the probability of survival. At a survival of 0 the formulas of its error divide by 0: there is none then (R says NA).
struct SurvivalEstimate {
  double survival = 1;
  std::optional<double> standard_error = 0.0;  ///< Greenwood's
  std::optional<double> lower = 1.0;  ///< limits on the scale of the logarithm, as R's survfit by default
  std::optional<double> upper = 1.0;  ///< at most 1
};

/// A time at which patients leave, and the estimate from then on until the next.
struct CurvePoint {
  double time = 0;
  std::size_t at_risk = 0;  ///< just before
  std::size_t events = 0;   ///< at the time
  std::size_t censored =
      0;  ///< whose observation ends at the time without the event; they were at risk at it
  SurvivalEstimate estimate{};
};

/// The curve at a time that someone asked for.
struct CurveValue {
  double time = 0;
  std::size_t at_risk = 0;  ///< just before; 0 after the last follow-up, where the curve is continued flat
  SurvivalEstimate estimate{};
};

/// When half of the patients are left. Not there where the curve, or its limit, stays above one half.
struct MedianSurvival {
  std::optional<double> time{};
  std::optional<double> lower{};  ///< where the lower limits of the curve come down to one half
  std::optional<double> upper{};
};

/// The mean survival time up to a horizon: the area under the curve.
struct RestrictedMean {
  double horizon = 0;
  double mean = 0;
  double standard_error = 0;
};

/// A curve of survival of one group (in one stratum).
struct SurvivalCurve {
  std::string stratum{};  ///< level of the strata's column; empty without one
  std::string group{};    ///< likewise
  std::size_t patients = 0;
  std::size_t events = 0;  ///< in the points
  std::vector<CurvePoint> points{};
  MedianSurvival median{};
  RestrictedMean restricted_mean{};
  std::vector<CurveValue> at{};  ///< at the times that were asked for
};

/// The points of a Kaplan–Meier curve (Kaplan, Meier: Nonparametric estimation from incomplete observations, 1958) from the counts of a
/// life table: S is the product over times of (r - d) / r, of r at risk of whom d have the event. With V the sum of d / (r (r - d))
/// (Greenwood: The natural duration of cancer, 1926), the standard error is S sqrt(V) and the limits are S exp(-+ z sqrt(V)), the
/// upper one at most 1.
///
/// \param times     ascending; those at which nobody leaves have no point
/// \param events    and `censored`: as many; together no more than `patients`
/// \param patients  at risk in the beginning
/// \param z         how many standard errors the limits are away: 1.96 for 95 %
[[nodiscard]] inline std::vector<CurvePoint> kaplan_meier_points(std::span<const double> times,
                                                                 std::span<const std::size_t> events,
                                                                 std::span<const std::size_t> censored,
                                                                 std::size_t patients, double z) {
  std::vector<CurvePoint> points;
  std::size_t at_risk = patients;
  double survival = 1;
  double variance = 0;  // of log S
  for (std::size_t k = 0; k < times.size(); ++k) {
    if (events[k] + censored[k] == 0) continue;
    const auto risk = static_cast<double>(at_risk);
    const auto rest = static_cast<double>(at_risk - events[k]);
    CurvePoint point{times[k], at_risk, events[k], censored[k], {}};
    survival *= rest / risk;
    point.estimate.survival = survival;
    if (survival > 0) {
      variance += static_cast<double>(events[k]) / (risk * rest);
      const double error = std::sqrt(variance);
      point.estimate.standard_error = survival * error;
      point.estimate.lower = std::exp(std::log(survival) - z * error);
      point.estimate.upper = (std::min)(1.0, std::exp(std::log(survival) + z * error));
    } else {
      point.estimate.standard_error = point.estimate.lower = point.estimate.upper = std::nullopt;
    }
    points.push_back(point);
    at_risk -= events[k] + censored[k];
  }
  return points;
}

/// The curve at a time: that of the last point no later; 1 before the first.
[[nodiscard]] inline CurveValue curve_at(std::span<const CurvePoint> points, std::size_t patients,
                                         double time) {
  CurveValue value{time, patients, {}};
  for (const CurvePoint& point : points) {
    if (point.time > time) break;
    value.estimate = point.estimate;
    value.at_risk = point.at_risk;
    if (point.time < time) value.at_risk -= point.events + point.censored;
  }
  return value;
}

/// The median and its limits (Brookmeyer, Crowley: A confidence interval for the median survival time, 1982, on the scale of the limits). As R:
/// a curve that is flat at exactly one half has its median in the middle of that step.
[[nodiscard]] inline MedianSurvival median_survival(std::span<const CurvePoint> points) {
  // Products that should be one half may be off by rounding: what R's all.equal allows.
  constexpr double tolerance = 0x1p-26;
  const auto first_half = [&points](const auto& value_of) -> std::optional<double> {
    std::optional<double> half;  // of the first point that is no higher
    double time = 0;
    for (const CurvePoint& point : points) {
      const std::optional<double> value = value_of(point.estimate);
      if (!value || !(*value < 0.5 + tolerance)) continue;
      if (!half) {
        half = value;
        time = point.time;
        if (!(std::fabs(*half - 0.5) < tolerance)) return time;
      } else if (*value < *half) {
        return time + (point.time - time) / 2;
      }
    }
    if (half) return time;
    return std::nullopt;
  };
  return {first_half([](const SurvivalEstimate& e) { return std::optional<double>(e.survival); }),
          first_half([](const SurvivalEstimate& e) { return e.lower; }),
          first_half([](const SurvivalEstimate& e) { return e.upper; })};
}

/// The area under the curve from 0 to the horizon, to which the curve is continued flat where it ends before. With A_i the area from the
/// i-th event's time to the horizon, the variance is the sum of A_i^2 d_i / (r_i (r_i - d_i)) (Miller: Survival analysis, 1981).
[[nodiscard]] inline RestrictedMean restricted_mean(std::span<const CurvePoint> points, double horizon) {
  RestrictedMean result{horizon, 0, 0};
  std::size_t end = 0;
  while (end < points.size() && points[end].time <= horizon) ++end;
  double until = horizon;
  double variance = 0;
  for (std::size_t i = end; i-- > 0;) {
    const CurvePoint& point = points[i];
    result.mean += (until - point.time) * point.estimate.survival;
    until = point.time;
    const auto risk = static_cast<double>(point.at_risk);
    const auto rest = static_cast<double>(point.at_risk - point.events);
    if (rest > 0) variance += result.mean * result.mean * static_cast<double>(point.events) / (risk * rest);
  }
  result.mean += until;
  result.standard_error = std::sqrt(variance);
  return result;
}

}  // namespace healthai
