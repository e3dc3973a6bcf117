#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <healthai/core/metrics.hpp>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include "../icu_mortality/auc.hpp"

namespace compare {

inline constexpr double undefined = std::numeric_limits<double>::quiet_NaN();

/// What a model says of some test rows, and what was so.
struct Predictions {
  healthai::Metrics metrics{};    ///< that average: loss, accuracy
  std::vector<double> score{};    ///< of models with one linear predictor
  std::vector<double> outcome{};  ///< the target; for survival whether the event happened
  std::vector<double> time{};     ///< of survival

  void append(const Predictions& other) {
    metrics += other.metrics;
    score.insert(score.end(), other.score.begin(), other.score.end());
    outcome.insert(outcome.end(), other.outcome.begin(), other.outcome.end());
    time.insert(time.end(), other.time.begin(), other.time.end());
  }
};

/// The share of variance explained, 1 - sum of (y - f)^2 / sum of (y - mean of y)^2.
inline double r_squared(const Predictions& p) {
  const double mean =
      std::accumulate(p.outcome.begin(), p.outcome.end(), 0.0) / static_cast<double>(p.outcome.size());
  double residual = 0;
  double total = 0;
  for (std::size_t i = 0; i < p.outcome.size(); ++i) {
    residual += (p.outcome[i] - p.score[i]) * (p.outcome[i] - p.score[i]);
    total += (p.outcome[i] - mean) * (p.outcome[i] - mean);
  }
  return total > 0 ? 1 - residual / total : undefined;
}

/// The share of comparable pairs whose order the score predicts, ties in the score counting half (Harrell, Califf, Pryor,
/// Lee, Rosati: Evaluating the yield of medical tests, 1982). A pair is comparable when the earlier time is an event's; at
/// equal times when only one is an event, which then counts as the earlier.
inline double concordance(const Predictions& p) {
  double concordant = 0;
  double comparable = 0;
  for (std::size_t i = 0; i < p.time.size(); ++i) {
    if (p.outcome[i] != 1) continue;
    for (std::size_t j = 0; j < p.time.size(); ++j) {
      if (p.time[j] < p.time[i] || (p.time[j] == p.time[i] && p.outcome[j] == 1)) continue;
      comparable += 1;
      concordant += p.score[i] > p.score[j] ? 1.0 : p.score[i] == p.score[j] ? 0.5 : 0.0;
    }
  }
  return comparable > 0 ? concordant / comparable : undefined;
}

/// One metric by its name; `undefined` where there is nothing to compare, as an AUC without both outcomes.
inline double metric(const std::string& name, const Predictions& p) {
  if (p.metrics.empty()) return undefined;  // no test rows
  if (name == "auc") {
    const bool both = std::find(p.outcome.begin(), p.outcome.end(), 0.0) != p.outcome.end() &&
                      std::find(p.outcome.begin(), p.outcome.end(), 1.0) != p.outcome.end();
    return both ? icu::area_under_curve(p.score, p.outcome) : undefined;
  }
  if (name == "c_index") return concordance(p);
  if (name == "r2") return r_squared(p);
  return p.metrics.find(name).value_or(undefined);
}

/// The values of the worst tenth of the sites (at least of one), on average; sites without a value do not count.
inline double worst_tenth(std::vector<double> values, bool larger_is_better) {
  std::erase_if(values, [](double value) { return std::isnan(value); });
  if (values.empty()) return undefined;
  std::sort(values.begin(), values.end());
  if (!larger_is_better) std::reverse(values.begin(), values.end());
  const std::size_t count = (values.size() + 9) / 10;
  return std::accumulate(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(count), 0.0) /
         static_cast<double>(count);
}

/// A mean with its standard deviation (divisor n - 1; 0 for one value), of the values that there are.
struct MeanAndSd {
  double mean = undefined;
  double sd = undefined;

  static MeanAndSd of(std::vector<double> values) {
    std::erase_if(values, [](double value) { return std::isnan(value); });
    if (values.empty()) return {};
    const auto n = static_cast<double>(values.size());
    const double mean = std::accumulate(values.begin(), values.end(), 0.0) / n;
    double squares = 0;
    for (const double value : values) squares += (value - mean) * (value - mean);
    return {mean, values.size() > 1 ? std::sqrt(squares / (n - 1)) : 0.0};
  }
};

}  // namespace compare
