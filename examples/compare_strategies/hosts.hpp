#pragma once

#include <functional>
#include <healthai/core/training.hpp>
#include <healthai/transport/concept.hpp>
#include <memory>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

namespace compare {

/// A transport of a kind that is known at run time only: clients in this process, or on other machines. So the rounds of a
/// strategy are compiled once for all. Satisfies Transport for training and evaluation, as the transport inside must.
class Hosts {
 public:
  /// Over `transport`, which is kept by reference and must outlive this object.
  template <class TransportType>
  explicit Hosts(TransportType& transport)
      : clients_([&transport] { return transport.clients(); }),
        traffic_([&transport] { return transport.traffic(); }),
        training_(std::make_unique<DoesOver<TransportType, TrainTask>>(transport)),
        evaluation_(std::make_unique<DoesOver<TransportType, EvaluateTask>>(transport)) {}

  [[nodiscard]] std::vector<healthai::ClientId> clients() const { return clients_(); }
  [[nodiscard]] healthai::Traffic traffic() const { return traffic_(); }
  template <class T>
  std::vector<healthai::RequestId> send(std::span<const healthai::ClientId> ids,
                                        std::shared_ptr<const typename T::Broadcast> broadcast) {
    return does<T>().send(ids, std::move(broadcast));
  }
  template <class T>
  [[nodiscard]] std::optional<healthai::Delivery<T>> next(healthai::Deadline deadline) {
    return does<T>().next(deadline);
  }
  template <class T>
  void stop() {
    does<T>().stop();
  }
  template <class T>
  void stop(std::span<const healthai::RequestId> requests) {
    does<T>().stop(requests);
  }
  template <class T>
  void give_up() {
    does<T>().give_up();
  }
  template <class T>
  void give_up(std::span<const healthai::RequestId> requests) {
    does<T>().give_up(requests);
  }

 private:
  using TrainTask = healthai::Train<double>;
  using EvaluateTask = healthai::Evaluate<double>;

  /// One task.
  template <class T>
  struct Does {
    virtual ~Does() = default;
    virtual std::vector<healthai::RequestId> send(std::span<const healthai::ClientId> ids,
                                                  std::shared_ptr<const typename T::Broadcast> broadcast) = 0;
    virtual std::optional<healthai::Delivery<T>> next(healthai::Deadline deadline) = 0;
    virtual void stop() = 0;
    virtual void stop(std::span<const healthai::RequestId> requests) = 0;
    virtual void give_up() = 0;
    virtual void give_up(std::span<const healthai::RequestId> requests) = 0;
  };
  template <class TransportType, class T>
  struct DoesOver final : Does<T> {
    explicit DoesOver(TransportType& over) : transport(over) {}
    std::vector<healthai::RequestId> send(std::span<const healthai::ClientId> ids,
                                          std::shared_ptr<const typename T::Broadcast> broadcast) override {
      return transport.template send<T>(ids, std::move(broadcast));
    }
    std::optional<healthai::Delivery<T>> next(healthai::Deadline deadline) override {
      return transport.template next<T>(deadline);
    }
    void stop() override { transport.template stop<T>(); }
    void stop(std::span<const healthai::RequestId> requests) override {
      transport.template stop<T>(requests);
    }
    void give_up() override { transport.template give_up<T>(); }
    void give_up(std::span<const healthai::RequestId> requests) override {
      transport.template give_up<T>(requests);
    }
    TransportType& transport;
  };
  template <class T>
  [[nodiscard]] Does<T>& does() {
    if constexpr (std::is_same_v<T, TrainTask>) {
      return *training_;
    } else {
      static_assert(std::is_same_v<T, EvaluateTask>, "Hosts hands on training and evaluation");
      return *evaluation_;
    }
  }

  std::function<std::vector<healthai::ClientId>()> clients_;
  std::function<healthai::Traffic()> traffic_;
  std::unique_ptr<Does<TrainTask>> training_;
  std::unique_ptr<Does<EvaluateTask>> evaluation_;
};

}  // namespace compare
