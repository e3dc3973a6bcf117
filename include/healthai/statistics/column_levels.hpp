#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/data/detail/text.hpp"
#include "healthai/data/table.hpp"
#include "healthai/statistics/analysis.hpp"
#include "healthai/statistics/concept.hpp"
#include "healthai/statistics/covariates.hpp"
#include "healthai/statistics/disclosure.hpp"

namespace healthai {

/// Asks which levels a column of categories has. Not a sum: where answers are masked, the levels must be known from a code book.
/// Under rules a hospital names those of its allowed levels that enough of its patients have.
struct ColumnLevels {
  struct Plan {
    Cohort cohort{};
    std::string column{};
    friend bool operator==(const Plan&, const Plan&) = default;

    template <class Archive>
    void serialize(Archive& archive, unsigned /*version*/) {
      archive& cohort& column;
    }
  };
  struct Broadcast {
    Plan plan{};

    template <class Archive>
    void serialize(Archive& archive, unsigned /*version*/) {
      archive& plan;
    }
  };
  struct Reply {
    std::vector<std::string> levels{};  ///< sorted, without repetitions
    bool numeric = false;

    template <class Archive>
    void serialize(Archive& archive, unsigned /*version*/) {
      archive& levels& numeric;
    }
  };
  struct Prepared {
    std::vector<std::pair<std::string, std::size_t>> patients{};  ///< of each level, sorted by level
    bool numeric = false;
    std::size_t rows = 0;
  };
  static constexpr std::string_view name = "column_levels";

  [[nodiscard]] static std::vector<std::string> columns(const Plan& plan) { return {plan.column}; }
  [[nodiscard]] static std::vector<std::string> complete(const Plan& plan) { return {plan.column}; }
  [[nodiscard]] static Prepared prepare(const Plan& plan, const Table& rows) {
    Prepared prepared{{}, rows.is_numeric(plan.column), rows.rows()};
    std::vector<std::string> texts;
    for (std::size_t row = 0; row < rows.rows(); ++row) texts.push_back(level_text(rows, plan.column, row));
    std::sort(texts.begin(), texts.end());
    for (const std::string& text : texts) {
      if (prepared.patients.empty() || prepared.patients.back().first != text)
        prepared.patients.emplace_back(text, 0);
      ++prepared.patients.back().second;
    }
    return prepared;
  }
  [[nodiscard]] static Disclosure disclosure(const Plan& plan, const Prepared& prepared) {
    Disclosure what;
    what.rows = prepared.rows;
    what.columns = {plan.column};
    what.differencing = false;
    return what;
  }
  [[nodiscard]] static Reply answer(const Prepared& prepared, const Broadcast& broadcast,
                                    const DisclosureRules& rules) {
    Reply reply{{}, prepared.numeric};
    const auto allowed = rules.levels.find(broadcast.plan.column);
    for (const auto& [level, patients] : prepared.patients) {
      if (rules.enforced && (allowed == rules.levels.end() || !allowed->second.contains(level) ||
                             patients < rules.smallest_cell))
        continue;
      reply.levels.push_back(level);
    }
    return reply;
  }
  [[nodiscard]] static std::size_t bytes(const Broadcast& broadcast) noexcept {
    return broadcast.plan.column.size();
  }
  [[nodiscard]] static std::size_t bytes(const Reply& reply) noexcept {
    std::size_t total = 0;
    for (const std::string& level : reply.levels) total += level.size();
    return total;
  }
};
static_assert(Statistic<ColumnLevels>);

/// All levels that the hospitals name, those of a column of numbers in the order of the numbers, others in the order of their letters (byte
/// by byte). \throws Error as Analysis::each
template <class TransportType>
[[nodiscard]] std::vector<std::string> agree_levels(Analysis<TransportType>& analysis, const Cohort& cohort,
                                                    const std::string& column) {
  std::vector<std::string> levels;
  bool numeric = true;
  for (const auto& [site, reply] : analysis.template each<ColumnLevels>({{cohort, column}})) {
    levels.insert(levels.end(), reply.levels.begin(), reply.levels.end());
    numeric = numeric && (reply.numeric || reply.levels.empty());
  }
  std::sort(levels.begin(), levels.end());
  levels.erase(std::unique(levels.begin(), levels.end()), levels.end());
  if (numeric) {
    std::stable_sort(levels.begin(), levels.end(), [](const std::string& left, const std::string& right) {
      return detail::parse_number(left).value_or(0) < detail::parse_number(right).value_or(0);
    });
  }
  return levels;
}

/// Fills in the levels of categorical covariates that do not have them all, with the reference that they name, or else the first, in front.
/// \throws Error (`invalid_argument`) for a reference that nobody has, and as `agree_levels`
template <class TransportType>
void agree_levels(Analysis<TransportType>& analysis, const Cohort& cohort,
                  std::vector<Covariate>& covariates) {
  for (Covariate& covariate : covariates) {
    if (!covariate.categorical || covariate.levels.size() > 1) continue;
    std::vector<std::string> levels = agree_levels(analysis, cohort, covariate.column);
    if (!covariate.levels.empty()) {
      const auto reference = std::find(levels.begin(), levels.end(), covariate.levels.front());
      if (reference == levels.end()) {
        throw Error(error::invalid_argument, "covariate C(" + covariate.column + "): there is no level " +
                                                 detail::quoted(covariate.levels.front()) +
                                                 "; the levels are " + detail::quoted_list(levels));
      }
      std::rotate(levels.begin(), reference, reference + 1);
    }
    covariate.levels = std::move(levels);
  }
}

}  // namespace healthai
