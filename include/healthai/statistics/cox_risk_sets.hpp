#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/data/table.hpp"
#include "healthai/statistics/concept.hpp"
#include "healthai/statistics/cox_moments.hpp"
#include "healthai/statistics/cox_plan.hpp"
#include "healthai/statistics/detail/cox_intervals.hpp"
#include "healthai/statistics/detail/patient_cells.hpp"
#include "healthai/statistics/detail/sum_ranges.hpp"
#include "healthai/statistics/disclosure.hpp"
#include "healthai/statistics/ranged_statistic.hpp"
#include "healthai/statistics/sums.hpp"

namespace healthai {

namespace detail {

/// Of the ranges of CoxRiskSets: beyond it, rounding would be felt.
inline constexpr double most_growth = 0x1p20;

/// Ranges grow in steps of 16 only, so that what is beyond them tells an order of magnitude. \throws Error (`invalid_argument`)
inline void require_growth(double growth) {
  double step = 1;
  while (step < growth && step < most_growth) step *= 16;
  if (step != growth)
    throw Error(error::invalid_argument,
                "a step of a Cox regression has ranges that do not grow by powers of 16, up to 2^20");
}

}  // namespace detail

/// An event time of a stratum.
struct CoxCell {
  std::uint64_t stratum = 0;
  double time = 0;
  std::uint64_t events = 0;  ///< at it, of all hospitals
  friend bool operator==(const CoxCell&, const CoxCell&) = default;

  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& stratum& time& events;
  }
};

/// One block of one step of a Cox regression with a common baseline hazard. For each cell, with weights exp(x b): the sums of weights, of
/// weighted covariates and of their weighted products (packed lower triangle) over the patients whose time is from that of the cell to before
/// the next of the stratum, "leaving". Sums over a risk set are these from its cell to the last: so a hospital goes through its rows once
/// a step, and what it tells is the same as with the sums over risk sets, which differ by these. With Efron's ties also, for cells of several
/// events, the same sums over the patients with the events, "tied". "events" is the sum of x b and of x over the events of the block; under rules over all events, with the block that begins with
/// the first cell, and 0 with all others: of a chosen block it could be one event's. "beyond" counts rows whose weight is too large to be added up; under rules, and in
/// masked sums, it is 1 for any number of them, and all sums are 0 then.
///
/// Ranges, where sums are of whole numbers: covariates are standardised over all n rows, so that sums of |x| and of |x x| over any of them are at most
/// n (Cauchy, Schwarz), and n times the sum of |b| those of |x b|. At coefficients of 0 all weights are 1, and no sum is above n. At others weights
/// may be as large as they like: the asker says by how much ranges are larger than at 0, `growth`, and where a hospital's sums are beyond that, it
/// sends zeros and one "beyond", upon which the asker asks again with more, or makes a shorter step. Nothing is clipped.
struct CoxRiskSets : RangedStatistic<CoxRiskSets> {
  struct Plan : ScaledCoxPlan {
    std::vector<CoxCell> cells{};  ///< with events, ascending by stratum and time
    friend bool operator==(const Plan&, const Plan&) = default;

    template <class Archive>
    void serialize(Archive& archive, unsigned version) {
      ScaledCoxPlan::serialize(archive, version);
      archive& cells;
    }
    /// Numbers for each cell.
    [[nodiscard]] std::size_t width() const noexcept {
      return 1 + scales.size() + scales.size() * (scales.size() + 1) / 2;
    }
    /// Whether a cell has sums over its events.
    [[nodiscard]] bool tied(std::size_t cell) const noexcept {
      return ties == Ties::efron && cells[cell].events > 1;
    }
  };
  struct Broadcast {
    Plan plan{};
    std::vector<double> coefficients{};  ///< per scale of each term
    std::uint64_t from = 0;              ///< the first cell of the block
    std::uint64_t to = 0;                ///< one past its last
    double rows = 0;                     ///< of all hospitals, where ranges need it; 0: they do not
    double growth = 1;                   ///< of the ranges

