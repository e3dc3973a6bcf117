#pragma once

#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "healthai/core/client_id.hpp"
#include "healthai/transport/concept.hpp"

namespace study {

/// A transport of which only one client is seen: for an analysis of one hospital's patients alone.
template <class TransportType>
class OneSite {
 public:
  OneSite(TransportType& transport, healthai::ClientId site)
      : transport_(&transport), site_(std::move(site)) {}

  [[nodiscard]] std::vector<healthai::ClientId> clients() const { return {site_}; }
  template <healthai::Task T>
  std::vector<healthai::RequestId> send(std::span<const healthai::ClientId> ids,
                                        std::shared_ptr<const typename T::Broadcast> broadcast) {
    return transport_->template send<T>(ids, std::move(broadcast));
  }
  template <healthai::Task T>
  [[nodiscard]] std::optional<healthai::Delivery<T>> next(healthai::Deadline deadline) {
    return transport_->template next<T>(deadline);
  }
  template <healthai::Task T>
  void stop() {
    transport_->template stop<T>();
  }
  template <healthai::Task T>
  void give_up() {
    transport_->template give_up<T>();
  }
  [[nodiscard]] healthai::Traffic traffic() const { return transport_->traffic(); }

 private:
  TransportType* transport_;
  healthai::ClientId site_;
};

}  // namespace study
