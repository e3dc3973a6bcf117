#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/core/failure.hpp"
#include "healthai/data/table.hpp"
#include "healthai/statistics/analysis.hpp"
#include "healthai/statistics/concept.hpp"
#include "healthai/statistics/contingency.hpp"
#include "healthai/statistics/covariates.hpp"
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

/// How many patients have each pair of levels of two columns, in each stratum if there is a third. Rows that miss one are left out.
struct CrossTablePlan {
  Cohort cohort{};
  std::string rows{};  ///< the column whose levels are rows
  std::vector<std::string> row_levels{};
  std::string columns{};  ///< the column whose levels are columns
  std::vector<std::string> column_levels{};
  std::string strata{};  ///< the column whose levels are strata; empty: one stratum
  std::vector<std::string> strata_levels{};
  std::uint64_t most_rows =
      0;  ///< of one hospital, as everybody may know; needed for secure aggregation only
  friend bool operator==(const CrossTablePlan&, const CrossTablePlan&) = default;

  [[nodiscard]] std::size_t number_of_strata() const noexcept {
    return strata.empty() ? 1 : strata_levels.size();
  }
  [[nodiscard]] std::size_t cells() const noexcept {
    return row_levels.size() * column_levels.size() * number_of_strata();
  }

  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& cohort& rows& row_levels& columns& column_levels& strata& strata_levels& most_rows;
  }
};

/// Counts the cells of a cross-table. A hospital with rules leaves out cells of too few patients, and counts that ("hidden"). Additive.
struct CellCounts : SummedStatistic {
  using Plan = CrossTablePlan;
  struct Broadcast {
    Plan plan{};

    template <class Archive>
    void serialize(Archive& archive, unsigned /*version*/) {
      archive& plan;
    }
  };
  struct Prepared {
    std::vector<std::vector<std::size_t>> rows_of{};  ///< of each cell: stratum after stratum, row after row
    std::size_t rows = 0;

    [[nodiscard]] std::vector<std::size_t> counts() const {
      std::vector<std::size_t> counts;
      for (const auto& some : rows_of) counts.push_back(some.size());
      return counts;
    }
  };
  static constexpr std::string_view name = "cell_counts";

  [[nodiscard]] static std::vector<std::string> columns(const Plan& plan) {
    std::vector<std::string> read{plan.rows, plan.columns};
    if (!plan.strata.empty()) read.push_back(plan.strata);
    return read;
  }
  [[nodiscard]] static std::vector<std::string> complete(const Plan& plan) { return columns(plan); }
  /// \throws Error (`invalid_data`) for a level that was not agreed
  [[nodiscard]] static Prepared prepare(const Plan& plan, const Table& rows) {
    PublicBounds bounds;
    bounds.most_rows = plan.most_rows;
    detail::require_rows_within(bounds, rows.rows());
    const std::vector<std::size_t> row = level_indices(rows, plan.rows, plan.row_levels);
    const std::vector<std::size_t> column = level_indices(rows, plan.columns, plan.column_levels);
    std::vector<std::size_t> stratum(rows.rows());
    if (!plan.strata.empty()) stratum = level_indices(rows, plan.strata, plan.strata_levels);
    Prepared prepared{std::vector<std::vector<std::size_t>>(plan.cells()), rows.rows()};
    for (std::size_t i = 0; i < rows.rows(); ++i)
      prepared.rows_of[(stratum[i] * plan.row_levels.size() + row[i]) * plan.column_levels.size() + column[i]]
          .push_back(i);
    return prepared;
  }
  /// What is asked, before rows are read.
  [[nodiscard]] static Disclosure question(const Plan& plan) {
    Disclosure what;
    what.columns = columns(plan);
    what.levels[plan.rows] = plan.row_levels;
    what.levels[plan.columns] = plan.column_levels;
    if (!plan.strata.empty()) what.levels[plan.strata] = plan.strata_levels;
    what.most_rows = plan.most_rows;
    return what;
  }
  /// Of cells it says nothing, as `answer` hides those that are too small.
  [[nodiscard]] static Disclosure disclosure(const Plan& plan, const Prepared& prepared) {
    Disclosure what = question(plan);
    what.rows = prepared.rows;
    return what;
  }
  /// The rows of each group that it tells apart, for comparison with other answers. \param rules  which hide some
  [[nodiscard]] static std::vector<std::vector<std::size_t>> groups(const Plan& plan,
                                                                    const Prepared& prepared,
                                                                    const DisclosureRules& rules = {}) {
    const std::vector<bool> hidden = hidden_of_strata(prepared.counts(), plan, rules);
    std::vector<std::vector<std::size_t>> told;
    for (std::size_t i = 0; i < hidden.size(); ++i) {
      if (!hidden[i] && !prepared.rows_of[i].empty()) told.push_back(prepared.rows_of[i]);
    }
    return detail::unless_few_in_sum(std::move(told), rules);
  }
  [[nodiscard]] static Reply answer(const Prepared& prepared, const Broadcast& broadcast,
                                    const DisclosureRules& rules) {
    const std::vector<bool> hidden = hidden_of_strata(prepared.counts(), broadcast.plan, rules);
    std::vector<double> counts(hidden.size()), hides(hidden.size());
    for (std::size_t i = 0; i < hidden.size(); ++i)
      (hidden[i] ? hides : counts)[i] = hidden[i] ? 1 : static_cast<double>(prepared.rows_of[i].size());
    return SummandBuilder().add("counts", counts).add("hidden", hides).take();
  }
  [[nodiscard]] static std::size_t bytes(const Broadcast& broadcast) noexcept {
    return 16 * broadcast.plan.cells();
  }
  using SummedStatistic::bytes;

