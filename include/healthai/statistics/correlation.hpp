#pragma once

#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <cstddef>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/core/failure.hpp"
#include "healthai/statistics/analysis.hpp"
#include "healthai/statistics/cross_products.hpp"
#include "healthai/statistics/groups.hpp"
#include "healthai/transport/concept.hpp"

namespace healthai {

/// Covariances and Pearson's correlations of columns, over the rows that miss none of them. Matrices are rows of numbers.
struct Correlation {
  std::vector<std::string> columns{};
  std::size_t n = 0;
  std::vector<double> means{};
  std::vector<double> sds{};                       ///< with n - 1
  std::vector<std::vector<double>> covariance{};   ///< with n - 1
  std::vector<std::vector<double>> correlation{};  ///< NaN where a column is constant
  std::vector<std::vector<double>>
      p_values{};  ///< of a correlation of 0, two-sided, by Student's t as `cor.test` of R; NaN for n below 3
  std::vector<ClientId> sites{};
  std::vector<Failure> left_out{};
};

namespace detail {

[[nodiscard]] inline double correlation_p(double r, double n) {
  if (n < 3 || r != r) return std::numeric_limits<double>::quiet_NaN();
  const double rest = (1 - r) * (1 + r);
  if (!(rest > 0)) return 0;
  const double t = std::fabs(r) * std::sqrt((n - 2) / rest);
  return 2 * boost::math::cdf(boost::math::complement(boost::math::students_t(n - 2), t));
}

[[nodiscard]] inline Correlation correlation_of(const std::vector<std::string>& columns,
                                                const CovarianceSums& sums) {
  Correlation result;
  result.columns = columns;
  result.n = sums.n;
  const Eigen::Index p = sums.means.size();
  for (Eigen::Index i = 0; i < p; ++i) {
    result.means.push_back(sums.means(i));
    result.sds.push_back(std::sqrt(sums.covariance(i, i)));
    std::vector<double> covariances, correlations, p_values;
    for (Eigen::Index j = 0; j < p; ++j) {
      const double spread = std::sqrt(sums.covariance(i, i)) * std::sqrt(sums.covariance(j, j));
      double r = sums.covariance(i, j) / spread;
      if (!(spread > 0)) r = std::numeric_limits<double>::quiet_NaN();
      if (i == j && r == r) r = 1;
      r = r > 1 ? 1 : r < -1 ? -1 : r;
      covariances.push_back(sums.covariance(i, j));
      correlations.push_back(r);
      p_values.push_back(correlation_p(r, static_cast<double>(sums.n)));
    }
    result.covariance.push_back(std::move(covariances));
    result.correlation.push_back(std::move(correlations));
    result.p_values.push_back(std::move(p_values));
  }
  return result;
}

}  // namespace detail

/// Covariances and correlations over all hospitals, from two sums.
/// \throws Error (`invalid_argument`) for no columns, one twice, or over a transport that only sums without public bounds; (`invalid_data`) for
/// fewer than two complete rows; as Analysis does
template <class TransportType>
[[nodiscard]] Correlation correlation(TransportType& transport, const CorrelationPlan& plan,
                                      const AnalysisOptions& options = {}) {
  detail::require_columns("correlation", plan.columns);
  if constexpr (!Transport<TransportType, CrossProducts>) plan.bounds.require(plan.columns);
  Analysis<TransportType> analysis(transport, options);
  const CovarianceSums sums = analysis.over_the_same_sites([&] { return covariance_sums(analysis, plan); });
  Correlation result = detail::correlation_of(plan.columns, sums);
  result.sites = analysis.sites();
  result.left_out = analysis.left_out();
  return result;
}

}  // namespace healthai
