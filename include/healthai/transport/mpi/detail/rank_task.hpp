#pragma once

#include <algorithm>
#include <cstddef>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/core/failure.hpp"
#include "healthai/serialization/encoded_message.hpp"
#include "healthai/transport/in_process.hpp"
#include "healthai/transport/mpi/detail/broadcast.hpp"
#include "healthai/transport/mpi/detail/messages.hpp"
#include "healthai/transport/mpi/detail/outbox.hpp"

namespace healthai::detail {

/// What comes before the reply, or before the Failure, in a delivery's archive.
struct MpiDeliveryHead {
  std::string task{};
  RequestId request = 0;
  bool failed = false;

  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& task& request& failed;
  }
};

/// One task, on a rank that serves it: takes requests to the rank's clients, and their replies to rank 0.
class RankTask {
 public:
  RankTask() = default;
  RankTask(const RankTask&) = delete;
  RankTask& operator=(const RankTask&) = delete;
  virtual ~RankTask() = default;

  virtual void request(const MpiCommand& command) = 0;
  virtual void stop(const MpiCommand& command) = 0;
  virtual void give_up(const MpiCommand& command) = 0;
  /// Hands on a reply. \return whether there was one
  virtual bool hand_on() = 0;
};

template <Task T>
class RankTaskOf final : public RankTask {
 public:
  RankTaskOf(const Communicator& ranks, InProcess& clients, Outbox& outbox)
      : ranks_(&ranks), clients_(&clients), outbox_(&outbox) {}

  void request(const MpiCommand& command) override {
    auto broadcast = take_broadcast<typename T::Broadcast>(*ranks_, command.head, command.arrays);
    if (command.clients.empty()) return;
    const std::vector<RequestId> here = clients_->template send<T>(command.clients, std::move(broadcast));
    for (std::size_t i = 0; i < here.size(); ++i) outstanding_.push_back({command.requests[i], here[i]});
  }
  void stop(const MpiCommand& command) override {
    if (command.requests.empty()) return clients_->template stop<T>();
    clients_->template stop<T>(named_here(command));
  }
  void give_up(const MpiCommand& command) override {
    if (command.requests.empty()) return clients_->template give_up<T>();
    clients_->template give_up<T>(named_here(command));
  }

  bool hand_on() override {
    if (outstanding_.empty() || !outbox_->has_room()) return false;
    auto delivery = clients_->template next<T>(Clock::now());
    if (!delivery) return false;
    // Deliveries come in the order of requests.
    MpiDeliveryHead head{std::string(T::name), outstanding_.front().there, false};
    outstanding_.pop_front();
    if (auto* reply = std::get_if<typename T::Reply>(&delivery->result)) {
      try {
        return outbox_->send(encode(std::make_shared<const typename T::Reply>(std::move(*reply)), head)),
               true;
      } catch (const Error& e) {
        delivery->result =
            Failure{delivery->client, std::string(e.id().name()),
                    "the reply of client " + delivery->client.str() + " cannot be encoded: " + e.what()};
      }
    }
    head.failed = true;
    outbox_->send(
        encode(std::make_shared<const Failure>(std::move(std::get<Failure>(delivery->result))), head));
    return true;
  }

 private:
  struct Number {
    RequestId there, here;
  };
  [[nodiscard]] std::vector<RequestId> named_here(const MpiCommand& command) const {
    std::vector<RequestId> here;
    for (const Number& number : outstanding_) {
      if (std::find(command.requests.begin(), command.requests.end(), number.there) != command.requests.end())
        here.push_back(number.here);
    }
    return here;
  }

  const Communicator* ranks_;
  InProcess* clients_;
  Outbox* outbox_;
  std::deque<Number> outstanding_;
};

}  // namespace healthai::detail
