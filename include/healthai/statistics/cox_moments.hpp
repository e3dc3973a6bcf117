#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/data/table.hpp"
#include "healthai/statistics/concept.hpp"
#include "healthai/statistics/covariates.hpp"
#include "healthai/statistics/cox_plan.hpp"
#include "healthai/statistics/detail/patient_cells.hpp"
#include "healthai/statistics/detail/sum_ranges.hpp"
#include "healthai/statistics/disclosure.hpp"
#include "healthai/statistics/sums.hpp"

namespace healthai {

namespace detail {

/// What rows tell to sums over the terms of a Cox regression.
struct CoxRows {
  DesignMatrix x{};  ///< as they are, not scaled
  std::size_t rows = 0;
  std::size_t events = 0;
  std::vector<double> cells{};

  [[nodiscard]] static CoxRows of(const CoxPlan& plan, const Table& table) {
    const SurvivalOutcomes outcomes = cox_outcomes(plan, table);
    return {model_matrix(table, plan.covariates), outcomes.rows(), outcomes.num_events(),
            cross_tables(table, plan.covariates, outcomes.events)};
  }
};
/// What is asked, whoever's rows it is asked of. Times that are rounded to one grid and to another, with the same patients, would tell the
/// few that are between the two.
[[nodiscard]] inline Disclosure cox_question(const CoxPlan& plan) {
  Disclosure what;
  what.columns = columns_of(plan);
  what.levels = levels_of(plan.covariates);
  if (!plan.strata_levels.empty()) what.levels[plan.strata] = plan.strata_levels;
  what.rounded_to = plan.time_grid;
  return what;
}
[[nodiscard]] inline Disclosure cox_disclosure(const CoxPlan& plan, std::size_t rows, std::size_t events,
                                               const std::vector<double>& cells) {
  Disclosure what = cox_question(plan);
  what.rows = rows;
  what.events = events;
  what.parameters = term_names(plan.covariates).size();
  what.cells = cells;
  return what;
}
/// Adds the strata that were found, also where the plan names none. \param sizes  patients of each, at least one
inline void tell_strata(Disclosure& what, const CoxPlan& plan, const std::vector<std::string>& found,
                        const std::vector<double>& sizes) {
  if (plan.strata.empty()) return;
  std::vector<std::string>& levels = what.levels[plan.strata];
  for (const std::string& level : found) {
    if (std::find(levels.begin(), levels.end(), level) == levels.end()) levels.push_back(level);
  }
  what.cells.insert(what.cells.end(), sizes.begin(), sizes.end());
}

/// Names of a Cox regression's broadcasts; what they weigh for a report of the traffic.
[[nodiscard]] inline std::size_t cox_plan_bytes(const CoxPlan& plan) noexcept {
  return 200 + 32 * plan.covariates.size() + sizeof(double) * plan.time_grid.size();
}

/// Of how many orders of magnitude CoxMagnitudes tells one from the next: 2^(4 i - 128), for i from 0.
inline constexpr std::size_t cox_magnitudes = 65;
[[nodiscard]] inline double cox_magnitude(std::size_t i) noexcept {
  return std::ldexp(1.0, 4 * static_cast<int>(i) - 128);
}

}  // namespace detail

/// How many rows and events there are, and of which order of magnitude each term is: the smallest power of 16 that is at least its root
/// mean square at the hospital, counted by hospitals. What ranges of later sums of whole numbers are made from; in the clear nobody needs
/// it.
struct CoxMagnitudes : SummedStatistic {
  using Plan = CoxPlan;
  struct Broadcast {
    CoxPlan plan{};

    template <class Archive>
    void serialize(Archive& archive, unsigned /*version*/) {
      archive& plan;
    }
  };
  using Prepared = detail::CoxRows;
  static constexpr std::string_view name = "cox_magnitudes.f64";

  [[nodiscard]] static std::vector<std::string> columns(const Plan& plan) { return columns_of(plan); }
  [[nodiscard]] static std::vector<std::string> complete(const Plan& plan) { return columns_of(plan); }
  [[nodiscard]] static Prepared prepare(const Plan& plan, const Table& rows) {
    return detail::CoxRows::of(plan, rows);
  }
  /// What is asked, before rows are read.
  [[nodiscard]] static Disclosure question(const Plan& plan) { return detail::cox_question(plan); }
  [[nodiscard]] static Disclosure disclosure(const Plan& plan, const Prepared& prepared) {
    return detail::cox_disclosure(plan, prepared.rows, prepared.events, prepared.cells);
  }
  /// \throws Error (`refused`) for a column beyond 2^128, or more than 2^40 rows
  [[nodiscard]] static Reply answer(const Prepared& prepared, const Broadcast& broadcast,
                                    const DisclosureRules& /*rules*/) {
    const std::size_t terms = prepared.x.cols;
    std::vector<double> magnitudes(terms * detail::cox_magnitudes);
    for (std::size_t j = 0; j < terms && prepared.rows > 0; ++j) {
      double squares = 0;
      for (std::size_t row = 0; row < prepared.rows; ++row) {
        const double x = prepared.x.values[row * terms + j];
        squares += x * x;
      }
      const double root = std::sqrt(squares / static_cast<double>(prepared.rows));
      std::size_t magnitude = 0;
      while (magnitude < detail::cox_magnitudes && !(root <= detail::cox_magnitude(magnitude))) ++magnitude;
      if (magnitude == detail::cox_magnitudes)
        throw Error(error::refused, "a covariate has values beyond 2^128; change its unit");
      magnitudes[j * detail::cox_magnitudes + magnitude] = 1;
    }
    Reply reply = SummandBuilder()
                      .add("n", static_cast<double>(prepared.rows))
                      .add("events", static_cast<double>(prepared.events))
                      .add("magnitudes", magnitudes)
                      .take();
    if (!detail::within(reply, ranges(broadcast)))
      throw Error(error::refused, "there are more than 2^40 rows");
    return reply;
  }
  [[nodiscard]] static std::size_t bytes(const Broadcast& broadcast) noexcept {
    return detail::cox_plan_bytes(broadcast.plan);
  }
  using SummedStatistic::bytes;

