// A Federation says that what it was given reaches nobody.
// EXPECT: the second argument of Federation is neither a Transport nor a SummingTransport
// EXPECT: docs/how-to-write-a-transport.md
#include "healthai/server/federation.hpp"
#include "healthai/strategy/fedavg.hpp"

using namespace healthai;

struct Nowhere {
  std::vector<ClientId> clients() const { return {}; }
  template <Task T>
  std::vector<RequestId> send(std::span<const ClientId>, std::shared_ptr<const typename T::Broadcast>) {
    return {};
  }
  template <Task T>
  std::optional<Delivery<T>> next(Deadline) {
    return {};
  }
  template <Task T>
  void stop() {}
#ifndef HEALTHAI_COMPILE_FAIL
  template <Task T>
  void give_up() {}
#endif
  Traffic traffic() const {
    return {};
  }
};

int main() {
  Nowhere nowhere;
  Federation federation{FedAvg{}, nowhere};
}
