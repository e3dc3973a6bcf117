#pragma once

#include <healthai/simulation.hpp>

#include "compare_strategies/federate.hpp"
#include "compare_strategies/hosts.hpp"

namespace compare {

template <class Strategy>
Run run_rounds(const Strategy& strategy, Hosts& hosts, const Setup& setup) {
  using namespace healthai;
  SimulatedTime timed(hosts, virtual_clock(setup.flags, setup.study.seed));
  Attacked transport(timed, setup.attack.attack, setup.attackers);
  return federate(strategy, transport, setup, [&timed](const RoundReport&) { return timed.clock().now(); });
}

}  // namespace compare
