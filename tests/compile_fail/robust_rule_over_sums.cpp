// A rule that has to see each update cannot work where updates are only ever shown as a sum: secure aggregation, say.
// EXPECT: this transport can sum updates and cannot show them
// EXPECT: Use an additive aggregator such as WeightedMean
#include "healthai/server/federation.hpp"
#include "healthai/strategy/fedavg.hpp"

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

/// Robust, by intention if not by arithmetic.
struct FirstUpdate {
  template <class Scalar>
  struct State {
    void add(Update<Scalar>&& update) { result = std::move(update.values); }
    Parameters<Scalar> finish() { return std::move(result); }
    Parameters<Scalar> result{};
  };
  template <class Scalar>
  State<Scalar> begin(const Layout&) const {
    return {};
  }
};

int main() {
  Secret secret;
#ifndef HEALTHAI_COMPILE_FAIL
  Federation federation{BasicFedAvg<WeightedMean>{}, secret};
#else
  Federation federation{BasicFedAvg<FirstUpdate>{}, secret};
#endif
}
