#pragma once

#include <algorithm>
#include <cstddef>
#include <healthai/healthai.hpp>
#include <healthai/simulation.hpp>
#include <healthai/strategy.hpp>
#include <vector>

#include "compare_strategies/run.hpp"

namespace compare {

template <class Strategy>
Run run_rounds(const Strategy& strategy, const Setup& setup) {
  using namespace healthai;
  const Flags& flags = setup.flags;
  Study& study = setup.study;
  const Training& training = setup.contender.training;
  InProcess inner{{.threads = flags.threads}};
  std::vector<AnyClient> clients;
  std::vector<ClientId> ids = study.ids;
  ids.resize(setup.models.size(), ClientId("pooled"));
  const std::vector<ClientId> attackers = choose_attackers(ids, setup.attack.share, study.seed);
  for (std::size_t i = 0; i < setup.models.size(); ++i) {
    const bool flips =
        !study.poisoned.empty() && std::binary_search(attackers.begin(), attackers.end(), ids[i]);
    clients.push_back(make_client(setup.contender, flips ? study.poisoned[i] : setup.models[i]));
    inner.add(ids[i], clients.back());
  }
  SimulatedTime timed(
      inner,
      VirtualClock({.client_deviation = flags.client_deviation, .drop_out = flags.drop_out}, study.seed));
  Attacked transport(timed, setup.attack.attack, attackers);
  Federation federation{
      strategy,
      transport,
      {.rounds = flags.rounds,
       .seed = study.seed,
       .training = {.local_steps = training.local_steps, .learning_rate = training.learning_rate},
       .selection = setup.contender.strategy.name() == "cyclic" ? Cyclic{} : parse_selection(flags.selection),
       .schedule = make_schedule(setup.contender, setup.models.size())}};
  federation.start(initial_parameters(flags, setup.models.front().layout(), study.seed));
  Run run;
  while (!federation.ended()) {
    const RoundReport report = federation.step();
    run.bytes_down += report.bytes_down;
    run.bytes_up += report.bytes_up;
    run.bytes_up_uncompressed += report.bytes_up_uncompressed;
    run.failures += report.failures.size();
    run.seconds += report.seconds;
    run.rounds = report.round;
    run.problem = report.error;
    if (report.round % flags.evaluate_every == 0 || federation.ended()) {
      run.evaluations.push_back(evaluate(study, flags, report.round, [&](std::size_t site) {
        return clients[clients.size() == 1 ? 0 : site].model(federation.parameters());
      }));
      run.evaluations.back().virtual_seconds = timed.clock().now();
    }
    setup.watch(report.round);
  }
  if (run.rounds == flags.rounds) run.problem.clear();  // one skipped round at the end is no early end
  return run;
}

}  // namespace compare
