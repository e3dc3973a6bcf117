#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <Eigen/Eigenvalues>
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

/// Principal components of some columns, over the rows that miss none of them, the first with the largest variance (Hotelling: Analysis of a
/// Complex of Statistical Variables into Principal Components, 1933).
///
/// The score of a row on a component is the sum of loading * (value - mean) / sd over the columns: whoever has rows computes it at home.
struct PrincipalComponents {
  std::vector<std::string> columns{};
  std::size_t n = 0;
  std::vector<double> means{};
  std::vector<double> sds{};              ///< with n - 1; all 1 where columns keep their units
  std::vector<double> eigenvalues{};      ///< the variances of the components, descending
  std::vector<double> explained_ratio{};  ///< of the variance of all columns
  std::vector<std::vector<double>>
      loadings{};  ///< for each component, one a column; of length 1, the largest of them positive
  std::vector<ClientId> sites{};
  std::vector<Failure> left_out{};
};

/// How `pca` works.
struct PcaOptions {
  bool standardise = true;  ///< components of the correlations; otherwise of the covariances
  AnalysisOptions asking{};
};

/// Principal components over all hospitals, from their covariances (two sums).
/// \throws Error (`invalid_data`) for a constant column, which has no correlations, naming it; as `correlation`
template <class TransportType>
[[nodiscard]] PrincipalComponents pca(TransportType& transport, const CorrelationPlan& plan,
                                      const PcaOptions& options = {}) {
  detail::require_columns("principal components", plan.columns);
  if constexpr (!Transport<TransportType, CrossProducts>) plan.bounds.require(plan.columns);
  Analysis<TransportType> analysis(transport, options.asking);
  const CovarianceSums sums = analysis.over_the_same_sites([&] { return covariance_sums(analysis, plan); });
  const Eigen::Index p = sums.means.size();
  Eigen::VectorXd sds = Eigen::VectorXd::Ones(p);
  for (Eigen::Index i = 0; i < p && options.standardise; ++i) {
    if (!(sums.covariance(i, i) > 0))
      throw Error(error::invalid_data, "principal components: column " +
                                           detail::quoted(plan.columns[static_cast<std::size_t>(i)]) +
                                           " is constant; leave it out");
    sds(i) = std::sqrt(sums.covariance(i, i));
  }
  const Eigen::VectorXd inverse = sds.cwiseInverse();
  Eigen::MatrixXd matrix = inverse.asDiagonal() * sums.covariance * inverse.asDiagonal();
  if (options.standardise) matrix.diagonal().setOnes();
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(matrix);
  if (solver.info() != Eigen::Success)
    throw Error(error::invalid_data,
                "principal components: the eigenvalues of the covariances were not found");
  PrincipalComponents result;
  result.columns = plan.columns;
  result.n = sums.n;
  result.means.assign(sums.means.data(), sums.means.data() + p);
  result.sds.assign(sds.data(), sds.data() + p);
  const double total = matrix.trace();
  for (Eigen::Index component = p - 1; component >= 0; --component) {
    const double eigenvalue = (std::max)(solver.eigenvalues()(component), 0.0);
    result.eigenvalues.push_back(eigenvalue);
    result.explained_ratio.push_back(total > 0 ? eigenvalue / total : 0);
    Eigen::VectorXd loadings = solver.eigenvectors().col(component);
    Eigen::Index largest = 0;
    loadings.cwiseAbs().maxCoeff(&largest);
    if (loadings(largest) < 0) loadings = -loadings;
    result.loadings.emplace_back(loadings.data(), loadings.data() + p);
  }
  result.sites = analysis.sites();
  result.left_out = analysis.left_out();
  return result;
}

}  // namespace healthai
