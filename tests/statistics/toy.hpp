#pragma once

#include <cmath>
#include <cstddef>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/data/table.hpp"
#include "healthai/statistics/concept.hpp"
#include "healthai/statistics/sums.hpp"

/// Small statistics for tests of what all have in common.
namespace statistics_toy {

using namespace healthai;

/// The number of rows that have a value in a column, and their sum. What its disclosure says besides rows and columns is part of the
/// question, so that each rule can be tried; a real statistic says what is true.
struct Total : SummedStatistic {
  struct Plan {
    Cohort cohort{};
    std::string column{};
    std::size_t parameters = 0;
    bool single_values = false;
    bool differencing = true;
    friend bool operator==(const Plan&, const Plan&) = default;

    template <class Archive>
    void serialize(Archive& archive, unsigned /*version*/) {
      archive& cohort& column& parameters& single_values& differencing;
    }
  };
  struct Broadcast {
    Plan plan{};

    template <class Archive>
    void serialize(Archive& archive, unsigned /*version*/) {
      archive& plan;
    }
  };
  struct Prepared {
    std::vector<double> values{};
  };
  static constexpr std::string_view name = "toy_total";

  [[nodiscard]] static std::vector<std::string> columns(const Plan& plan) { return {plan.column}; }
  [[nodiscard]] static std::vector<std::string> complete(const Plan& plan) { return {plan.column}; }
  [[nodiscard]] static Prepared prepare(const Plan& plan, const Table& rows) {
    const auto values = rows.numeric(plan.column);
    return {{values.begin(), values.end()}};
  }
  [[nodiscard]] static Disclosure disclosure(const Plan& plan, const Prepared& prepared) {
    Disclosure what;
    what.rows = prepared.values.size();
    what.parameters = plan.parameters;
    what.columns = {plan.column};
    what.single_values = plan.single_values;
    what.differencing = plan.differencing;
    return what;
  }
  [[nodiscard]] static Reply answer(const Prepared& prepared, const Broadcast& /*broadcast*/,
                                    const DisclosureRules& /*rules*/) {
    double sum = 0;
    for (const double value : prepared.values) sum += value;
    return SummandBuilder().add("n", static_cast<double>(prepared.values.size())).add("sum", sum).take();
  }
  [[nodiscard]] static std::size_t bytes(const Broadcast& broadcast) noexcept {
    return broadcast.plan.column.size();
  }
  using SummedStatistic::bytes;
};
static_assert(Statistic<Total> && AdditiveTask<Total>);

/// A step of a fit of one coefficient.
struct Step : SummedStatistic {
  using Plan = Total::Plan;
  using Prepared = Total::Prepared;
  struct Broadcast {
    Plan plan{};
    std::vector<double> beta{};

    template <class Archive>
    void serialize(Archive& archive, unsigned /*version*/) {
      archive& plan& beta;
    }
  };
  static constexpr std::string_view name = "toy_step";

  [[nodiscard]] static std::vector<std::string> columns(const Plan& plan) { return Total::columns(plan); }
  [[nodiscard]] static std::vector<std::string> complete(const Plan& plan) { return Total::complete(plan); }
  [[nodiscard]] static Prepared prepare(const Plan& plan, const Table& rows) {
    return Total::prepare(plan, rows);
  }
  [[nodiscard]] static Disclosure disclosure(const Plan& plan, const Prepared& prepared) {
    return Total::disclosure(plan, prepared);
  }
  [[nodiscard]] static std::vector<double> coefficients(const Broadcast& broadcast) { return broadcast.beta; }
  [[nodiscard]] static Reply answer(const Prepared& prepared, const Broadcast& broadcast,
                                    const DisclosureRules& /*rules*/) {
    double sum = 0;
    for (const double value : prepared.values) sum += value * broadcast.beta.front();
    return SummandBuilder().add("sum", sum).take();
  }
  [[nodiscard]] static std::size_t bytes(const Broadcast& broadcast) noexcept {
    return broadcast.beta.size() * sizeof(double);
  }
  using SummedStatistic::bytes;
};
static_assert(detail::IterativeStatistic<Step> && !detail::IterativeStatistic<Total>);

/// Counts below and from a limit on: a histogram of two bins.
struct Halves : SummedStatistic {
  struct Plan {
    Cohort cohort{};
    std::string column{};
    double limit = 0;
    friend bool operator==(const Plan&, const Plan&) = default;

