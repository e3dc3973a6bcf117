// A Federation says that what it was given is no Strategy, and where the members of one are listed.
// EXPECT: the first argument of Federation is not a Strategy
// EXPECT: docs/how-to-write-a-strategy.md
#include "healthai/server/federation.hpp"
#include "healthai/strategy/fedavg.hpp"
#include "healthai/transport/in_process.hpp"

using namespace healthai;

struct Average : private FedAvg {
  using FedAvg::accepts_partial_work;
  using FedAvg::aggregator;
  using FedAvg::apply;
  using FedAvg::describe;
  using FedAvg::init;
  using FedAvg::name;
  using FedAvg::State;
  using FedAvg::validate;
#ifndef HEALTHAI_COMPILE_FAIL
  using FedAvg::configure;
#endif
};

int main() {
  InProcess hospitals;
  Federation federation{Average{}, hospitals};
}
