#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "healthai/client/task_handlers.hpp"
#include "healthai/core/training.hpp"
#include "healthai/serialization/archive.hpp"
#include "healthai/transport/in_process.hpp"
#include "healthai/transport/relay.hpp"
#include "healthai/transport/relays.hpp"

// Clients and transports for tests of relays.

/// A client whose training is a function of the request.
struct Scripted {
  std::function<healthai::TrainReply<double>(const healthai::TrainRequest<double>&, std::stop_token)>
      function;
  static constexpr healthai::ObjectiveParts honours() { return healthai::ObjectiveParts::memoryless(); }
  healthai::TrainReply<double> train(const healthai::TrainRequest<double>& request, std::stop_token stop) {
    return function(request, std::move(stop));
  }
  healthai::EvaluateReply evaluate(const healthai::EvaluateRequest<double>&, std::stop_token) {
    healthai::Metrics metrics;
    metrics.add("loss", 3, 2);
    return {2, metrics};
  }
};

/// A client with the same update for every request.
inline Scripted fixed(healthai::Parameters<double> update, double rows) {
  return {[update = std::move(update), rows](const auto&, std::stop_token) {
    healthai::TrainReply<double> reply;
    reply.update = update;
    reply.num_examples = rows;
    reply.local_steps = 1;
    reply.metrics.add("loss", rows, 2 * rows);
    return reply;
  }};
}

/// A transport around another whose broadcasts and replies are encoded and decoded on the way, as over a network.
template <class TransportType>
class OverTheWire {
 public:
  explicit OverTheWire(TransportType& inner) : inner_(&inner) {}
  std::vector<healthai::ClientId> clients() const { return inner_->clients(); }
  healthai::Traffic traffic() const { return inner_->traffic(); }
  template <healthai::Task T>
  std::vector<healthai::RequestId> send(std::span<const healthai::ClientId> ids,
                                        std::shared_ptr<const typename T::Broadcast> broadcast) {
    using Broadcast = typename T::Broadcast;
    return inner_->template send<T>(
        ids,
        std::make_shared<const Broadcast>(healthai::from_bytes<Broadcast>(healthai::to_bytes(*broadcast))));
  }
  template <healthai::Task T>
  std::optional<healthai::Delivery<T>> next(healthai::Deadline deadline) {
    auto delivery = inner_->template next<T>(deadline);
    if (!delivery) return delivery;
    if (auto* reply = std::get_if<typename T::Reply>(&delivery->result)) {
      try {
        *reply = healthai::from_bytes<typename T::Reply>(healthai::to_bytes(*reply));
      } catch (const healthai::Error& e) {
        delivery->result = healthai::Failure{delivery->client, std::string(e.id().name()), e.what()};
      }
    }
    return delivery;
  }
  template <healthai::Task T>
  void stop() {
    inner_->template stop<T>();
  }
  template <healthai::Task T>
  void give_up() {
    inner_->template give_up<T>();
  }

 private:
  TransportType* inner_;
};

/// Relays, and what they are reached by.
struct Level {
  explicit Level(healthai::RelaysOptions options = {}, std::size_t threads = 4)
      : hosts({.threads = threads}), wire(hosts), world(wire, options) {}
  Level(const Level&) = delete;
  Level& operator=(const Level&) = delete;
  ~Level() = default;

  healthai::InProcess hosts;
  OverTheWire<healthai::InProcess> wire;
  healthai::Relays<OverTheWire<healthai::InProcess>> world;
};

/// The region of a relay that is itself a level.
inline std::shared_ptr<decltype(Level::world)> region_of(const std::shared_ptr<Level>& level) {
  return {level, &level->world};
}

template <class T>
std::shared_ptr<const T> shared(T value) {
  return std::make_shared<const T>(std::move(value));
}
