#pragma once

#include <algorithm>
#include <cstddef>
#include <Eigen/Core>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/data/table.hpp"
#include "healthai/statistics/analysis.hpp"
#include "healthai/statistics/concept.hpp"
#include "healthai/statistics/correlation.hpp"
#include "healthai/statistics/cross_products.hpp"
#include "healthai/statistics/groups.hpp"
#include "healthai/statistics/sums.hpp"
#include "healthai/transport/concept.hpp"

namespace healthai {

/// The different values of each column, of the rows that miss none, and how many rows have each: where rules let single values leave. Not a sum.
struct DistinctValues {
  using Plan = CorrelationPlan;
  struct Broadcast {
    Plan plan{};

    template <class Archive>
    void serialize(Archive& archive, unsigned /*version*/) {
      archive& plan;
    }
  };
  struct Reply {
    std::vector<std::vector<double>> values{};  ///< of each column, ascending
    std::vector<std::vector<double>> counts{};  ///< of each of `values`

    template <class Archive>
    void serialize(Archive& archive, unsigned /*version*/) {
      archive& values& counts;
    }
  };
  using Prepared = Reply;
  static constexpr std::string_view name = "distinct_values";

  [[nodiscard]] static std::vector<std::string> columns(const Plan& plan) { return plan.columns; }
  [[nodiscard]] static std::vector<std::string> complete(const Plan& plan) { return plan.columns; }
  [[nodiscard]] static Prepared prepare(const Plan& plan, const Table& rows) {
    Prepared prepared;
    for (const std::string& column : plan.columns) {
      std::map<double, double> counts;
      for (const double x : detail::numbers_or_missing(rows, column)) counts[x] += 1;
      prepared.values.emplace_back();
      prepared.counts.emplace_back();
      for (const auto& [value, count] : counts) {
        prepared.values.back().push_back(value);
        prepared.counts.back().push_back(count);
      }
    }
    return prepared;
  }
  [[nodiscard]] static Disclosure disclosure(const Plan& plan, const Prepared& prepared) {
    Disclosure what;
    what.columns = plan.columns;
    what.single_values = true;
    if (!prepared.counts.empty()) {
      double rows = 0;
      for (const double count : prepared.counts.front()) rows += count;
      what.rows = static_cast<std::size_t>(rows);
    }
    return what;
  }
  [[nodiscard]] static Reply answer(const Prepared& prepared, const Broadcast&, const DisclosureRules&) {
    return prepared;
  }
  [[nodiscard]] static std::size_t bytes(const Broadcast& broadcast) noexcept {
    return broadcast.plan.columns.size();
  }
  [[nodiscard]] static std::size_t bytes(const Reply& reply) noexcept {
    std::size_t total = 0;
    for (const auto& some : reply.values) total += 2 * some.size() * sizeof(double);
    return total;
  }
};
static_assert(Statistic<DistinctValues>);

/// Sums of products of ranks about their mean, where the rank of each value is given. Whole numbers, when doubled twice: exact. Additive.
struct RankProducts : SummedStatistic {
  using Plan = CorrelationPlan;
  using Prepared = CrossProducts::Prepared;
  struct Broadcast {
    Plan plan{};
    std::vector<std::vector<double>> values{};  ///< of each column, ascending
    std::vector<std::vector<double>> ranks{};   ///< of each of `values`, less the mean of all ranks

    template <class Archive>
    void serialize(Archive& archive, unsigned /*version*/) {
      archive& plan& values& ranks;
    }
  };
  static constexpr std::string_view name = "rank_products";