  /// \throws Error (`invalid_argument`) without `most_rows`
  [[nodiscard]] static std::vector<secagg::VectorSegment> vector_segments(const Broadcast& broadcast) {
    const Plan& plan = broadcast.plan;
    PublicBounds{{}, plan.most_rows}.require({});
    return {detail::counts_segment("counts", plan.cells(), plan.most_rows),
            detail::counts_segment("hidden", plan.cells(), 1)};
  }
  [[nodiscard]] static std::vector<secagg::ScalarSegment> scalar_segments(const Broadcast&) { return {}; }

  /// Each stratum is a two-way table of its own. \return of each cell whether it is hidden \throws Error as `hidden_cells`
  [[nodiscard]] static std::vector<bool> hidden_of_strata(const std::vector<std::size_t>& counts,
                                                          const Plan& plan, const DisclosureRules& rules) {
    const std::size_t size = plan.row_levels.size() * plan.column_levels.size();
    std::vector<bool> hidden;
    for (std::size_t first = 0; first < counts.size(); first += size) {
      const std::vector<bool> some =
          hidden_cells(rules, std::span(counts).subspan(first, size), plan.column_levels.size());
      hidden.insert(hidden.end(), some.begin(), some.end());
    }
    return hidden;
  }
};
static_assert(Statistic<CellCounts> && AdditiveTask<CellCounts>);

/// One two-way table of a cross-table.
struct CrossTableStratum {
  std::string name{};                 ///< the level, or the hospital; empty where there is one stratum
  CountTable table{};                 ///< what hospitals have told
  std::vector<std::size_t> hidden{};  ///< for each cell, how many hospitals have left it out
};

/// What `cross_table` finds. Where a hospital has hidden cells, the counts are those of the others, and there are no tests.
struct CrossTable {
  std::vector<std::string> row_levels{};
  std::vector<std::string> column_levels{};
  CountTable table{};                 ///< of all strata together
  std::vector<std::size_t> hidden{};  ///< for each cell, how many hospitals have left it out in some stratum
  std::vector<CrossTableStratum> strata{};              ///< where there is more than one
  std::optional<ChiSquareTest> chi_square{};            ///< of all strata together
  std::optional<ChiSquareTest> chi_square_yates{};      ///< of two rows and two columns
  std::optional<MantelHaenszelTest> mantel_haenszel{};  ///< over the strata; of two rows and two columns
  std::vector<ClientId> sites{};
  std::vector<Failure> left_out{};
};

/// How `cross_table` asks.
struct CrossTableOptions {
  bool stratify_by_site =
      false;  ///< each hospital is a stratum (or each stratum of each); needs a transport that shows single answers
  double confidence_level = 0.95;  ///< of the interval of the odds ratio
  AnalysisOptions asking{};
};

