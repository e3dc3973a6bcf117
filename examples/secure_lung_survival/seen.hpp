#pragma once

#include <cmath>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <stop_token>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "healthai/healthai.hpp"
#include "healthai/secagg/tasks.hpp"

// How the demonstration looks over everybody's shoulder.
namespace secure_lung {

/// What one hospital's numbers were, and what became of them, as places in their ranges: from 0 to 1.
struct Seen {
  std::vector<double> updates{};
  std::vector<double> masked{};
};

/// A hospital whose line is down every now and then, when the others already count on it.
template <class Client>
struct Unsteady {
  Client client;
  double silent = 0;        ///< how likely it is in one round
  std::uint64_t until = 0;  ///< the last round in which it may be
  double clip = 1;          ///< of the updates
  Seen* seen = nullptr;     ///< where its updates are noted, if they are

  healthai::TrainReply<double> train(const healthai::TrainRequest<double>& request, std::stop_token stop) {
    healthai::Stream coin(request->seed, healthai::Purpose::simulation, request->id.round,
                          request.client.str());
    if (request->id.round <= until && healthai::uniform(coin) < silent)
      throw std::runtime_error("the line is down");
    healthai::TrainReply<double> reply = client.train(request, std::move(stop));
    if (seen != nullptr) {
      for (const double number : reply.update.span()) seen->updates.push_back((number / clip + 1) / 2);
    }
    return reply;
  }
  healthai::EvaluateReply evaluate(const healthai::EvaluateRequest<double>& request, std::stop_token stop) {
    return client.evaluate(request, std::move(stop));
  }
  [[nodiscard]] healthai::ObjectiveParts honours() const { return client.honours(); }
};

template <class Client>
Unsteady(Client, double, std::uint64_t, double, Seen*) -> Unsteady<Client>;

/// The coordinator's line, on which whatever one hospital hands in is noted.
class Eavesdropper {
 public:
  Eavesdropper(healthai::InProcess& line, healthai::ClientId of, Seen& seen)
      : line_(&line), of_(std::move(of)), seen_(&seen) {}

  [[nodiscard]] std::vector<healthai::ClientId> clients() const { return line_->clients(); }
  [[nodiscard]] healthai::Traffic traffic() const { return line_->traffic(); }
  template <healthai::Task T>
  std::vector<healthai::RequestId> send(std::span<const healthai::ClientId> ids,
                                        std::shared_ptr<const typename T::Broadcast> broadcast) {
    return line_->send<T>(ids, std::move(broadcast));
  }
  template <healthai::Task T>
  [[nodiscard]] std::optional<healthai::Delivery<T>> next(healthai::Deadline deadline) {
    auto delivery = line_->next<T>(deadline);
    if constexpr (std::is_same_v<T, healthai::secagg::HandIn>) {
      if (delivery && delivery->client == of_) note(delivery->result);
    }
    return delivery;
  }
  template <healthai::Task T>
  void stop() {
    line_->stop<T>();
  }
  template <healthai::Task T>
  void give_up() {
    line_->give_up<T>();
  }

 private:
  void note(const std::variant<healthai::secagg::RingVector, healthai::Failure>& reply) {
    const auto* vector = std::get_if<healthai::secagg::RingVector>(&reply);
    if (vector == nullptr) return;
    vector->visit([&](auto words) {
      for (const auto word : words)
        seen_->masked.push_back(std::ldexp(static_cast<double>(word), -static_cast<int>(vector->bits())));
    });
  }

  healthai::InProcess* line_;
  healthai::ClientId of_;
  Seen* seen_;
};

}  // namespace secure_lung