  [[nodiscard]] static std::vector<std::string> columns(const Plan& plan) { return plan.columns; }
  [[nodiscard]] static std::vector<std::string> complete(const Plan& plan) { return plan.columns; }
  [[nodiscard]] static Prepared prepare(const Plan& plan, const Table& rows) {
    return CrossProducts::prepare({plan.cohort, plan.columns, {}}, rows);
  }
  /// Ranks are as telling as values, if everybody has the ranks of all values.
  [[nodiscard]] static Disclosure disclosure(const Plan& plan, const Prepared& prepared) {
    Disclosure what = CrossProducts::disclosure(plan, prepared);
    what.single_values = true;
    return what;
  }
  /// \throws Error (`invalid_argument`) for a value without a rank, without telling it
  [[nodiscard]] static Reply answer(const Prepared& prepared, const Broadcast& broadcast,
                                    const DisclosureRules&) {
    Eigen::MatrixXd ranks = prepared.z;
    const auto p = static_cast<std::size_t>(ranks.cols());
    if (broadcast.values.size() != p || broadcast.ranks.size() != p)
      throw Error(error::invalid_argument,
                  "rank products: expected ranks for each of " + std::to_string(p) + " columns");
    for (std::size_t column = 0; column < p; ++column) {
      const std::vector<double>& values = broadcast.values[column];
      for (double& z : ranks.col(static_cast<Eigen::Index>(column))) {
        const auto found = std::lower_bound(values.begin(), values.end(), z);
        const auto place = static_cast<std::size_t>(found - values.begin());
        if (found == values.end() || *found != z || place >= broadcast.ranks[column].size())
          throw Error(error::invalid_argument, "rank products: a value of column " +
                                                   detail::quoted(broadcast.plan.columns.at(column)) +
                                                   " has no rank");
        z = broadcast.ranks[column][place];
      }
    }
    return SummandBuilder().add("products", packed_lower(ranks.transpose() * ranks)).take();
  }
  [[nodiscard]] static std::size_t bytes(const Broadcast& broadcast) noexcept {
    std::size_t total = 0;
    for (const auto& some : broadcast.values) total += 2 * some.size() * sizeof(double);
    return total;
  }
  using SummedStatistic::bytes;
};
static_assert(Statistic<RankProducts> && AdditiveTask<RankProducts>);

namespace detail {

/// Ranks of values, the mean of their places for values that are the same, less the mean of all. \param counts by value
[[nodiscard]] inline std::vector<double> centred_ranks(const std::map<double, double>& counts) {
  double all = 0;
  for (const auto& [value, count] : counts) all += count;
  std::vector<double> ranks;
  double before = 0;
  for (const auto& [value, count] : counts) {
    ranks.push_back(before + (count + 1) / 2 - (all + 1) / 2);
    before += count;
  }
  return ranks;
}

}  // namespace detail

/// Spearman's correlations of columns over all hospitals (Spearman: The Proof and Measurement of Association between Two Things, 1904): Pearson's
/// of the ranks that values have among those of all hospitals, which tell them their values. `means`, `sds` and `covariance` of the result are
/// of ranks; its p-values are by Student's t. Needs a transport that shows single answers.
/// \throws Error (`invalid_argument`) for no columns, or one twice; (`invalid_data`) for fewer than two complete rows; as Analysis does
template <class TransportType>
[[nodiscard]] Correlation spearman(TransportType& transport, const CorrelationPlan& plan,
                                   const AnalysisOptions& options = {}) {
  detail::require_columns("rank correlation", plan.columns);
  Analysis<TransportType> analysis(transport, options);
  const std::size_t p = plan.columns.size();
  const CovarianceSums sums = analysis.over_the_same_sites([&] {
    std::vector<std::map<double, double>> counts(p);
    for (const auto& [site, reply] : analysis.template each<DistinctValues>({plan})) {
      for (std::size_t column = 0; column < p; ++column) {
        const bool whole = reply.values.size() == p && reply.counts.size() == p &&
                           reply.values[column].size() == reply.counts[column].size();
        if (!whole)
          throw Error(error::invalid_reply, "client " + site.str() + ": expected the values and counts of " +
                                                std::to_string(p) + " columns");
        for (std::size_t i = 0; i < reply.values[column].size(); ++i)
          counts[column][reply.values[column][i]] += reply.counts[column][i];
      }
    }
    CovarianceSums result;
    for (const auto& [value, count] : counts.front()) result.n += static_cast<std::size_t>(count);
    if (result.n < 2)
      throw Error(error::invalid_data, "rank correlation of " + detail::quoted_list(plan.columns) +
                                           ": expected at least two rows that miss none of them, got " +
                                           std::to_string(result.n));
    RankProducts::Broadcast broadcast{plan, {}, {}};
    for (const auto& column : counts) {
      broadcast.values.emplace_back();
      for (const auto& [value, count] : column) broadcast.values.back().push_back(value);
      broadcast.ranks.push_back(detail::centred_ranks(column));
    }
    const Sums products = analysis.template sum<RankProducts>(std::move(broadcast));
    const auto n = static_cast<double>(result.n);
    result.means.setConstant(static_cast<Eigen::Index>(p), (n + 1) / 2);
    result.covariance = from_packed_lower(products.vector("products"), p) / (n - 1);
    return result;
  });
  Correlation result = detail::correlation_of(plan.columns, sums);
  result.sites = analysis.sites();
  result.left_out = analysis.left_out();
  return result;
}

}  // namespace healthai
