#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <Eigen/Core>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/data/table.hpp"
#include "healthai/statistics/analysis.hpp"
#include "healthai/statistics/concept.hpp"
#include "healthai/statistics/detail/patient_cells.hpp"
#include "healthai/statistics/groups.hpp"
#include "healthai/statistics/public_bounds.hpp"
#include "healthai/statistics/sums.hpp"
#include "healthai/transport/concept.hpp"

namespace healthai {

/// Columns of numbers that are looked at together: rows that miss any of them are left out.
struct CorrelationPlan {
  Cohort cohort{};
  std::vector<std::string> columns{};
  PublicBounds bounds{};  ///< needed for secure aggregation only
  friend bool operator==(const CorrelationPlan&, const CorrelationPlan&) = default;

  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& cohort& columns& bounds;
  }
};

/// The sums behind covariances. First, without centres: how many rows there are, and the sum of each column. Then, about a centre for each
/// column: the sums of differences from it, and of products of two such. Additive.
struct CrossProducts : SummedStatistic {
  using Plan = CorrelationPlan;
  struct Broadcast {
    Plan plan{};
    std::vector<double>
        centres{};  ///< one for each column, in the unit in which it travels; none: the first step

    template <class Archive>
    void serialize(Archive& archive, unsigned /*version*/) {
      archive& plan& centres;
    }
  };
  struct Prepared {
    Eigen::MatrixXd z{};  ///< a column for each; see ColumnScale
  };
  static constexpr std::string_view name = "cross_products";

  [[nodiscard]] static std::vector<std::string> columns(const Plan& plan) { return plan.columns; }
  [[nodiscard]] static std::vector<std::string> complete(const Plan& plan) { return plan.columns; }
  [[nodiscard]] static Prepared prepare(const Plan& plan, const Table& rows) {
    detail::require_columns("correlation", plan.columns);
    detail::require_rows_within(plan.bounds, rows.rows());
    Prepared prepared;
    prepared.z.resize(static_cast<Eigen::Index>(rows.rows()), static_cast<Eigen::Index>(plan.columns.size()));
    Eigen::Index column = 0;
    for (const std::string& name_of_column : plan.columns) {
      const detail::ColumnScale scale = detail::scale_of(plan.bounds, name_of_column);
      Eigen::Index row = 0;
      for (const double x : detail::numbers_or_missing(rows, name_of_column)) {
        detail::require_within(plan.bounds, name_of_column, x);
        prepared.z(row++, column) = scale.to_z(x);
      }
      ++column;
    }
    return prepared;
  }
  /// What is asked, before rows are read.
  [[nodiscard]] static Disclosure question(const Plan& plan) {
    Disclosure what;
    what.columns = plan.columns;
    detail::tell_bounds(what, plan.bounds);
    return what;
  }
  [[nodiscard]] static Disclosure disclosure(const Plan& plan, const Prepared& prepared) {
    Disclosure what = question(plan);
    what.rows = static_cast<std::size_t>(prepared.z.rows());
    what.parameters = plan.columns.size() * (plan.columns.size() + 3) / 2;
    // Sums of columns of two values, and of their products, are counts, and squares tell those of three.
    detail::PatientGroups groups;
    for (Eigen::Index column = 0; column < prepared.z.cols(); ++column)
      groups.add_if_few({prepared.z.col(column).data(), what.rows}, detail::PatientGroups::told_by_squares);
    what.cells = groups.cells();
    what.cells.insert(what.cells.begin(), static_cast<double>(what.rows));
    return what;
  }
  /// \throws Error (`invalid_argument`) for another number of centres
  [[nodiscard]] static Reply answer(const Prepared& prepared, const Broadcast& broadcast,
                                    const DisclosureRules&) {
    const Eigen::MatrixXd& z = prepared.z;
    SummandBuilder builder;
    if (broadcast.centres.empty()) {
      const Eigen::VectorXd sums = z.colwise().sum();
      return builder.add("n", static_cast<double>(z.rows()))
          .add("sums", std::span<const double>(sums.data(), static_cast<std::size_t>(sums.size())))
          .take();
    }
    if (broadcast.centres.size() != static_cast<std::size_t>(z.cols()))
      throw Error(error::invalid_argument, "cross products: expected a centre for each of " +
                                               std::to_string(z.cols()) + " columns, got " +
                                               std::to_string(broadcast.centres.size()));
    const Eigen::Map<const Eigen::RowVectorXd> centres(broadcast.centres.data(), z.cols());
    const Eigen::MatrixXd d = z.rowwise() - centres;
    const Eigen::VectorXd sums = d.colwise().sum();
    return builder.add("sums", std::span<const double>(sums.data(), static_cast<std::size_t>(sums.size())))
        .add("products", packed_lower(d.transpose() * d))
        .take();
  }
  [[nodiscard]] static std::size_t bytes(const Broadcast& broadcast) noexcept {
    return broadcast.centres.size() * sizeof(double);
  }
  using SummedStatistic::bytes;

