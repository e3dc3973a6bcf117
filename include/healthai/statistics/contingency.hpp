#pragma once

#include <algorithm>
#include <array>
#include <boost/math/distributions/chi_squared.hpp>
#include <boost/math/distributions/normal.hpp>
#include <cmath>
#include <cstddef>
#include <optional>
#include <span>
#include <vector>

namespace healthai {

/// A test of independence.
struct ChiSquareTest {
  double statistic = 0;
  double df = 0;
  double p_value = 1;
};

/// A two-way table of counts, row after row.
struct CountTable {
  std::size_t columns = 0;
  std::vector<double> counts{};

  [[nodiscard]] std::size_t rows() const noexcept { return columns == 0 ? 0 : counts.size() / columns; }
  [[nodiscard]] double at(std::size_t row, std::size_t column) const {
    return counts.at(row * columns + column);
  }
  [[nodiscard]] double total() const noexcept {
    double sum = 0;
    for (const double count : counts) sum += count;
    return sum;
  }
  [[nodiscard]] std::vector<double> row_totals() const {
    std::vector<double> totals(rows());
    for (std::size_t i = 0; i < counts.size(); ++i) totals[i / columns] += counts[i];
    return totals;
  }
  [[nodiscard]] std::vector<double> column_totals() const {
    std::vector<double> totals(columns);
    for (std::size_t i = 0; i < counts.size(); ++i) totals[i % columns] += counts[i];
    return totals;
  }
  /// What the margins let expect under independence: row total * column total / total; 0 in an empty table.
  [[nodiscard]] std::vector<double> expected() const {
    const std::vector<double> row = row_totals();
    const std::vector<double> column = column_totals();
    const double all = total();
    std::vector<double> result(counts.size());
    for (std::size_t i = 0; i < counts.size() && all > 0; ++i)
      result[i] = row[i / columns] * column[i % columns] / all;
    return result;
  }
};

/// Pearson's chi-square test of independence, as `chisq.test` of R. Rows and columns without anybody are left out of it.
/// \param yates  with Yates' correction for continuity (Contingency Tables Involving Small Numbers and the χ² Test, 1934), which is for
/// tables of two rows and two columns: each difference is less by 1/2, or by the smallest of them
/// \return nothing with fewer than two rows or columns that have anybody, or for the correction of a larger table
[[nodiscard]] inline std::optional<ChiSquareTest> chi_square_test(const CountTable& table,
                                                                  bool yates = false) {
  const auto positive = [](const std::vector<double>& totals) {
    return static_cast<std::size_t>(
        std::count_if(totals.begin(), totals.end(), [](double t) { return t > 0; }));
  };
  const std::size_t rows = positive(table.row_totals());
  const std::size_t columns = positive(table.column_totals());
  if (rows < 2 || columns < 2 || (yates && (rows != 2 || columns != 2))) return std::nullopt;
  const std::vector<double> expected = table.expected();
  double correction = yates ? 0.5 : 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    if (expected[i] > 0) correction = (std::min)(correction, std::fabs(table.counts[i] - expected[i]));
  }
  ChiSquareTest test;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    if (!(expected[i] > 0)) continue;
    const double difference = std::fabs(table.counts[i] - expected[i]) - correction;
    test.statistic += difference * difference / expected[i];
  }
  test.df = static_cast<double>((rows - 1) * (columns - 1));
  test.p_value = boost::math::cdf(boost::math::complement(boost::math::chi_squared(test.df), test.statistic));
  return test;
}

/// Several two by two tables, one a stratum, with one odds ratio.
struct MantelHaenszelTest {
  double odds_ratio = 1;  ///< (a d) / (b c), common to all strata
  double lower = 0;       ///< of its confidence interval
  double upper = 0;
  double statistic = 0;  ///< chi-square with one degree of freedom
  double p_value = 1;    ///< of an odds ratio of 1
};

/// The Mantel-Haenszel estimate of a common odds ratio and its test, with the correction for continuity (Mantel, Haenszel: Statistical Aspects
/// of the Analysis of Data from Retrospective Studies of Disease, 1959); the interval is that of Robins, Breslow, Greenland (Estimators of
/// the Mantel-Haenszel Variance Consistent in Both Sparse Data and Large-Strata Limiting Models, 1986). As `mantelhaen.test` of R.
/// Strata of fewer than two patients tell nothing and are left out.
/// \param strata  of two rows and two columns: a, b, c, d
/// \return nothing where a margin of all strata is empty, so that there is no odds ratio
[[nodiscard]] inline std::optional<MantelHaenszelTest> mantel_haenszel(
    std::span<const std::array<double, 4>> strata, double confidence = 0.95) {
  double difference = 0, variance = 0, diagonal = 0, other = 0, within = 0, mixed = 0, beside = 0;
  for (const auto& [a, b, c, d] : strata) {
    const double n = a + b + c + d;
    if (n < 2) continue;
    difference += a - (a + b) * (a + c) / n;
    variance += (a + b) * (c + d) * (a + c) * (b + d) / (n * n * (n - 1));
    diagonal += a * d / n;
    other += b * c / n;
    within += (a + d) * a * d / (n * n);
    mixed += ((a + d) * b * c + (b + c) * a * d) / (n * n);
    beside += (b + c) * b * c / (n * n);
  }
  if (!(variance > 0) || !(diagonal + other > 0)) return std::nullopt;
  MantelHaenszelTest test;
  difference = std::fabs(difference);
  const double corrected = difference - (difference >= 0.5 ? 0.5 : 0);
  test.statistic = corrected * corrected / variance;
  test.p_value = boost::math::cdf(boost::math::complement(boost::math::chi_squared(1), test.statistic));
  test.odds_ratio = diagonal / other;  // infinity where nobody is in b or c
  const double sd = std::sqrt(within / (2 * diagonal * diagonal) + mixed / (2 * diagonal * other) +
                              beside / (2 * other * other));
  const double z =
      boost::math::quantile(boost::math::complement(boost::math::normal(), (1 - confidence) / 2));
  test.lower = test.odds_ratio * std::exp(-z * sd);
  test.upper = test.odds_ratio * std::exp(z * sd);
  return test;
}

}  // namespace healthai
