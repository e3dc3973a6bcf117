// Relays sum their regions: a rule that has to see each update cannot work over them.
// EXPECT: this transport can sum updates and cannot show them
// EXPECT: Use an additive aggregator such as WeightedMean
#include "healthai/aggregation/median.hpp"
#include "healthai/server/federation.hpp"
#include "healthai/strategy/fedavg.hpp"
#include "healthai/transport/in_process.hpp"
#include "healthai/transport/relays.hpp"

using namespace healthai;

int main() {
  InProcess relays;
  Relays world{relays};
#ifndef HEALTHAI_COMPILE_FAIL
  Federation federation{BasicFedAvg<WeightedMean>{}, world};
#else
  Federation federation{BasicFedAvg<Median>{}, world};
#endif
}
