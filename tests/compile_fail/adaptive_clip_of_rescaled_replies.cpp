// A bound that follows the updates needs each client's word on its own update, which a strategy that rescales replies leaves out.
// EXPECT: AdaptivelyClipped needs the clients' numbers as they are
// EXPECT: take another strategy, or Clipped with a fixed bound
#include "healthai/strategy/adaptively_clipped.hpp"
#include "healthai/strategy/fedavg.hpp"
#include "healthai/strategy/fednova.hpp"

using namespace healthai;
#ifdef HEALTHAI_COMPILE_FAIL
using Inside = FedNova;
#else
using Inside = FedAvg;
#endif

int main() {
  const AdaptivelyClipped strategy{Inside{}, 0.1};
  strategy.validate();
}
