// A relay answers with a sum, which a robust rule has none of.
// EXPECT: a relay answers with the sum of its region, and this aggregator needs to see each
// EXPECT: Use an additive aggregator such as WeightedMean or ReproducibleMean
#include "healthai/aggregation/median.hpp"
#include "healthai/transport/in_process.hpp"
#include "healthai/transport/relay.hpp"

using namespace healthai;

int main() {
  InProcess region;
#ifndef HEALTHAI_COMPILE_FAIL
  const TaskHandlers relay = relay_handlers(region, WeightedMean{});
#else
  const TaskHandlers relay = relay_handlers(region, Median{});
#endif
}