  /// Differences of numbers from -1 to 1 are up to 2, their products up to 4. \throws Error (`invalid_argument`) without public bounds
  [[nodiscard]] static std::vector<secagg::VectorSegment> vector_segments(const Broadcast& broadcast) {
    const Plan& plan = broadcast.plan;
    plan.bounds.require(plan.columns);
    const std::size_t p = plan.columns.size();
    const std::uint64_t rows = plan.bounds.most_rows;
    if (broadcast.centres.empty())
      return {detail::counts_segment("n", 1, rows), detail::sums_segment("sums", p, 1, rows)};
    return {detail::sums_segment("sums", p, 2, rows),
            detail::sums_segment("products", p * (p + 1) / 2, 4, rows)};
  }
  [[nodiscard]] static std::vector<secagg::ScalarSegment> scalar_segments(const Broadcast&) { return {}; }
};
static_assert(Statistic<CrossProducts> && AdditiveTask<CrossProducts>);

/// Means and covariances of columns over all hospitals.
struct CovarianceSums {
  std::size_t n = 0;  ///< complete rows
  Eigen::VectorXd means{};
  Eigen::MatrixXd covariance{};  ///< with n - 1
};

/// Two sums over the hospitals: means, then products of differences from them.
/// \throws Error (`invalid_data`) for fewer than two complete rows; (`disclosure`) where only sums are seen and all hospitals together have too
/// few; as Analysis::sum
template <class TransportType>
[[nodiscard]] CovarianceSums covariance_sums(Analysis<TransportType>& analysis, const CorrelationPlan& plan) {
  const std::size_t p = plan.columns.size();
  const Sums first = analysis.template sum<CrossProducts>({plan, {}});
  const double n = first.number("n");
  Disclosure pooled;
  pooled.rows = static_cast<std::size_t>(n);
  pooled.parameters = p * (p + 3) / 2;
  analysis.template require_pooled<CrossProducts>(pooled);
  if (n < 2)
    throw Error(error::invalid_data, "correlation of " + detail::quoted_list(plan.columns) +
                                         ": expected at least two rows that miss none of them, got " +
                                         std::to_string(static_cast<std::size_t>(n)));
  const Eigen::VectorXd centres = first.column("sums", p) / n;
  const Sums second =
      analysis.template sum<CrossProducts>({plan, {centres.data(), centres.data() + centres.size()}});
  const Eigen::VectorXd shifts = second.column("sums", p) / n;
  CovarianceSums result;
  result.n = static_cast<std::size_t>(n);
  Eigen::VectorXd units(static_cast<Eigen::Index>(p));
  result.means.resize(units.size());
  for (Eigen::Index i = 0; i < units.size(); ++i) {
    const detail::ColumnScale scale =
        detail::scale_of(plan.bounds, plan.columns[static_cast<std::size_t>(i)]);
    units(i) = scale.unit;
    result.means(i) = scale.to_x(centres(i)) + scale.unit * shifts(i);
  }
  const Eigen::MatrixXd products = from_packed_lower(second.vector("products"), p);
  const Eigen::MatrixXd about_means = products - n * (shifts * shifts.transpose());
  result.covariance = units.asDiagonal() * about_means * units.asDiagonal() / (n - 1);
  for (Eigen::Index i = 0; i < units.size(); ++i) {
    // What neither doubles near the mean nor the levels of masked sums can tell apart is no variance.
    double step = std::numeric_limits<double>::epsilon() * std::fabs(result.means(i));
    if (!Transport<TransportType, CrossProducts>) {
      const double level = 4 * static_cast<double>(plan.bounds.most_rows) * 0x1p-51;
      step = (std::fmax)(step, units(i) * std::sqrt(level * static_cast<double>(second.sites.size()) / n));
    }
    if (!(result.covariance(i, i) > step * step)) {
      result.covariance.row(i).setZero();
      result.covariance.col(i).setZero();
    }
  }
  return result;
}

}  // namespace healthai
