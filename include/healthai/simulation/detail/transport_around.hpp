#pragma once

#include <span>
#include <type_traits>
#include <vector>

#include "healthai/core/client_id.hpp"
#include "healthai/core/task.hpp"
#include "healthai/core/training.hpp"
#include "healthai/transport/concept.hpp"

namespace healthai::detail {

/// Whether a task is training, which simulations change; others pass as they are.
template <class T>
inline constexpr bool is_training = std::is_same_v<T, Train<float>> || std::is_same_v<T, Train<double>>;

/// What a transport around another one hands on as it is: who is there, traffic, ends of requests, and the states of
/// clients, where the wrapped transport has them. A class that derives from it sends and receives, and hides what it changes.
template <class TransportType>
class TransportAround {
 public:
  [[nodiscard]] std::vector<ClientId> clients() const { return inner_->clients(); }
  [[nodiscard]] Traffic traffic() const { return inner_->traffic(); }

  template <Task T>
  void stop() {
    inner_->template stop<T>();
  }
  template <Task T>
  void give_up() {
    inner_->template give_up<T>();
  }
  /// The same for some requests only, where the wrapped transport can do that.
  template <Task T>
  void stop(std::span<const RequestId> requests) requires EndsSingleRequests<TransportType, T> {
    inner_->template stop<T>(requests);
  }
  /// The same for some requests only, where the wrapped transport can do that.
  template <Task T>
  void give_up(std::span<const RequestId> requests) requires EndsSingleRequests<TransportType, T> {
    inner_->template give_up<T>(requests);
  }

  /// The states of the wrapped transport's clients, where it has them: what a checkpoint keeps.
  [[nodiscard]] auto client_states() const requires requires(const TransportType& transport) {
    transport.client_states();
  }
  { return inner_->client_states(); }
  template <class States>
  void restore_client_states(const States& states) requires requires(TransportType& transport) {
    transport.restore_client_states(states);
  }
  { inner_->restore_client_states(states); }

 protected:
  explicit TransportAround(TransportType& inner) noexcept : inner_(&inner) {}
  [[nodiscard]] TransportType& wrapped() const noexcept { return *inner_; }

 private:
  TransportType* inner_;
};

}  // namespace healthai::detail
