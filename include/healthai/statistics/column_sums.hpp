#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/data/table.hpp"
#include "healthai/statistics/analysis.hpp"
#include "healthai/statistics/concept.hpp"
#include "healthai/statistics/detail/patient_cells.hpp"
#include "healthai/statistics/detail/pooled_groups.hpp"
#include "healthai/statistics/groups.hpp"
#include "healthai/statistics/moments.hpp"
#include "healthai/statistics/public_bounds.hpp"
#include "healthai/statistics/sums.hpp"
#include "healthai/statistics/suppression.hpp"

namespace healthai {

/// What is to be described: columns of numbers, of all rows of a cohort, and of each level of a column `by` as well.
struct DescribePlan {
  Cohort cohort{};
  std::vector<std::string> columns{};
  std::string by{};                   ///< rows that miss it are left out; empty: no groups
  std::vector<std::string> levels{};  ///< of `by`; empty: the hospitals are asked
  PublicBounds bounds{};              ///< needed for secure aggregation only
  std::uint64_t moments = 4;  ///< 2: only mean and variance leave, without what skewness and kurtosis need
  friend bool operator==(const DescribePlan&, const DescribePlan&) = default;

  /// Groups of an answer: all, and the levels.
  [[nodiscard]] std::size_t groups() const noexcept { return by.empty() ? 1 : 1 + levels.size(); }
  [[nodiscard]] std::size_t cells() const noexcept { return columns.size() * groups(); }

  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& cohort& columns& by& levels& bounds& moments;
  }
};

namespace detail {

/// The values of each column and group that are not missing; column after column, each with its groups.
struct DescribedCells {
  std::size_t rows = 0;
  std::size_t moments = 4;
  std::vector<std::vector<double>> values{};
  std::vector<std::vector<std::size_t>> rows_of{};  ///< which these are, for each of `values`
  std::vector<double> missing{};

