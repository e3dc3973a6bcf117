#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/core/finite.hpp"
#include "healthai/data/table.hpp"
#include "healthai/statistics/analysis.hpp"
#include "healthai/statistics/cohort.hpp"
#include "healthai/statistics/concept.hpp"
#include "healthai/statistics/disclosure.hpp"
#include "healthai/statistics/survival_outcome.hpp"

namespace healthai {

/// Asks for the distinct times of a hospital's patients, exactly as they are in its table: what exact answers over several hospitals are
/// made at. These are values of single patients, which rules forbid; then a public grid takes their place (see `round_up_to_grid`). Not a
/// sum.
struct DistinctTimes {
  struct Plan {
    Cohort cohort{};
    SurvivalColumns outcome{};
    std::vector<std::string>
        complete{};              ///< further columns that the analysis reads: only rows that miss none count
    bool with_censored = false;  ///< also the times at which patients were last seen without the event
    friend bool operator==(const Plan&, const Plan&) = default;

    template <class Archive>
    void serialize(Archive& archive, unsigned /*version*/) {
      archive& cohort& outcome& complete& with_censored;
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
    std::vector<double> times{};  ///< ascending

    template <class Archive>
    void serialize(Archive& archive, unsigned /*version*/) {
      archive& times;
    }
  };
  struct Prepared {
    std::vector<double> times{};
    std::size_t rows = 0;
    std::size_t events = 0;
  };
  static constexpr std::string_view name = "distinct_times";

  [[nodiscard]] static std::vector<std::string> columns(const Plan& plan) {
    std::vector<std::string> columns = plan.complete;
    columns.push_back(plan.outcome.time);
    columns.push_back(plan.outcome.event);
    return columns;
  }
  [[nodiscard]] static std::vector<std::string> complete(const Plan& plan) { return columns(plan); }
  [[nodiscard]] static Disclosure question(const Plan& plan) {
    Disclosure what;
    what.columns = columns(plan);
    what.single_values = true;
    return what;
  }
  [[nodiscard]] static Prepared prepare(const Plan& plan, const Table& rows) {
    SurvivalOutcomes outcomes = survival_outcomes(rows, plan.outcome);
    Prepared prepared{{}, outcomes.rows(), outcomes.num_events()};
    for (std::size_t row = 0; row < outcomes.rows(); ++row) {
      if (plan.with_censored || outcomes.events[row] == 1) prepared.times.push_back(outcomes.times[row]);
    }
    std::sort(prepared.times.begin(), prepared.times.end());
    prepared.times.erase(std::unique(prepared.times.begin(), prepared.times.end()), prepared.times.end());
    return prepared;
  }
  [[nodiscard]] static Disclosure disclosure(const Plan& plan, const Prepared& prepared) {
    Disclosure what = question(plan);
    what.rows = prepared.rows;
    what.events = prepared.events;
    what.times = prepared.times;
    return what;
  }
  [[nodiscard]] static Reply answer(const Prepared& prepared, const Broadcast& /*broadcast*/,
                                    const DisclosureRules& /*rules*/) {
    return {prepared.times};
  }
  [[nodiscard]] static std::size_t bytes(const Broadcast& broadcast) noexcept {
    return broadcast.plan.outcome.time.size() + broadcast.plan.outcome.event.size();
  }
  [[nodiscard]] static std::size_t bytes(const Reply& reply) noexcept {
    return reply.times.size() * sizeof(double);
  }
};
static_assert(Statistic<DistinctTimes>);

/// All times that the hospitals name, ascending, each once. Times are the same when they are equal as numbers.
/// \throws Error (`invalid_reply`) for a time that is negative or not finite; and as Analysis::each
template <class TransportType>
[[nodiscard]] std::vector<double> agree_times(Analysis<TransportType>& analysis,
                                              const DistinctTimes::Plan& plan) {
  std::vector<double> times;
  for (const auto& [site, reply] : analysis.template each<DistinctTimes>({plan})) {
    for (const double time : reply.times) {
      if (!is_finite(time) || time < 0)
        throw Error(error::invalid_reply,
                    "client " + site.str() + " sent a time that is negative or not finite");
    }
    times.insert(times.end(), reply.times.begin(), reply.times.end());
  }
  std::sort(times.begin(), times.end());
  times.erase(std::unique(times.begin(), times.end()), times.end());
  return times;
}

}  // namespace healthai
