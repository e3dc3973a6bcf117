// A strategy that rescales each reply cannot work where replies are only ever shown as a sum: secure aggregation, say.
// EXPECT: this strategy rescales each reply before it is summed
// EXPECT: Use a strategy without one, such as FedAvg, FedProx or Scaffold
#include "healthai/server/federation.hpp"
#include "healthai/strategy/fednova.hpp"
#include "healthai/strategy/scaffold.hpp"

using namespace healthai;

struct Secret {
  std::vector<ClientId> clients() const { return {}; }
  template <AdditiveTask T, class A>
  PartialAggregate<A, typename T::Scalar> sum(const A&, std::span<const ClientId>,
                                              std::shared_ptr<const typename T::Broadcast>, Deadline) {
    return {};
  }
  Traffic traffic() const { return {}; }
};

int main() {
  Secret secret;
#ifndef HEALTHAI_COMPILE_FAIL
  Federation federation{Scaffold{}, secret};
#else
  Federation federation{FedNova{}, secret};
#endif
}