  /// \param scaled  in the unit of ColumnScale
  [[nodiscard]] static DescribedCells of(const DescribePlan& plan, const Table& table, bool scaled) {
    DescribedCells cells;
    cells.rows = table.rows();
    if (plan.moments != 2 && plan.moments != 4)
      throw Error(error::invalid_argument,
                  "describe: expected 2 or 4 moments, got " + std::to_string(plan.moments));
    require_columns("describe", plan.columns);
    cells.moments = static_cast<std::size_t>(plan.moments);
    require_rows_within(plan.bounds, table.rows());
    const auto groups = rows_of_groups(table, plan.by, plan.levels);
    for (const std::string& column : plan.columns) {
      const std::vector<double> numbers = numbers_or_missing(table, column);
      const ColumnScale scale = scaled ? scale_of(plan.bounds, column) : ColumnScale{};
      for (const auto& rows : groups) {
        std::vector<double> values;
        std::vector<std::size_t> kept;
        for (const std::size_t row : rows) {
          if (numbers[row] != numbers[row]) continue;
          require_within(plan.bounds, column, numbers[row]);
          values.push_back(scale.to_z(numbers[row]));
          kept.push_back(row);
        }
        cells.missing.push_back(static_cast<double>(rows.size() - values.size()));
        cells.values.push_back(std::move(values));
        cells.rows_of.push_back(std::move(kept));
      }
    }
    return cells;
  }
  /// Which cells a hospital does not tell: small groups of a column, whose other groups and total it tells. A group is small if it has
  /// fewer patients than a cell needs, or than so many moments need. \throws Error (`disclosure`) where that takes more than hiding, and where
  /// a group that is told has few values, one of them of few patients: its moments would tell that count
  [[nodiscard]] std::vector<bool> hidden(std::size_t groups, const DisclosureRules& rules) const {
    std::vector<bool> all(values.size(), false);
    if (!rules.enforced || rules.in_sum) return all;
    const auto for_moments =
        static_cast<std::size_t>(std::ceil(rules.rows_per_parameter * static_cast<double>(moments)));
    for (std::size_t first = 0; first < values.size(); first += groups) {
      std::vector<std::size_t> patients;
      for (std::size_t g = 1; g < groups; ++g) patients.push_back(values[first + g].size());
      const auto some = hidden_counts(patients, (std::max)(rules.smallest_cell, for_moments));
      if (!some) refuse_cells();
      for (std::size_t g = 1; g < groups; ++g) {
        all[first + g] = (*some)[g - 1];
        if (all[first + g]) continue;
        for (const double count : counts_of_few(values[first + g])) {
          if (count > 0 && count < static_cast<double>(rules.smallest_cell)) refuse_cells();
        }
      }
    }
    return all;
  }
  /// How many are missing of each cell, as a hospital with rules tells it: too few to be counted are counted as none, and the total is then
  /// that of the groups that are told, so that it does not tell them.
  [[nodiscard]] std::vector<double> told_missing(std::size_t groups, const std::vector<bool>& not_told,
                                                 const DisclosureRules& rules) const {
    std::vector<double> told = missing;
    if (!rules.enforced || rules.in_sum) return told;
    for (std::size_t cell = 0; cell < told.size(); ++cell) {
      if (not_told[cell] || told[cell] < static_cast<double>(rules.smallest_cell)) told[cell] = 0;
    }
    if (groups == 1) return told;
    for (std::size_t first = 0; first < told.size(); first += groups) {
      told[first] = 0;
      for (std::size_t g = 1; g < groups; ++g) told[first] += told[first + g];
    }
    return told;
  }
  /// How many have each value, of a column of so few that the moments tell it; of others nothing.
  [[nodiscard]] std::vector<double> counts_of_few(const std::vector<double>& some) const {
    PatientGroups few;
    few.add_if_few(some, moments + 1);
    return few.cells();
  }
  /// The rows of the cells that it tells.
  [[nodiscard]] std::vector<std::vector<std::size_t>> told(std::size_t groups,
                                                           const DisclosureRules& rules) const {
    const std::vector<bool> not_told = hidden(groups, rules);
    std::vector<std::vector<std::size_t>> sets;
    for (std::size_t first = 0; first < rows_of.size(); first += groups) {
      std::vector<std::vector<std::size_t>> of_column;
      for (std::size_t cell = first; cell < first + groups; ++cell) {
        if (!not_told[cell]) of_column.push_back(rows_of[cell]);
      }
      for (auto& some : unless_few_in_sum(std::move(of_column), rules)) sets.push_back(std::move(some));
    }
    return sets;
  }
  [[nodiscard]] static Disclosure question(const DescribePlan& plan) {
    Disclosure what;
    what.columns = with_group(plan.columns, plan.by);
    if (!plan.by.empty()) what.levels[plan.by] = plan.levels;
    tell_bounds(what, plan.bounds);
    return what;
  }
  [[nodiscard]] Disclosure disclosure(const DescribePlan& plan) const {
    Disclosure what = question(plan);
    what.rows = rows;
    what.parameters = static_cast<std::size_t>(plan.moments);
    for (std::size_t cell = 0; cell < values.size(); cell += plan.groups()) {
      what.cells.push_back(static_cast<double>(values[cell].size()));
      // Moments are of these alone.
      if (!values[cell].empty()) what.rows = (std::min)(what.rows, values[cell].size());
    }
    for (std::size_t cell = 0; cell < values.size(); cell += plan.groups()) {
      const std::vector<double> counts = counts_of_few(values[cell]);
      what.cells.insert(what.cells.end(), counts.begin(), counts.end());
    }
    return what;
  }
};

}  // namespace detail

/// The sums behind descriptions. First, without centres: how many values there are of each column and group, how many are missing, and their
/// sum. Then, about a centre for each: the sums of the first to fourth powers of the differences from it (or to second, see `moments`).
///
/// A hospital with rules leaves out groups with too few patients, and counts that ("hidden"); of fewer missing values than a cell needs it
/// tells none. Additive.
struct ColumnSums : SummedStatistic {
  using Plan = DescribePlan;
  using Prepared = detail::DescribedCells;
  struct Broadcast {
    Plan plan{};
    std::vector<double>
        centres{};  ///< one for each column and group, in the unit in which the column travels; none: the first step