namespace detail {

/// Adds the strata of some hospitals to the answer. \param prefix of their names
inline void take_strata(CrossTable& result, const CrossTablePlan& plan, const std::string& prefix,
                        std::span<const double> counts, std::span<const double> hidden) {
  const std::size_t size = plan.row_levels.size() * plan.column_levels.size();
  for (std::size_t s = 0; s < plan.number_of_strata(); ++s) {
    CrossTableStratum stratum;
    stratum.name = prefix;
    if (!plan.strata.empty()) stratum.name += (prefix.empty() ? "" : ", ") + plan.strata_levels[s];
    stratum.table.columns = plan.column_levels.size();
    for (std::size_t i = 0; i < size; ++i) {
      stratum.table.counts.push_back(counts[s * size + i]);
      stratum.hidden.push_back(static_cast<std::size_t>(hidden[s * size + i]));
      result.table.counts[i] += stratum.table.counts.back();
      result.hidden[i] += stratum.hidden.back();
    }
    result.strata.push_back(std::move(stratum));
  }
}

inline void test_table(CrossTable& result, double confidence) {
  for (const std::size_t sites : result.hidden) {
    if (sites != 0) return;
  }
  result.chi_square = chi_square_test(result.table);
  result.chi_square_yates = chi_square_test(result.table, true);
  if (result.table.rows() != 2 || result.table.columns != 2 || result.strata.size() < 2) return;
  std::vector<std::array<double, 4>> strata;
  for (const CrossTableStratum& s : result.strata)
    strata.push_back({s.table.at(0, 0), s.table.at(0, 1), s.table.at(1, 0), s.table.at(1, 1)});
  result.mantel_haenszel = mantel_haenszel(strata, confidence);
}

}  // namespace detail

/// Counts a cross-table over all hospitals, with the tests that go with it.
/// \throws Error (`invalid_argument`) for columns that are the same or, over a transport that only sums, without levels or with strata by
/// hospital; as Analysis does
template <class TransportType>
[[nodiscard]] CrossTable cross_table(TransportType& transport, CrossTablePlan plan,
                                     const CrossTableOptions& options = {}) {
  detail::require_columns("cross table", CellCounts::columns(plan));
  if constexpr (!Transport<TransportType, CellCounts>) {
    PublicBounds{{}, plan.most_rows}.require({});
    if (options.stratify_by_site)
      throw Error(error::invalid_argument,
                  "cross table: over a transport that only sums, a hospital cannot be a stratum of its own");
  }
  Analysis<TransportType> analysis(transport, options.asking);
  CrossTable result = analysis.over_the_same_sites([&] {
    CrossTablePlan asked = plan;
    detail::complete_levels(analysis, transport, asked.cohort, asked.rows, asked.row_levels);
    detail::complete_levels(analysis, transport, asked.cohort, asked.columns, asked.column_levels);
    detail::complete_levels(analysis, transport, asked.cohort, asked.strata, asked.strata_levels);
    CrossTable table;
    table.row_levels = asked.row_levels;
    table.column_levels = asked.column_levels;
    table.table.columns = asked.column_levels.size();
    table.table.counts.assign(asked.row_levels.size() * asked.column_levels.size(), 0);
    table.hidden.assign(table.table.counts.size(), 0);
    if constexpr (Transport<TransportType, CellCounts>) {
      if (options.stratify_by_site) {
        for (auto& [site, reply] : analysis.template each<CellCounts>({asked})) {
          Sums one;
          one.vectors = std::move(reply.vectors);
          detail::take_strata(table, asked, site.str(), one.vector("counts", asked.cells()),
                              one.vector("hidden", asked.cells()));
        }
        return table;
      }
    }
    const Sums sums = analysis.template sum<CellCounts>({asked});
    const auto cells = sums.vector("counts", asked.cells());
    const auto hides = sums.vector("hidden", asked.cells());
    std::vector<double> counts(cells.begin(), cells.end()), hidden(hides.begin(), hides.end());
    const DisclosureRules rules = analysis.template pooled_rules<CellCounts>();
    detail::hide_small_counts(rules, counts, hidden, sums.sites.size(), [&](const auto& patients) {
      return CellCounts::hidden_of_strata(patients, asked, rules);
    });
    detail::take_strata(table, asked, "", counts, hidden);
    return table;
  });
  detail::test_table(result, options.confidence_level);
  if (result.strata.size() == 1 && plan.strata.empty() && !options.stratify_by_site) result.strata.clear();
  result.sites = analysis.sites();
  result.left_out = analysis.left_out();
  return result;
}

}  // namespace healthai
