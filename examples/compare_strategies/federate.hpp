#pragma once

#include <functional>
#include <healthai/healthai.hpp>
#include <healthai/strategy.hpp>

#include "compare_strategies/run.hpp"

namespace compare {

/// The rounds of one strategy over a transport, evaluated every so often.
/// \param time  what the virtual clock says after a round; called after each
template <class Strategy, class TransportType>
Run federate(const Strategy& strategy, TransportType& transport, const Setup& setup,
             const std::function<double(const healthai::RoundReport&)>& time) {
  using namespace healthai;
  const Flags& flags = setup.flags;
  const Training& training = setup.contender.training;
  Federation federation{
      strategy,
      transport,
      {.rounds = flags.rounds,
       .seed = setup.study.seed,
       .training = {.local_steps = training.local_steps, .learning_rate = training.learning_rate},
       .selection = setup.contender.strategy.name() == "cyclic" ? Cyclic{} : parse_selection(flags.selection),
       .schedule = make_schedule(setup.contender, setup.clients)}};
  federation.start(initial_parameters(flags, setup.study.layout, setup.study.seed));
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
    const double now = time(report);
    if (report.round % flags.evaluate_every == 0 || federation.ended()) {
      run.evaluations.push_back(
          evaluate(setup.study, flags, report.round, setup.models_of_sites(federation.parameters())));
      run.evaluations.back().virtual_seconds = now;
    }
    setup.watch(report.round);
  }
  if (run.rounds == flags.rounds) run.problem.clear();  // one skipped round at the end is no early end
  return run;
}

}  // namespace compare
