#pragma once

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "healthai/transport/concept.hpp"
#include "healthai/transport/socket/service.hpp"

namespace secagg_steps_test {

/// A transport to services in this thread: what a network does, with its bytes and without the network.
class Services {
 public:
  void add(healthai::Service& service) { services_[service.id()] = &service; }
  /// Called before each request is opened.
  std::function<void(std::string_view task, const healthai::ClientId& client)> before{};

  [[nodiscard]] std::vector<healthai::ClientId> clients() const {
    std::vector<healthai::ClientId> ids;
    for (const auto& [id, service] : services_) ids.push_back(id);
    return ids;
  }
  [[nodiscard]] healthai::Traffic traffic() const { return {}; }

  template <healthai::Task T>
  std::vector<healthai::RequestId> send(std::span<const healthai::ClientId> ids,
                                        std::shared_ptr<const typename T::Broadcast> broadcast) {
    const auto message = healthai::encode(std::move(broadcast));
    std::vector<healthai::RequestId> requests;
    for (const healthai::ClientId& id : ids) {
      healthai::Delivery<T> delivery{++last_, id, {}};
      try {
        if (before) before(T::name, id);
        delivery.result = answer<T>(*services_.at(id), *message);
      } catch (const healthai::Error& e) {
        delivery.result = healthai::Failure{id, std::string(e.id().name()), e.what()};
      }
      requests.push_back(delivery.request);
      done_[T::name].push_back(std::make_shared<healthai::Delivery<T>>(std::move(delivery)));
    }
    return requests;
  }
  template <healthai::Task T>
  [[nodiscard]] std::optional<healthai::Delivery<T>> next(healthai::Deadline) {
    auto& done = done_[T::name];
    if (done.empty()) return std::nullopt;
    auto delivery = std::static_pointer_cast<healthai::Delivery<T>>(done.front());
    done.pop_front();
    return std::move(*delivery);
  }
  template <healthai::Task T>
  void stop() {}
  template <healthai::Task T>
  void give_up() {}

  /// One request, as a connection puts it. \throws what the service throws
  template <healthai::Task T>
  static typename T::Reply answer(healthai::Service& service, const healthai::EncodedMessage& message) {
    const auto copy = [](const healthai::EncodedMessage& from, const auto& places) {
      for (std::size_t i = 0; i < places.size(); ++i)
        std::copy(from.arrays[i].begin(), from.arrays[i].end(), places[i].begin());
    };
    const auto request = service.open(T::name);
    copy(message, request->take_head(message.head, message.array_bytes()));
    const auto encoded = request->answer({});
    request->accepted();
    typename T::Reply reply;
    copy(*encoded, healthai::decode_head(encoded->head, encoded->array_bytes(), reply));
    return reply;
  }

 private:
  std::map<healthai::ClientId, healthai::Service*> services_{};
  std::map<std::string_view, std::deque<std::shared_ptr<void>>> done_{};
  healthai::RequestId last_ = 0;
};

}  // namespace secagg_steps_test