    template <class Archive>
    void serialize(Archive& archive, unsigned /*version*/) {
      archive& plan& coefficients& from& to& rows& growth;
    }
  };
  struct Prepared {
    std::vector<std::size_t> first{};  ///< row of each cell, and one past the last row
    std::vector<double> x{};  ///< sorted by cell, row after row; rows that are in no risk set are left out
    std::vector<unsigned char> event{};
    std::size_t rows = 0;
    std::size_t events = 0;
    std::vector<double>
        groups{};  ///< how many patients stand behind the numbers, and behind what they leave out
    detail::PatientGroups patients{};
    std::vector<std::size_t> stratum_of{};  ///< of each row of the cohort
    std::vector<double> spreads{};          ///< of each term, over the cohort
  };
  static constexpr std::string_view name = "cox_risk_sets.f64";
  static constexpr std::string_view question_name = "cox";
  /// Beyond exp(this) weights are not added up: see "beyond".
  static constexpr double largest_predictor = 600;

  [[nodiscard]] static std::vector<std::string> columns(const Plan& plan) { return columns_of(plan); }
  [[nodiscard]] static std::vector<std::string> complete(const Plan& plan) { return columns_of(plan); }
  /// \throws Error (`invalid_data`) for an event that is in no cell
  [[nodiscard]] static Prepared prepare(const Plan& plan, const Table& rows) {
    const SurvivalOutcomes outcomes = detail::cox_outcomes(plan, rows);
    const DesignMatrix x = detail::scaled_model_matrix(plan, rows);
    const std::vector<std::size_t> strata = detail::cox_strata(plan, rows);
    const std::size_t cells = plan.cells.size();
    Prepared prepared;
    prepared.rows = outcomes.rows();
    prepared.events = outcomes.num_events();
    prepared.spreads = detail::spreads_of(x);
    std::vector<double> outside(plan.strata.empty() ? 1 : plan.strata_levels.size());
    std::vector<std::size_t> cell_of(x.rows, cells);
    prepared.first.assign(cells + 1, 0);
    for (std::size_t row = 0; row < x.rows; ++row) {
      const auto after =
          std::upper_bound(plan.cells.begin(), plan.cells.end(), CoxCell{strata[row], outcomes.times[row], 0},
                           [](const CoxCell& a, const CoxCell& b) {
                             return a.stratum != b.stratum ? a.stratum < b.stratum : a.time < b.time;
                           });
      const bool inside = after != plan.cells.begin() && after[-1].stratum == strata[row];
      if (outcomes.events[row] == 1 && !(inside && after[-1].time == outcomes.times[row]))
        throw Error(error::invalid_data, "there is an event at a time that was not agreed on");
      if (!inside) {
        ++outside[strata[row]];
        continue;
      }
      cell_of[row] = static_cast<std::size_t>(after - plan.cells.begin()) - 1;
      ++prepared.first[cell_of[row] + 1];
    }
    for (std::size_t cell = 0; cell < cells; ++cell) prepared.first[cell + 1] += prepared.first[cell];
    std::vector<std::size_t> next(prepared.first.begin(), prepared.first.end() - 1);
    prepared.x.resize(prepared.first.back() * x.cols);
    prepared.event.resize(prepared.first.back());
    std::vector<double> events(cells);
    for (std::size_t row = 0; row < x.rows; ++row) {
      if (cell_of[row] == cells) continue;
      const std::size_t place = next[cell_of[row]]++;
      const auto values = x.row(row);
      std::copy(values.begin(), values.end(),
                prepared.x.begin() + static_cast<std::ptrdiff_t>(place * x.cols));
      prepared.event[place] = outcomes.events[row] == 1 ? 1 : 0;
      events[cell_of[row]] += outcomes.events[row];
    }
    for (std::size_t cell = 0; cell < cells; ++cell) {
      const auto leaving = static_cast<double>(prepared.first[cell + 1] - prepared.first[cell]);
      prepared.groups.push_back(leaving);
      if (!plan.tied(cell)) continue;
      prepared.groups.push_back(events[cell]);
      prepared.groups.push_back(leaving - events[cell]);
    }
    // At coefficients of 0 the sums of a covariate of few values are counts of a cell's patients, and of its events where these have sums.
    prepared.patients = detail::groups_of(rows, plan.covariates, outcomes.events);
    prepared.stratum_of = strata;
    std::vector<std::size_t> part(x.rows, 2 * cells);
    for (std::size_t row = 0; row < x.rows; ++row) {
      if (cell_of[row] == cells) continue;
      part[row] = 2 * cell_of[row] + (plan.tied(cell_of[row]) && outcomes.events[row] == 1 ? 1 : 0);
    }
    const std::vector<double> told =
        detail::groups_of(rows, plan.covariates, {}).cells_within(part, 2 * cells);
    prepared.groups.insert(prepared.groups.end(), told.begin(), told.end());
    const std::vector<double> on_grid = detail::leaving_on_grid(plan, outcomes.times, strata);
    prepared.groups.insert(prepared.groups.end(), outside.begin(), outside.end());
    prepared.groups.insert(prepared.groups.end(), on_grid.begin(), on_grid.end());
    return prepared;
  }
  /// What is asked, before rows are read.
  [[nodiscard]] static Disclosure question(const Plan& plan) {
    Disclosure what = detail::cox_question(plan);
    for (const CoxCell& cell : plan.cells) what.times.push_back(cell.time);
    what.single_values = plan.time_grid.empty();
    return what;
  }
  [[nodiscard]] static Disclosure disclosure(const Plan& plan, const Prepared& prepared) {
    Disclosure what = detail::cox_disclosure(plan, prepared.rows, prepared.events, prepared.groups);
    for (const CoxCell& cell : plan.cells) what.times.push_back(cell.time);
    what.single_values = plan.time_grid.empty();
    return what;
  }
  /// The rows of each level and stratum, and of each value of a column of few, for comparison with other answers.
  [[nodiscard]] static std::vector<std::vector<std::size_t>> groups(const Plan& plan,
                                                                    const Prepared& prepared,
                                                                    const DisclosureRules& rules) {
    return detail::cox_groups_told(prepared.patients, prepared.stratum_of,
                                   plan.strata.empty() ? 1 : plan.strata_levels.size(), rules);
  }
  [[nodiscard]] static CoxPlan told_plan(const Plan& plan) { return detail::cox_told_plan(plan); }
  [[nodiscard]] static const std::vector<double>& coefficients(const Broadcast& broadcast) noexcept {
    return broadcast.coefficients;
  }
  [[nodiscard]] static std::vector<double> spreads(const Prepared& prepared) { return prepared.spreads; }
  /// \throws Error (`invalid_argument`) for other numbers of coefficients than of terms, or a block that is not there; (`disclosure`) where
  /// rules are in force and an interval has few patients
  [[nodiscard]] static Reply answer(const Prepared& prepared, const Broadcast& broadcast,
                                    const DisclosureRules& rules) {
    detail::require_large_intervals(rules, prepared.groups);
    const Plan& plan = broadcast.plan;
    const std::size_t terms = broadcast.coefficients.size();
    if (terms != plan.scales.size() || broadcast.from >= broadcast.to || broadcast.to > plan.cells.size())
      throw Error(error::invalid_argument,
                  "a step of a Cox regression asks for a block of times that is not there");
    detail::require_growth(broadcast.growth);
    const std::size_t width = plan.width();
    std::vector<double> leaving((broadcast.to - broadcast.from) * width);
    std::vector<double> tied;
    std::vector<double> events(1 + terms);
    double beyond = 0;
    for (std::size_t cell = broadcast.from; cell < broadcast.to; ++cell) {
      double* const all = leaving.data() + (cell - broadcast.from) * width;
      const bool with_tied = plan.tied(cell);
      if (with_tied) tied.resize(tied.size() + width);
      double* const dying = tied.data() + (tied.size() - (with_tied ? width : 0));
      for (std::size_t row = prepared.first[cell]; row < prepared.first[cell + 1]; ++row) {
        const double* const x = prepared.x.data() + row * terms;
        const double predictor = predictor_of(x, broadcast.coefficients);
        if (!(std::fabs(predictor) <= largest_predictor)) {
          ++beyond;
          continue;
        }
        const double weight = std::exp(predictor);
        add(weight, x, terms, all);
        if (prepared.event[row] == 0) continue;
        if (with_tied) add(weight, x, terms, dying);
        if (!rules.enforced) add_event(predictor, x, events);
      }
    }
    if (rules.enforced && broadcast.from == 0) {
      for (std::size_t row = 0; row < prepared.event.size(); ++row) {
        const double* const x = prepared.x.data() + row * terms;
        const double predictor = predictor_of(x, broadcast.coefficients);
        if (prepared.event[row] != 0 && std::fabs(predictor) <= largest_predictor)
          add_event(predictor, x, events);
      }
    }
    const auto reply = [&] {
      SummandBuilder builder;
      builder.add("leaving", leaving).add("events", events).add("beyond", beyond);
      if (!tied.empty()) builder.add("tied", tied);
      return builder.take();
    };
    Reply sums = reply();
    // Under rules too: the sums without those beyond, or their number, would single them out.
    const bool masked = broadcast.rows > 0;
    if (((masked || rules.enforced) && beyond > 0) || (masked && !detail::within(sums, ranges(broadcast)))) {
      for (std::vector<double>* numbers : {&leaving, &tied, &events})
        std::fill(numbers->begin(), numbers->end(), 0.0);
      beyond = 1;
      sums = reply();
    }
    return sums;
  }
  [[nodiscard]] static std::size_t bytes(const Broadcast& broadcast) noexcept {
    return detail::cox_plan_bytes(broadcast.plan) + 3 * sizeof(double) * broadcast.coefficients.size() +
           sizeof(CoxCell) * broadcast.plan.cells.size();
  }
  using SummedStatistic::bytes;

