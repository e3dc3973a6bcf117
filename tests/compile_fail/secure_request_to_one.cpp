// A request of its own to one member, whose single reply would be shown.
// EXPECT: SecureAggregation sends no request of its own to some of the members and shows no single reply
// EXPECT: Use sum\(\), with an additive task, or the transport underneath
#include "healthai/core/training.hpp"
#include "healthai/secagg/secure_aggregation.hpp"
#include "healthai/transport/in_process.hpp"

using namespace healthai;

int main() {
  InProcess hospitals;
  SecureAggregation secure{hospitals, std::shared_ptr<const secagg::Members>(), {}};
  const std::vector<ClientId> one{"north"};
  const auto request = std::make_shared<const TrainBroadcast<double>>();
#ifndef HEALTHAI_COMPILE_FAIL
  (void)hospitals.send<Train<double>>(one, request);
#else
  (void)secure.send<Train<double>>(one, request);
#endif
}