    template <class Archive>
    void serialize(Archive& archive, unsigned /*version*/) {
      archive& cohort& column& limit;
    }
  };
  struct Broadcast {
    Plan plan{};

    template <class Archive>
    void serialize(Archive& archive, unsigned /*version*/) {
      archive& plan;
    }
  };
  struct Prepared {
    std::vector<std::vector<std::size_t>> rows{{}, {}};
  };
  static constexpr std::string_view name = "toy_halves";

  [[nodiscard]] static std::vector<std::string> columns(const Plan& plan) { return {plan.column}; }
  [[nodiscard]] static std::vector<std::string> complete(const Plan& plan) { return {plan.column}; }
  [[nodiscard]] static Prepared prepare(const Plan& plan, const Table& rows) {
    Prepared prepared;
    for (std::size_t row = 0; row < rows.rows(); ++row)
      prepared.rows[rows.numeric(plan.column)[row] < plan.limit ? 0 : 1].push_back(row);
    return prepared;
  }
  [[nodiscard]] static Disclosure disclosure(const Plan& plan, const Prepared& prepared) {
    Disclosure what;
    what.rows = prepared.rows[0].size() + prepared.rows[1].size();
    what.columns = {plan.column};
    what.cut_points = {{plan.column, 1}};
    for (const auto& rows : prepared.rows) what.cells.push_back(static_cast<double>(rows.size()));
    return what;
  }
  [[nodiscard]] static std::vector<std::vector<std::size_t>> groups(const Plan& /*plan*/,
                                                                    const Prepared& prepared) {
    return prepared.rows;
  }
  [[nodiscard]] static Reply answer(const Prepared& prepared, const Broadcast& /*broadcast*/,
                                    const DisclosureRules& /*rules*/) {
    return SummandBuilder()
        .add("below", static_cast<double>(prepared.rows[0].size()))
        .add("above", static_cast<double>(prepared.rows[1].size()))
        .take();
  }
  [[nodiscard]] static std::size_t bytes(const Broadcast& broadcast) noexcept {
    return broadcast.plan.column.size();
  }
  using SummedStatistic::bytes;
};
static_assert(detail::GroupingStatistic<Halves> && !detail::GroupingStatistic<Total>);

/// A step of a fit whose request brings the scale of its covariate.
struct ScaledStep : Step {
  struct Plan : Total::Plan {
    double scale = 1;
    friend bool operator==(const Plan&, const Plan&) = default;

    template <class Archive>
    void serialize(Archive& archive, unsigned version) {
      Total::Plan::serialize(archive, version);
      archive& scale;
    }
  };
  struct Broadcast {
    Plan plan{};
    std::vector<double> beta{};

    template <class Archive>
    void serialize(Archive& archive, unsigned /*version*/) {
      archive& plan& beta;
    }
  };
  struct Prepared : Total::Prepared {
    double scale = 1;
  };
  static constexpr std::string_view name = "toy_scaled_step";

  [[nodiscard]] static Prepared prepare(const Plan& plan, const Table& rows) {
    return {Total::prepare(plan, rows), plan.scale};
  }
  [[nodiscard]] static std::vector<double> coefficients(const Broadcast& broadcast) { return broadcast.beta; }
  [[nodiscard]] static std::vector<double> spreads(const Prepared& prepared) {
    double squares = 0;
    for (const double value : prepared.values) squares += value * value;
    return {std::sqrt(squares / static_cast<double>(prepared.values.size())) / prepared.scale};
  }
  [[nodiscard]] static Reply answer(const Prepared& prepared, const Broadcast& broadcast,
                                    const DisclosureRules& rules) {
    return Step::answer(prepared, {broadcast.plan, broadcast.beta}, rules);
  }
  [[nodiscard]] static std::size_t bytes(const Broadcast& broadcast) noexcept {
    return broadcast.beta.size() * sizeof(double);
  }
  using SummedStatistic::bytes;
};
static_assert(detail::KnowsSpreads<ScaledStep> && !detail::KnowsSpreads<Step>);

/// How many patients have a level, of a column that may have no other: its question is known before a row is read, its rows may be wrong.
struct OnlyLevel : SummedStatistic {
  struct Plan {
    Cohort cohort{};
    std::string column{};
    std::string level{};
    friend bool operator==(const Plan&, const Plan&) = default;