    template <class Archive>
    void serialize(Archive& archive, unsigned /*version*/) {
      archive& plan& centres;
    }
  };
  static constexpr std::string_view name = "column_sums";

  [[nodiscard]] static std::vector<std::string> columns(const Plan& plan) {
    return detail::with_group(plan.columns, plan.by);
  }
  [[nodiscard]] static std::vector<std::string> complete(const Plan& plan) {
    return plan.by.empty() ? std::vector<std::string>{} : std::vector<std::string>{plan.by};
  }
  [[nodiscard]] static Prepared prepare(const Plan& plan, const Table& rows) {
    return detail::DescribedCells::of(plan, rows, true);
  }
  /// What is asked, before rows are read.
  [[nodiscard]] static Disclosure question(const Plan& plan) { return Prepared::question(plan); }
  [[nodiscard]] static Disclosure disclosure(const Plan& plan, const Prepared& prepared) {
    return prepared.disclosure(plan);
  }
  /// The rows of each group that it tells apart, for comparison with other answers. \param rules  which hide some
  [[nodiscard]] static std::vector<std::vector<std::size_t>> groups(const Plan& plan,
                                                                    const Prepared& prepared,
                                                                    const DisclosureRules& rules = {}) {
    return prepared.told(plan.groups(), rules);
  }
  /// \throws Error (`invalid_argument`) for another number of centres
  [[nodiscard]] static Reply answer(const Prepared& prepared, const Broadcast& broadcast,
                                    const DisclosureRules& rules) {
    const std::size_t cells = prepared.values.size();
    const std::vector<bool> hidden = prepared.hidden(broadcast.plan.groups(), rules);
    if (broadcast.centres.empty()) {
      const std::vector<double> told_missing = prepared.told_missing(broadcast.plan.groups(), hidden, rules);
      std::vector<double> n(cells), missing(cells), sum(cells), hides(cells);
      for (std::size_t cell = 0; cell < cells; ++cell) {
        hides[cell] = hidden[cell] ? 1 : 0;
        if (hidden[cell]) continue;
        n[cell] = static_cast<double>(prepared.values[cell].size());
        missing[cell] = told_missing[cell];
        for (const double z : prepared.values[cell]) sum[cell] += z;
      }
      return SummandBuilder().add("n", n).add("missing", missing).add("sum", sum).add("hidden", hides).take();
    }
    if (broadcast.centres.size() != cells)
      throw Error(error::invalid_argument, "column sums: expected a centre for each of " +
                                               std::to_string(cells) + " groups, got " +
                                               std::to_string(broadcast.centres.size()));
    const auto moments = static_cast<std::size_t>(broadcast.plan.moments);
    std::vector<double> powers(moments * cells);
    for (std::size_t cell = 0; cell < cells; ++cell) {
      if (hidden[cell]) continue;
      const auto sums = power_sums(prepared.values[cell], broadcast.centres[cell]);
      for (std::size_t k = 0; k < moments; ++k) powers[moments * cell + k] = sums[k];
    }
    return SummandBuilder().add("powers", powers).take();
  }
  /// The sums of the first to fourth powers of the differences from a centre.
  [[nodiscard]] static std::array<double, 4> power_sums(const std::vector<double>& values,
                                                        double centre) noexcept {
    std::array<double, 4> sums{};
    for (const double value : values) {
      const double d = value - centre;
      sums[0] += d;
      sums[1] += d * d;
      sums[2] += d * d * d;
      sums[3] += d * d * (d * d);
    }
    return sums;
  }
  [[nodiscard]] static std::size_t bytes(const Broadcast& broadcast) noexcept {
    return broadcast.centres.size() * sizeof(double);
  }
  using SummedStatistic::bytes;