  /// Twice what is proven, as means and standard deviations are rounded.
  [[nodiscard]] static std::vector<detail::NamedRange> ranges(const Broadcast& broadcast) {
    const Plan& plan = broadcast.plan;
    std::size_t tied = 0;
    for (std::size_t cell = broadcast.from; cell < broadcast.to; ++cell) tied += plan.tied(cell) ? 1U : 0U;
    double size = 1;
    for (const double coefficient : broadcast.coefficients) size += std::fabs(coefficient);
    const double n = detail::power_of_two_from(2 * broadcast.rows);
    std::vector<detail::NamedRange> all{
        {"leaving", (broadcast.to - broadcast.from) * plan.width(), n * broadcast.growth},
        {"events", 1 + broadcast.coefficients.size(), n * detail::power_of_two_from(size)},
        {"beyond", 1, 0x1p40}};
    if (tied > 0) all.push_back({"tied", tied * plan.width(), n * broadcast.growth});
    return all;
  }

 private:
  [[nodiscard]] static double predictor_of(const double* x,
                                           const std::vector<double>& coefficients) noexcept {
    double predictor = 0;
    for (std::size_t j = 0; j < coefficients.size(); ++j) predictor += x[j] * coefficients[j];
    return predictor;
  }
  static void add_event(double predictor, const double* x, std::vector<double>& events) noexcept {
    events[0] += predictor;
    for (std::size_t j = 0; j + 1 < events.size(); ++j) events[1 + j] += x[j];
  }
  static void add(double weight, const double* x, std::size_t terms, double* sums) noexcept {
    *sums++ += weight;
    for (std::size_t j = 0; j < terms; ++j) *sums++ += weight * x[j];
    for (std::size_t j = 0; j < terms; ++j) {
      const double weighted = weight * x[j];
      for (std::size_t k = 0; k <= j; ++k) *sums++ += weighted * x[k];
    }
  }
};
static_assert(Statistic<CoxRiskSets>);

}  // namespace healthai
