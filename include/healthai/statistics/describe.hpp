#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/core/failure.hpp"
#include "healthai/statistics/analysis.hpp"
#include "healthai/statistics/column_sums.hpp"
#include "healthai/statistics/disclosure.hpp"
#include "healthai/statistics/groups.hpp"
#include "healthai/statistics/moments.hpp"
#include "healthai/transport/concept.hpp"

namespace healthai {

/// A column in numbers, of all rows or of those of one level. What is not defined (a mean of nothing, the skewness of a constant), and what
/// hospitals may not tell (extremes), is not set.
struct ColumnDescription {
  std::string column{};
  std::string level{};      ///< empty: all rows
  std::size_t n = 0;        ///< values that are there
  std::size_t missing = 0;  ///< without the hospitals that may not tell so small a number of theirs
  double sum = 0;
  std::optional<double> mean{};
  std::optional<double> variance{};  ///< with n - 1
  std::optional<double> sd{};
  std::optional<double> skewness{};  ///< m3 / m2^(3/2), moments with n
  std::optional<double> kurtosis{};  ///< m4 / m2^2, so 3 for a normal distribution
  std::optional<double> minimum{};
  std::optional<double> maximum{};
  std::size_t hidden = 0;  ///< hospitals that have left this level out, as too few of their patients have it
};

/// What one hospital tells of its own rows.
struct SiteDescription {
  ClientId site{};
  std::vector<ColumnDescription> columns{};
};

/// What `describe` finds: column after column, each with all rows first and then its levels.
struct Description {
  std::vector<ColumnDescription> columns{};
  std::vector<SiteDescription>
      per_site{};  ///< empty over a transport that only sums, or where it was not asked for
  std::vector<ClientId> sites{};
  std::vector<Failure> left_out{};

  /// Of that column and level (empty: all rows). \throws Error (`unknown_name`)
  [[nodiscard]] const ColumnDescription& at(std::string_view column, std::string_view level = {}) const {
    const auto found = std::find_if(columns.begin(), columns.end(), [&](const ColumnDescription& c) {
      return c.column == column && c.level == level;
    });
    if (found == columns.end())
      throw Error(error::unknown_name, "no column " + detail::quoted(column) +
                                           (level.empty() ? "" : " at level " + detail::quoted(level)) +
                                           " was described");
    return *found;
  }
};

/// What each hospital tells by itself: numbers, moments about its own means, and extremes where its rules let single values leave. Not a sum.
struct SiteColumns {
  using Plan = DescribePlan;
  using Prepared = detail::DescribedCells;
  struct Broadcast {
    Plan plan{};

    template <class Archive>
    void serialize(Archive& archive, unsigned /*version*/) {
      archive& plan;
    }
  };
  /// For each column and group: n, missing, sum, centre and four sums of powers about it, hidden (0 or 1), told (0 or 1), minimum, maximum.
  struct Reply {
    std::vector<double> cells{};

    template <class Archive>
    void serialize(Archive& archive, unsigned /*version*/) {
      archive& cells;
    }
  };
  static constexpr std::size_t numbers = 12;
  static constexpr std::string_view name = "site_columns";
  static constexpr std::string_view question_name = ColumnSums::name;  ///< it tells the same of the same rows

