#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/core/failure.hpp"
#include "healthai/core/finite.hpp"
#include "healthai/core/number_text.hpp"
#include "healthai/data/table.hpp"
#include "healthai/statistics/analysis.hpp"
#include "healthai/statistics/concept.hpp"
#include "healthai/statistics/describe.hpp"
#include "healthai/statistics/detail/patient_cells.hpp"
#include "healthai/statistics/detail/pooled_groups.hpp"
#include "healthai/statistics/disclosure.hpp"
#include "healthai/statistics/disclosure_refusal.hpp"
#include "healthai/statistics/groups.hpp"
#include "healthai/statistics/public_bounds.hpp"
#include "healthai/statistics/sums.hpp"
#include "healthai/statistics/suppression.hpp"
#include "healthai/transport/concept.hpp"

namespace healthai {

/// How many values of a column are in each of some bins. A bin holds its lower edge and not its upper one; the last one holds both.
struct HistogramPlan {
  Cohort cohort{};
  std::string column{};
  std::vector<double> edges{};  ///< ascending; of k bins there are k + 1. Empty: `histogram` makes them
  std::uint64_t most_rows =
      0;  ///< of one hospital, as everybody may know; needed for secure aggregation only
  friend bool operator==(const HistogramPlan&, const HistogramPlan&) = default;

  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& cohort& column& edges& most_rows;
  }
};

/// Edges of bins that are all as wide. \throws Error (`invalid_argument`) for no bins, or bounds that are not lower < upper
[[nodiscard]] inline std::vector<double> even_edges(double lower, double upper, std::size_t bins) {
  if (bins == 0 || !(lower < upper) || !is_finite(lower) || !is_finite(upper))
    throw Error(error::invalid_argument,
                "bins: expected at least one between a number and a larger one, got " + std::to_string(bins) +
                    " from " + number_text(lower) + " to " + number_text(upper));
  std::vector<double> edges(bins + 1);
  for (std::size_t i = 0; i <= bins; ++i) {
    const double share = static_cast<double>(i) / static_cast<double>(bins);
    edges[i] = lower * (1 - share) + upper * share;
  }
  edges.back() = upper;
  return edges;
}

/// Counts the values of a column in each bin, below, above and missing. A hospital with rules leaves out bins with too few patients, and
/// counts that ("hidden"). Additive.
struct BinCounts : SummedStatistic {
  using Plan = HistogramPlan;
  struct Broadcast {
    Plan plan{};

    template <class Archive>
    void serialize(Archive& archive, unsigned /*version*/) {
      archive& plan;
    }
  };
  struct Prepared {
    std::vector<std::vector<std::size_t>> rows_of{};  ///< below, in each bin, above, missing
    std::size_t rows = 0;

    [[nodiscard]] std::vector<std::size_t> counts() const {
      std::vector<std::size_t> counts;
      for (const auto& some : rows_of) counts.push_back(some.size());
      return counts;
    }
  };
  static constexpr std::string_view name = "bin_counts";

  [[nodiscard]] static std::vector<std::string> columns(const Plan& plan) { return {plan.column}; }
  [[nodiscard]] static std::vector<std::string> complete(const Plan&) { return {}; }
  /// \throws Error (`invalid_argument`) for edges that do not ascend
  [[nodiscard]] static Prepared prepare(const Plan& plan, const Table& rows) {
    require_edges(plan.edges);
    PublicBounds bounds;
    bounds.most_rows = plan.most_rows;
    detail::require_rows_within(bounds, rows.rows());
    Prepared prepared{std::vector<std::vector<std::size_t>>(plan.edges.size() + 2), rows.rows()};
    const std::vector<double> numbers = detail::numbers_or_missing(rows, plan.column);
    for (std::size_t row = 0; row < numbers.size(); ++row) {
      const double x = numbers[row];
      auto bin = static_cast<std::size_t>(std::upper_bound(plan.edges.begin(), plan.edges.end(), x) -
                                          plan.edges.begin());
      if (x == plan.edges.back()) --bin;
      if (x != x) bin = prepared.rows_of.size() - 1;
      prepared.rows_of[bin].push_back(row);
    }
    return prepared;
  }
  /// What is asked, before rows are read.
  [[nodiscard]] static Disclosure question(const Plan& plan) {
    Disclosure what;
    what.columns = {plan.column};
    what.cut_points[plan.column] = plan.edges.size();
    what.most_rows = plan.most_rows;
    return what;
  }
  [[nodiscard]] static Disclosure disclosure(const Plan& plan, const Prepared& prepared) {
    Disclosure what = question(plan);
    what.rows = prepared.rows;
    return what;
  }
  /// The rows of each group that it tells apart, for comparison with other answers. \param rules  which hide some
  [[nodiscard]] static std::vector<std::vector<std::size_t>> groups(const Plan&, const Prepared& prepared,
                                                                    const DisclosureRules& rules = {}) {
    const std::vector<bool> hidden = hidden_counts(rules, prepared.counts());
    std::vector<std::vector<std::size_t>> told;
    for (std::size_t i = 0; i < hidden.size(); ++i) {
      if (!hidden[i] && !prepared.rows_of[i].empty()) told.push_back(prepared.rows_of[i]);
    }
    return detail::unless_few_in_sum(std::move(told), rules);
  }
  [[nodiscard]] static Reply answer(const Prepared& prepared, const Broadcast&,
                                    const DisclosureRules& rules) {
    const std::vector<bool> hidden = hidden_counts(rules, prepared.counts());
    std::vector<double> counts(hidden.size()), hides(hidden.size());
    for (std::size_t i = 0; i < hidden.size(); ++i)
      (hidden[i] ? hides : counts)[i] = hidden[i] ? 1 : static_cast<double>(prepared.rows_of[i].size());
    return SummandBuilder().add("counts", counts).add("hidden", hides).take();
  }
  [[nodiscard]] static std::size_t bytes(const Broadcast& broadcast) noexcept {
    return broadcast.plan.edges.size() * sizeof(double);
  }
  using SummedStatistic::bytes;