  [[nodiscard]] static std::vector<detail::NamedRange> ranges(const Broadcast& broadcast) {
    return {{"n", 1, 0x1p40},
            {"events", 1, 0x1p40},
            {"magnitudes", term_names(broadcast.plan.covariates).size() * detail::cox_magnitudes, 1}};
  }
  template <class Segment = secagg::VectorSegment>
  [[nodiscard]] static std::vector<Segment> vector_segments(const Broadcast& broadcast) {
    return detail::segments_of<Segment>(ranges(broadcast));
  }
  template <class Segment = secagg::ScalarSegment>
  [[nodiscard]] static std::vector<Segment> scalar_segments(const Broadcast& /*broadcast*/) {
    return {};
  }
};
static_assert(Statistic<CoxMagnitudes>);

/// Sums of the terms of a Cox regression and of their squares, as (x - mean) / scale, and how many rows and events there are. Asked for
/// means first and then for squares about these, so that nothing cancels. "other" counts the hospitals at which a term has another value
/// than -1, 0 and 1.
///
/// Ranges, where sums are of whole numbers: with a scale of at least the root mean square at each hospital, and a mean of at most the
/// scale, sums are at most 2 n and those of squares at most 4 n, n being the rows of all.
struct CoxMoments : SummedStatistic {
  using Plan = CoxPlan;
  struct Broadcast {
    CoxPlan plan{};
    std::vector<double> means{};
    std::vector<double> scales{};
    double rows = 0;  ///< of all hospitals, where ranges need it; 0: they do not

    template <class Archive>
    void serialize(Archive& archive, unsigned /*version*/) {
      archive& plan& means& scales& rows;
    }
  };
  using Prepared = detail::CoxRows;
  static constexpr std::string_view name = "cox_moments.f64";

  [[nodiscard]] static std::vector<std::string> columns(const Plan& plan) { return columns_of(plan); }
  [[nodiscard]] static std::vector<std::string> complete(const Plan& plan) { return columns_of(plan); }
  [[nodiscard]] static Prepared prepare(const Plan& plan, const Table& rows) {
    return detail::CoxRows::of(plan, rows);
  }
  /// What is asked, before rows are read.
  [[nodiscard]] static Disclosure question(const Plan& plan) { return detail::cox_question(plan); }
  [[nodiscard]] static Disclosure disclosure(const Plan& plan, const Prepared& prepared) {
    return detail::cox_disclosure(plan, prepared.rows, prepared.events, prepared.cells);
  }
  /// \throws Error (`invalid_argument`) for other numbers of means or scales than of terms, a mean that is not finite or a scale that is not
  /// finite and above 0; (`refused`) for a sum beyond its range
  [[nodiscard]] static Reply answer(const Prepared& prepared, const Broadcast& broadcast,
                                    const DisclosureRules& /*rules*/) {
    const std::size_t terms = prepared.x.cols;
    if (broadcast.means.size() != terms || broadcast.scales.size() != terms)
      throw Error(error::invalid_argument, "moments need a mean and a scale for each term");
    detail::require_units(broadcast.means, broadcast.scales);
    std::vector<double> sums(terms), squares(terms), other(terms);
    for (std::size_t row = 0; row < prepared.rows; ++row) {
      for (std::size_t j = 0; j < terms; ++j) {
        const double x = prepared.x.values[row * terms + j];
        const double scaled = (x - broadcast.means[j]) / broadcast.scales[j];
        sums[j] += scaled;
        squares[j] += scaled * scaled;
        if (x != -1 && x != 0 && x != 1) other[j] = 1;
      }
    }
    Reply reply = SummandBuilder()
                      .add("n", static_cast<double>(prepared.rows))
                      .add("events", static_cast<double>(prepared.events))
                      .add("other", other)
                      .add("sums", sums)
                      .add("squares", squares)
                      .take();
    if (broadcast.rows > 0 && !detail::within(reply, ranges(broadcast)))
      throw Error(error::refused, "a sum of a covariate is beyond the range that was agreed for it");
    return reply;
  }
  [[nodiscard]] static std::size_t bytes(const Broadcast& broadcast) noexcept {
    return detail::cox_plan_bytes(broadcast.plan) + 2 * sizeof(double) * broadcast.means.size();
  }
  using SummedStatistic::bytes;

  [[nodiscard]] static std::vector<detail::NamedRange> ranges(const Broadcast& broadcast) {
    const std::size_t terms = broadcast.means.size();
    return {{"n", 1, broadcast.rows},
            {"events", 1, broadcast.rows},
            {"other", terms, 1},
            {"sums", terms, 2 * broadcast.rows},
            {"squares", terms, 4 * broadcast.rows}};
  }
  template <class Segment = secagg::VectorSegment>
  [[nodiscard]] static std::vector<Segment> vector_segments(const Broadcast& broadcast) {
    return detail::segments_of<Segment>(ranges(broadcast));
  }
  template <class Segment = secagg::ScalarSegment>
  [[nodiscard]] static std::vector<Segment> scalar_segments(const Broadcast& /*broadcast*/) {
    return {};
  }
};
static_assert(Statistic<CoxMoments>);

}  // namespace healthai