  [[nodiscard]] static std::vector<std::string> columns(const Plan& plan) {
    return ColumnSums::columns(plan);
  }
  [[nodiscard]] static std::vector<std::string> complete(const Plan& plan) {
    return ColumnSums::complete(plan);
  }
  [[nodiscard]] static Prepared prepare(const Plan& plan, const Table& rows) {
    return detail::DescribedCells::of(plan, rows, false);
  }
  /// What is asked, before rows are read.
  [[nodiscard]] static Disclosure question(const Plan& plan) { return Prepared::question(plan); }
  /// Of single values it says nothing, as `answer` leaves them out where they may not be told.
  [[nodiscard]] static Disclosure disclosure(const Plan& plan, const Prepared& prepared) {
    return prepared.disclosure(plan);
  }
  /// The rows of each group that it tells apart, for comparison with other answers. \param rules  which hide some
  [[nodiscard]] static std::vector<std::vector<std::size_t>> groups(const Plan& plan,
                                                                    const Prepared& prepared,
                                                                    const DisclosureRules& rules = {}) {
    return prepared.told(plan.groups(), rules);
  }
  [[nodiscard]] static Reply answer(const Prepared& prepared, const Broadcast& broadcast,
                                    const DisclosureRules& rules) {
    const bool extremes = !rules.enforced || rules.single_values;
    const std::vector<bool> hidden = prepared.hidden(broadcast.plan.groups(), rules);
    const std::vector<double> missing = prepared.told_missing(broadcast.plan.groups(), hidden, rules);
    Reply reply{std::vector<double>(numbers * prepared.values.size())};
    for (std::size_t cell = 0; cell < prepared.values.size(); ++cell) {
      double* const out = reply.cells.data() + numbers * cell;
      out[8] = hidden[cell] ? 1 : 0;
      out[9] = extremes && !hidden[cell] ? 1 : 0;
      if (hidden[cell]) continue;
      const std::vector<double>& values = prepared.values[cell];
      out[0] = static_cast<double>(values.size());
      out[1] = missing[cell];
      for (const double value : values) out[2] += value;
      if (values.empty()) continue;
      out[3] = out[2] / out[0];
      const std::array<double, 4> powers = ColumnSums::power_sums(values, out[3]);
      std::copy_n(powers.begin(), broadcast.plan.moments, out + 4);
      if (!extremes) continue;
      const auto [least, most] = std::minmax_element(values.begin(), values.end());
      out[10] = *least;
      out[11] = *most;
    }
    return reply;
  }
  [[nodiscard]] static std::size_t bytes(const Broadcast& broadcast) noexcept {
    return broadcast.plan.columns.size();
  }
  [[nodiscard]] static std::size_t bytes(const Reply& reply) noexcept {
    return reply.cells.size() * sizeof(double);
  }
};
static_assert(Statistic<SiteColumns>);

/// How `describe` asks.
struct DescribeOptions {
  bool per_site =
      true;  ///< also what each hospital tells by itself, and extremes, where the transport shows single answers
  AnalysisOptions asking{};
};

namespace detail {

[[nodiscard]] inline ColumnDescription described(const DescribePlan& plan, std::size_t cell,
                                                 const Moments& moments, double missing, double sum,
                                                 std::size_t hidden) {
  const std::size_t group = cell % plan.groups();
  ColumnDescription result;
  result.column = plan.columns[cell / plan.groups()];
  if (group > 0) result.level = plan.levels[group - 1];
  result.n = static_cast<std::size_t>(moments.n);
  result.missing = static_cast<std::size_t>(missing);
  result.sum = sum;
  result.hidden = hidden;
  if (result.n > 0) result.mean = moments.mean();
  result.variance = moments.variance();
  if (result.variance) result.sd = std::sqrt(*result.variance);
  if (plan.moments == 4) {
    result.skewness = moments.skewness();
    result.kurtosis = moments.kurtosis();
  }
  return result;
}

/// \throws Error (`invalid_reply`) for another number of them
[[nodiscard]] inline SiteDescription described_site(const DescribePlan& plan, const ClientId& site,
                                                    const SiteColumns::Reply& reply) {
  if (reply.cells.size() != SiteColumns::numbers * plan.cells())
    throw Error(error::invalid_reply,
                "client " + site.str() + ": expected " + std::to_string(SiteColumns::numbers * plan.cells()) +
                    " numbers that describe its columns, got " + std::to_string(reply.cells.size()));
  SiteDescription result{site, {}};
  for (std::size_t cell = 0; cell < plan.cells(); ++cell) {
    const std::span<const double> c(reply.cells.data() + SiteColumns::numbers * cell, SiteColumns::numbers);
    const Moments moments = Moments::of(c[0], c[3], c.subspan<4, 4>());
    ColumnDescription column = described(plan, cell, moments, c[1], c[2], c[8] != 0 ? 1 : 0);
    if (c[9] != 0 && column.n > 0) {
      column.minimum = c[10];
      column.maximum = c[11];
    }
    result.columns.push_back(std::move(column));
  }
  return result;
}

/// Fills in the extremes over all hospitals, of the columns for which each has told its own.
inline void take_extremes(Description& description) {
  for (std::size_t cell = 0; cell < description.columns.size(); ++cell) {
    ColumnDescription& all = description.columns[cell];
    for (const SiteDescription& site : description.per_site) {
      const ColumnDescription& one = site.columns[cell];
      if (one.n == 0 && one.hidden == 0) continue;
      if (!one.minimum || !one.maximum) {
        all.minimum.reset();
        all.maximum.reset();
        break;
      }
      all.minimum = (std::min)(all.minimum.value_or(*one.minimum), *one.minimum);
      all.maximum = (std::max)(all.maximum.value_or(*one.maximum), *one.maximum);
    }
  }
}

}  // namespace detail

/// Describes columns over all hospitals, in two sums (see `group_moments`), and asks each for itself once where answers can be seen.
/// Extremes need single answers: over a transport that only sums they are not set (see `quantiles` for a way that sums).
/// \throws Error (`invalid_argument`) for a plan without columns; over a transport that only sums also without levels or public bounds; as
/// Analysis does
template <class TransportType>
[[nodiscard]] Description describe(TransportType& transport, DescribePlan plan,
                                   const DescribeOptions& options = {}) {
  detail::require_columns("describe", plan.columns);
  if constexpr (!Transport<TransportType, ColumnSums>) plan.bounds.require(plan.columns);
  Analysis<TransportType> analysis(transport, options.asking);
  Description result = analysis.over_the_same_sites([&] {
    DescribePlan asked = plan;
    detail::complete_levels(analysis, transport, asked.cohort, asked.by, asked.levels);
    const GroupMoments all = group_moments(analysis, asked);
    Description description;
    for (std::size_t cell = 0; cell < asked.cells(); ++cell)
      description.columns.push_back(detail::described(asked, cell, all.cells[cell], all.missing[cell],
                                                      all.sums[cell], all.hidden[cell]));
    if constexpr (Transport<TransportType, SiteColumns>) {
      if (options.per_site) {
        for (const auto& [site, reply] : analysis.template each<SiteColumns>({asked}))
          description.per_site.push_back(detail::described_site(asked, site, reply));
        detail::take_extremes(description);
      }
    }
    return description;
  });
  result.sites = analysis.sites();
  result.left_out = analysis.left_out();
  return result;
}

}  // namespace healthai
