// Under secure aggregation nobody sees a single update, which a median would have to.
// EXPECT: this transport can sum updates and cannot show them
// EXPECT: Use an additive aggregator such as WeightedMean
#include "healthai/aggregation/median.hpp"
#include "healthai/secagg/secure_aggregation.hpp"
#include "healthai/server/federation.hpp"
#include "healthai/strategy/fedavg.hpp"
#include "healthai/transport/in_process.hpp"

using namespace healthai;

int main() {
  InProcess hospitals;
  SecureAggregation secure{hospitals, std::shared_ptr<const secagg::Members>(), {}};
#ifndef HEALTHAI_COMPILE_FAIL
  Federation federation{BasicFedAvg<WeightedMean>{}, secure};
#else
  Federation federation{BasicFedAvg<Median>{}, secure};
#endif
}
