#pragma once

#include <cstddef>
#include <healthai/core/failure.hpp>
#include <healthai/statistics/column_levels.hpp>
#include <healthai/statistics/site.hpp>
#include <healthai/transport/in_process.hpp>
#include <optional>
#include <string>
#include <vector>

#include "federated_statistics/study.hpp"

namespace study {

/// The simulated hospitals, each of which answers these statistics as far as its rules allow.
template <healthai::Statistic... T>
healthai::InProcess simulated(const Study& study) {
  healthai::InProcess hospitals;
  for (const healthai::Site& site : study.sites) {
    healthai::TaskHandlers handlers;
    const healthai::StatisticsSite statistics(site.table, study.rules);
    (statistics.offer<T>(handlers), ...);
    hospitals.add(site.id, std::move(handlers));
  }
  return hospitals;
}

/// Calls `work` with a transport to hospitals that answer these statistics.
template <healthai::Statistic... T, class Work>
void over_hospitals(Study& study, Work work) {
  healthai::InProcess hospitals = simulated<T...>(study);
  work(hospitals);
}

/// Says and keeps who took part and who did not, with the rule that forbade it. The same for every analysis.
inline void tell_sites(Study& study, const std::vector<healthai::ClientId>& sites,
                       const std::vector<healthai::Failure>& left_out) {
  Json& result = study.result;
  result["sites"] = Json::array();
  for (const healthai::ClientId& site : sites) result["sites"].push_back(site.str());
  result["left_out"] = Json::array();
  for (const healthai::Failure& failure : left_out) {
    result["left_out"].push_back(
        {{"site", failure.client.str()}, {"error", failure.error}, {"message", failure.message}});
    study.note("site " + failure.client.str() + " is left out. " + failure.message);
  }
}

/// Which value of the event column means the event: what --event-value says, or 2 where some hospital has a 2 (as R's `Surv` reads it),
/// or 1. \throws healthai::Error (`invalid_argument`) where the column has other values
template <class TransportType>
double event_value(Study& study, TransportType& hospitals) {
  const Flags& f = study.flags;
  if (f.event_value) return *f.event_value;
  std::vector<std::string> levels = levels_if_known(study, f.event_column);
  if constexpr (healthai::Transport<TransportType, healthai::ColumnLevels>) {
    healthai::Analysis analysis(hospitals);
    levels = analysis.over_the_same_sites(
        [&] { return healthai::agree_levels(analysis, study.cohort, f.event_column); });
  }
  bool two = false;
  for (const std::string& level : levels) {
    two = two || level == "2";
    if (level != "0" && level != "1" && level != "2") {
      throw healthai::Error(healthai::error::invalid_argument,
                            "column \"" + f.event_column +
                                "\": expected 0 and 1, or 1 and 2, as values of an event, got also " +
                                healthai::detail::quoted(level) +
                                "; say which one means the event with --event-value");
    }
  }
  if (!two) return 1;
  study.note("column \"" + f.event_column +
             "\" has a 2 at some hospital: 2 is taken for the event, and 1 for none");
  return 2;
}

}  // namespace study