  /// Powers of differences of numbers from -1 to 1 are up to 16. \throws Error (`invalid_argument`) without public bounds
  [[nodiscard]] static std::vector<secagg::VectorSegment> vector_segments(const Broadcast& broadcast) {
    const Plan& plan = broadcast.plan;
    plan.bounds.require(plan.columns);
    const std::uint64_t rows = plan.bounds.most_rows;
    if (!broadcast.centres.empty())
      return {detail::sums_segment("powers", plan.moments * plan.cells(), 16, rows)};
    return {detail::counts_segment("n", plan.cells(), rows),
            detail::counts_segment("missing", plan.cells(), rows),
            detail::sums_segment("sum", plan.cells(), 1, rows),
            detail::counts_segment("hidden", plan.cells(), 1)};
  }
  [[nodiscard]] static std::vector<secagg::ScalarSegment> scalar_segments(const Broadcast&) { return {}; }
};
static_assert(Statistic<ColumnSums> && AdditiveTask<ColumnSums>);

/// Numbers, means and central moments of columns and groups over all hospitals.
struct GroupMoments {
  std::size_t groups = 1;         ///< all rows, and each level
  std::vector<Moments> cells{};   ///< column after column, each with its groups
  std::vector<double> missing{};  ///< for each of `cells`
  std::vector<double> sums{};     ///< of the values
  std::vector<std::size_t>
      hidden{};  ///< how many hospitals have left the group out, as too few patients are in it

  [[nodiscard]] const Moments& at(std::size_t column, std::size_t group) const {
    return cells.at(column * groups + group);
  }
};

/// Two sums over the hospitals: numbers and means, then powers about the means.
/// \param plan with its levels. \throws Error (`disclosure`) where only sums are seen and all hospitals together have too few patients; as
/// Analysis::sum
template <class TransportType>
[[nodiscard]] GroupMoments group_moments(Analysis<TransportType>& analysis, const DescribePlan& plan) {
  const Sums first = analysis.template sum<ColumnSums>({plan, {}});
  const std::size_t cells = plan.cells();
  const auto numbers = [&](const char* name) {
    const auto sums = first.vector(name, cells);
    return std::vector<double>(sums.begin(), sums.end());
  };
  detail::PooledGroups told{numbers("n"), numbers("missing"), numbers("sum"), numbers("hidden")};
  told.hold(analysis.template pooled_rules<ColumnSums>(), plan.groups(),
            static_cast<std::size_t>(plan.moments), first.sites.size());
  const auto& [n, missing, sum, hidden] = told;
  ColumnSums::Broadcast about{plan, std::vector<double>(cells)};
  for (std::size_t cell = 0; cell < cells; ++cell)
    about.centres[cell] = n[cell] > 0 ? sum[cell] / n[cell] : 0;
  const Sums second = analysis.template sum<ColumnSums>(about);
  const auto moments = static_cast<std::size_t>(plan.moments);
  const auto powers = second.vector("powers", moments * cells);

  GroupMoments result;
  result.groups = plan.groups();
  for (std::size_t cell = 0; cell < cells; ++cell) {
    const std::string& column = plan.columns[cell / result.groups];
    const detail::ColumnScale scale = detail::scale_of(plan.bounds, column);
    // Masked sums are rounded to levels: what they cannot tell apart is no variance.
    double resolution = 0;
    if (!Transport<TransportType, ColumnSums> && n[cell] > 0) {
      const double level = 16 * static_cast<double>(plan.bounds.most_rows) * 0x1p-51;
      resolution = scale.unit * std::sqrt(level * static_cast<double>(second.sites.size()) / n[cell]);
    }
    std::array<double, 4> four{};
    for (std::size_t k = 0; k < moments && n[cell] > 0; ++k) four[k] = powers[moments * cell + k];
    result.cells.push_back(
        Moments::of(n[cell], scale.to_x(about.centres[cell]), four, scale.unit, resolution));
    result.missing.push_back(missing[cell]);
    result.sums.push_back(scale.unit * sum[cell] + scale.origin * n[cell]);
    result.hidden.push_back(static_cast<std::size_t>(hidden[cell]));
  }
  return result;
}

}  // namespace healthai
