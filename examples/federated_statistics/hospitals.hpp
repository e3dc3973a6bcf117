#pragma once

#include <algorithm>
#include <cstddef>
#include <healthai/core/failure.hpp>
#include <healthai/statistics/column_levels.hpp>
#include <healthai/statistics/site.hpp>
#include <healthai/transport/in_process.hpp>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "federated_statistics/network.hpp"
#include "federated_statistics/study.hpp"

namespace study {

/// Reaches the hospitals of a study, simulated in this process or over a network: one type, so that each analysis is compiled once for both.
class ReachedHospitals {
 public:
  explicit ReachedHospitals(healthai::InProcess& simulated) : simulated_(&simulated) {}
  explicit ReachedHospitals(Network& network) : network_(&network) {}

  [[nodiscard]] std::vector<healthai::ClientId> clients() const {
    return network_ != nullptr ? network_->sites() : simulated_->clients();
  }
  template <healthai::Task T>
  std::vector<healthai::RequestId> send(std::span<const healthai::ClientId> ids,
                                        std::shared_ptr<const typename T::Broadcast> broadcast) {
    if (network_ == nullptr) return simulated_->send<T>(ids, std::move(broadcast));
    const auto patience = network_->deadline();
    late_ = patience ? healthai::Clock::now() + *patience : healthai::Deadline::max();
    return network_->server().send<T>(ids, std::move(broadcast));
  }
  /// Whoever has not answered at the network's deadline has failed.
  template <healthai::Task T>
  [[nodiscard]] std::optional<healthai::Delivery<T>> next(healthai::Deadline deadline) {
    if (network_ == nullptr) return simulated_->next<T>(deadline);
    healthai::SocketServer& server = network_->server();
    auto delivery = server.next<T>((std::min)(deadline, late_));
    if (delivery || deadline <= late_) return delivery;
    server.give_up<T>();
    return server.next<T>(deadline);
  }
  template <healthai::Task T>
  void stop() {
    network_ != nullptr ? network_->server().stop<T>() : simulated_->stop<T>();
  }
  template <healthai::Task T>
  void give_up() {
    network_ != nullptr ? network_->server().give_up<T>() : simulated_->give_up<T>();
  }
  [[nodiscard]] healthai::Traffic traffic() const {
    return network_ != nullptr ? network_->server().traffic() : simulated_->traffic();
  }

 private:
  healthai::InProcess* simulated_ = nullptr;
  Network* network_ = nullptr;
  healthai::Deadline late_ = healthai::Deadline::max();
};

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

/// Calls `work` with the ReachedHospitals: simulated ones that answer these statistics, or those of the network, as their policies allow.
template <healthai::Statistic... T, class Work>
void over_hospitals(Study& study, Work work) {
  if (!study.flags.coordinator.empty()) {
    Network network(study.flags);
    ReachedHospitals hospitals(network);
    try {
      work(hospitals);
    } catch (const healthai::Error& e) {
      throw healthai::Error(e.id(), e.what() + advice_of_flags(study.flags, e.what()));
    }
    return network.keep_anchors(study.flags.command);
  }
  healthai::InProcess line = simulated<T...>(study);
  ReachedHospitals hospitals(line);
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
/// or 1. \throws healthai::Error (`invalid_argument`) where the column has other values, or too little of them is told
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
  bool none = false;
  for (const std::string& level : levels) {
    two = two || level == "2";
    none = none || level == "0";
    if (level != "0" && level != "1" && level != "2") {
      throw healthai::Error(healthai::error::invalid_argument,
                            "column \"" + f.event_column +
                                "\": expected 0 and 1, or 1 and 2, as values of an event, got also " +
                                healthai::detail::quoted(level) +
                                "; say which one means the event with --event-value");
    }
  }
  if (study.rules.enforced && !two &&
      !none) {  // of 1 alone nobody knows which it is; there may be others, untold
    throw healthai::Error(healthai::error::invalid_argument,
                          "the hospitals do not tell enough of the values of column \"" + f.event_column +
                              "\" (rules levels, smallest_cell); say which one means the event with "
                              "--event-value");
  }
  if (!two) return 1;
  study.note("column \"" + f.event_column +
             "\" has a 2 at some hospital: 2 is taken for the event, and 1 for none");
  return 2;
}

}  // namespace study
