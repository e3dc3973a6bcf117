// A strategy that would tell each client something else: under secure aggregation all members sign one request.
// EXPECT: configure of this strategy takes a client, but a round has one request
// EXPECT: under secure aggregation every member signs it. Make it configure\(state, round\)
#include "healthai/secagg/secure_aggregation.hpp"
#include "healthai/server/federation.hpp"
#include "healthai/strategy/fedavg.hpp"
#include "healthai/transport/in_process.hpp"

using namespace healthai;

struct Personal : FedAvg {
  template <class State>
  LocalObjective<double> configure(const State&, std::uint64_t round,
                                   const ClientId& client = ClientId("any")) const {
    LocalObjective<double> objective;
    objective.local_steps = client.str().size() + round;
    return objective;
  }
};

int main() {
  InProcess hospitals;
  SecureAggregation secure{hospitals, std::shared_ptr<const secagg::Members>(), {}};
#ifndef HEALTHAI_COMPILE_FAIL
  Federation federation{FedAvg{}, secure};
#else
  Federation federation{Personal{}, secure};
#endif
}
