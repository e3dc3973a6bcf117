#pragma once

#include <healthai/strategy.hpp>
#include <string>

#include "compare_strategies/contender.hpp"

namespace compare {

/// Calls `run(strategy)` with the server's side. \throws healthai::Error for settings that the strategy does not have or
/// that are outside their range
template <class Run>
void with_strategy(const Contender& contender, Run run) {
  using namespace healthai;
  Settings s = contender.strategy;
  for (const char* key :
       {"local_steps", "local_epochs", "batch", "learning_rate", "momentum", "weight_decay"}) {
    static_cast<void>(s.text(key));  // read already, into `training`
  }
  const std::string& name = s.name();
  const Rule rule = make_rule(contender.rule);
  const Training& t = contender.training;
  const auto server_rate = [&](const RateSchedule& otherwise) {
    static_cast<void>(s.text("server_learning_rate"));
    return t.server_learning_rate.value_or(otherwise);
  };
  const auto with = [&](auto strategy) {
    s.refuse_others();
    strategy.aggregator = rule;
    strategy.validate();
    run(strategy);
  };
  if (name == "fedprox") {
    const double mu = s.number("mu", 0.1);
    return with(BasicFedProx<Rule>{.mu = mu, .server_learning_rate = server_rate(1)});
  }
  if (name == "fedavgm") {
    const double momentum = s.number("server_momentum", 0.9);
    return with(BasicFedAvgM<Rule>{.server_momentum = momentum, .server_learning_rate = server_rate(1)});
  }
  if (name == "fedadagrad") {
    const double tau = s.number("tau", 1e-3);
    return with(BasicFedAdagrad<Rule>{.server_learning_rate = server_rate(0.1), .tau = tau});
  }
  const auto adaptive = [&]<class Strategy>(Strategy strategy) {
    strategy.beta1 = s.number("beta1", strategy.beta1);
    strategy.beta2 = s.number("beta2", strategy.beta2);
    strategy.tau = s.number("tau", strategy.tau);
    strategy.server_learning_rate = server_rate(strategy.server_learning_rate);
    return strategy;
  };
  if (name == "fedadam") return with(adaptive(BasicFedAdam<Rule>{}));
  if (name == "fedyogi") return with(adaptive(BasicFedYogi<Rule>{}));
  if (name == "scaffold") return with(BasicScaffold<Rule>{.server_learning_rate = server_rate(1)});
  if (name == "feddyn") return with(BasicFedDyn<Rule>{.alpha = s.number("alpha", 0.1)});
  if (name == "fednova") return with(BasicFedNova<Rule>{.server_learning_rate = server_rate(1)});
  if (name == "qfedavg") {
    return with(BasicQFedAvg<Rule>{.q = s.number("q", 0.2), .learning_rate = t.learning_rate.initial()});
  }
  if (name == "fedbuff") {
    for (const char* key : {"size", "concurrency", "staleness_exponent", "max_staleness"}) {
      static_cast<void>(s.text(key));  // the schedule's
    }
  }
  if (name == "ditto") static_cast<void>(s.number("lambda"));  // the client's
  if (name == "fedper") static_cast<void>(s.text("layers"));
  return with(BasicFedAvg<Rule>{.server_learning_rate = server_rate(1)});  // fedavg, cyclic, ditto, fedper
}

}  // namespace compare