  /// \throws Error (`invalid_argument`) without `most_rows`
  [[nodiscard]] static std::vector<secagg::VectorSegment> vector_segments(const Broadcast& broadcast) {
    const Plan& plan = broadcast.plan;
    PublicBounds{{}, plan.most_rows}.require({});
    return {detail::counts_segment("counts", plan.edges.size() + 2, plan.most_rows),
            detail::counts_segment("hidden", plan.edges.size() + 2, 1)};
  }
  [[nodiscard]] static std::vector<secagg::ScalarSegment> scalar_segments(const Broadcast&) { return {}; }

  static void require_edges(const std::vector<double>& edges) {
    bool ascending = edges.size() > 1;
    for (std::size_t i = 0; ascending && i < edges.size(); ++i)
      ascending = is_finite(edges[i]) && (i == 0 || edges[i - 1] < edges[i]);
    if (!ascending)
      throw Error(error::invalid_argument,
                  "the edges of bins must be at least two numbers, each larger than the last");
  }
};
static_assert(Statistic<BinCounts> && AdditiveTask<BinCounts>);

/// What `histogram` finds.
struct Histogram {
  std::vector<double> edges{};
  std::vector<std::size_t> counts{};  ///< of each bin
  std::vector<std::size_t>
      hidden{};  ///< hospitals that have left the bin out, as too few of their patients are in it
  std::size_t below = 0;
  std::size_t above = 0;
  std::size_t missing = 0;
  std::size_t hidden_outside =
      0;  ///< hospitals that have left out one of the last three, for the same reason
  std::vector<ClientId> sites{};
  std::vector<Failure> left_out{};
};

/// How `histogram` makes bins, if the plan has no edges.
struct HistogramOptions {
  std::size_t bins = 10;
  /// Of the bins; not set: from the smallest to the largest value of all hospitals, which are asked for them, and may not tell.
  std::optional<ColumnBounds> range{};
  AnalysisOptions asking{};
};

/// Counts a column in bins over all hospitals.
/// \throws Error (`invalid_argument`) for edges that do not ascend, or without any over a transport that only sums; (`disclosure`) where the
/// bins are to follow the extremes and a hospital does not tell its own; (`invalid_data`) where there is no value, or they are all the same
template <class TransportType>
[[nodiscard]] Histogram histogram(TransportType& transport, HistogramPlan plan,
                                  const HistogramOptions& options = {}) {
  if (plan.edges.empty() && options.range)
    plan.edges = even_edges(options.range->lower, options.range->upper, options.bins);
  if (plan.edges.empty()) {
    if constexpr (Transport<TransportType, SiteColumns>) {
      DescribePlan columns;
      columns.cohort = plan.cohort;
      columns.columns = {plan.column};
      const Description described = describe(transport, columns, {true, options.asking});
      const ColumnDescription& all = described.at(plan.column);
      if (all.n > 0 && !all.minimum)
        throw Error(error::disclosure,
                    "histogram of " + detail::quoted(plan.column) +
                        ": not every hospital tells its extremes; give edges, or a public range");
      if (all.n == 0 || *all.minimum == *all.maximum)
        throw Error(error::invalid_data, "histogram of " + detail::quoted(plan.column) +
                                             ": there are no two different values to make bins between");
      plan.edges = even_edges(*all.minimum, *all.maximum, options.bins);
    } else {
      throw Error(error::invalid_argument,
                  "histogram: over a transport that only sums, bins need edges or a public range");
    }
  }
  BinCounts::require_edges(plan.edges);
  if constexpr (!Transport<TransportType, BinCounts>) PublicBounds{{}, plan.most_rows}.require({});
  Analysis<TransportType> analysis(transport, options.asking);
  Histogram result;
  const Sums sums = analysis.over_the_same_sites([&] { return analysis.template sum<BinCounts>({plan}); });
  const auto sum_of_counts = sums.vector("counts", plan.edges.size() + 2);
  const auto sum_of_hidden = sums.vector("hidden", plan.edges.size() + 2);
  std::vector<double> counts(sum_of_counts.begin(), sum_of_counts.end());
  std::vector<double> hidden(sum_of_hidden.begin(), sum_of_hidden.end());
  const DisclosureRules rules = analysis.template pooled_rules<BinCounts>();
  detail::hide_small_counts(rules, counts, hidden, sums.sites.size(),
                            [&](const auto& patients) { return hidden_counts(rules, patients); });
  const std::size_t bins = plan.edges.size() - 1;
  for (std::size_t i = 0; i < bins; ++i) {
    result.counts.push_back(static_cast<std::size_t>(counts[i + 1]));
    result.hidden.push_back(static_cast<std::size_t>(hidden[i + 1]));
  }
  result.below = static_cast<std::size_t>(counts[0]);
  result.above = static_cast<std::size_t>(counts[bins + 1]);
  result.missing = static_cast<std::size_t>(counts[bins + 2]);
  result.hidden_outside =
      static_cast<std::size_t>((std::max)({hidden[0], hidden[bins + 1], hidden[bins + 2]}));
  result.edges = std::move(plan.edges);
  result.sites = analysis.sites();
  result.left_out = analysis.left_out();
  return result;
}

}  // namespace healthai