    template <class Archive>
    void serialize(Archive& archive, unsigned /*version*/) {
      archive& cohort& column& level;
    }
  };
  struct Broadcast {
    Plan plan{};

    template <class Archive>
    void serialize(Archive& archive, unsigned /*version*/) {
      archive& plan;
    }
  };
  struct Prepared {
    std::size_t rows = 0;
  };
  static constexpr std::string_view name = "toy_only_level";

  [[nodiscard]] static std::vector<std::string> columns(const Plan& plan) { return {plan.column}; }
  [[nodiscard]] static std::vector<std::string> complete(const Plan& plan) { return {plan.column}; }
  [[nodiscard]] static Disclosure question(const Plan& plan) {
    Disclosure what;
    what.levels[plan.column] = {plan.level};
    return what;
  }
  [[nodiscard]] static Prepared prepare(const Plan& plan, const Table& rows) {
    for (const std::string& text : rows.text(plan.column)) {
      if (text != plan.level) throw Error(error::invalid_data, "there is a level that was not agreed");
    }
    return {rows.rows()};
  }
  [[nodiscard]] static Disclosure disclosure(const Plan& plan, const Prepared& prepared) {
    Disclosure what = question(plan);
    what.rows = prepared.rows;
    return what;
  }
  [[nodiscard]] static Reply answer(const Prepared& prepared, const Broadcast& /*broadcast*/,
                                    const DisclosureRules& /*rules*/) {
    return SummandBuilder().add("n", static_cast<double>(prepared.rows)).take();
  }
  [[nodiscard]] static std::size_t bytes(const Broadcast& broadcast) noexcept {
    return broadcast.plan.level.size();
  }
  using SummedStatistic::bytes;
};
static_assert(detail::KnowsQuestion<OnlyLevel> && !detail::KnowsQuestion<Total>);

/// Halves that hides its small half, as its hospital's rules say.
struct HidingHalves : Halves {
  static constexpr std::string_view name = "toy_hiding_halves";

  [[nodiscard]] static Disclosure disclosure(const Plan& plan, const Prepared& prepared) {
    Disclosure what = Halves::disclosure(plan, prepared);
    what.cells.clear();
    return what;
  }
  /// \throws Error (`disclosure`) where a half is so small that nothing hides it
  [[nodiscard]] static std::vector<std::vector<std::size_t>> groups(const Plan& /*plan*/,
                                                                    const Prepared& prepared,
                                                                    const DisclosureRules& rules) {
    std::vector<std::vector<std::size_t>> told;
    for (const auto& rows : prepared.rows) {
      if (rows.size() == 1 && !rules.in_sum)
        throw Error(error::disclosure, "smallest_cell: nothing hides this half");
      if (rows.size() >= rules.smallest_cell) told.push_back(rows);
    }
    return told;
  }
};
static_assert(detail::GroupsByRules<HidingHalves> && !detail::GroupsByRules<Halves>);

/// `rows` patients with ages first, first + 1, ..., and a column "score" in which some are missing.
inline Table patients(std::size_t rows, double first = 50, std::size_t missing = 0) {
  Table table("patients");
  std::vector<double> ages, scores;
  for (std::size_t row = 0; row < rows; ++row) {
    ages.push_back(first + static_cast<double>(row));
    scores.push_back(row < missing ? std::numeric_limits<double>::quiet_NaN() : static_cast<double>(row));
  }
  table.add_numeric("age", ages).add_numeric("score", scores);
  return table;
}
inline DisclosureRules open_rules() {
  DisclosureRules rules;
  rules.columns = {"age", "score"};
  rules.free_filters = true;
  return rules;
}

}  // namespace statistics_toy
