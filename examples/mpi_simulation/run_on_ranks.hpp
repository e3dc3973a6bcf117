#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <memory>
#include <utility>
#include <variant>
#include <vector>

#include <healthai/simulation.hpp>
#include <healthai/transport/mpi/transport.hpp>

#include "compare_strategies/federate.hpp"
#include "compare_strategies/hosts.hpp"
#include "compare_strategies/strategies.hpp"
#include "mpi_simulation/own_model.hpp"

namespace simulation {

using namespace compare;
using healthai::MpiTransport;

/// Whether rank 0 has to see each reply: to change it, to lose it, or to take it when it comes.
inline bool shows_replies(const Contender& contender, const Flags& flags) {
  return !flags.attack.empty() || flags.drop_out > 0 || contender.strategy.name() == "fedbuff";
}
/// Whether clients keep something of their own, which rank 0 has to ask for.
inline bool is_personal(const Contender& contender) {
  return contender.strategy.name() == "ditto" || contender.strategy.name() == "fedper";
}

/// The models that the sites use themselves. They come in the order in which they are judged, and no faster.
inline ModelOfSite ask_for_models(MpiTransport& ranks, const std::vector<healthai::ClientId>& sites,
                                  const Parameters<double>& global) {
  ranks.send<OwnModel>(sites, std::make_shared<const OwnModel::Broadcast>(OwnModel::Broadcast{global}));
  return [&ranks](std::size_t) {
    auto delivery = ranks.next<OwnModel>(healthai::Deadline::max()).value();
    if (const auto* failure = std::get_if<healthai::Failure>(&delivery.result))
      throw healthai::Error(healthai::error::client_failed, failure->message);
    return std::move(std::get<OwnModel::Reply>(delivery.result).model);
  };
}

/// Rank 0's part of a run.
template <class Strategy>
Run coordinate(const Strategy& strategy, MpiTransport& ranks, const Setup& setup) {
  if (shows_replies(setup.contender, setup.flags)) {
    Hosts hosts(ranks);
    return run_rounds(strategy, hosts, setup);
  }
  // Replies are folded where the clients are. A round takes as long as its slowest client.
  healthai::VirtualClock clock = virtual_clock(setup.flags, setup.study.seed);
  return federate(strategy, ranks, setup, [&clock](const healthai::RoundReport& report) {
    double end = clock.now();
    for (const healthai::ClientId& client : report.selected)
      end = (std::max)(end, clock.now() + clock.duration(client, report.round));
    clock.advance_to(end);
    return end;
  });
}

/// One contender over the sites of all ranks. Every rank does this, and rank 0 gets to know what came of it.
/// \param threads  of each rank
inline Run run_on_ranks(const Contender& contender, const Flags& flags, Study& study, std::size_t threads,
                        const Watch& watch) {
  MpiTransport ranks({.threads = threads});
  const healthai::AttackPlan attack = attack_plan(flags);
  const std::vector<healthai::ClientId> attackers =
      healthai::choose_attackers(study.ids, attack.share, study.seed);
  for (std::size_t i = 0; i < study.ids.size(); ++i) {
    if (!ranks.hosts(i)) continue;
    const AnyClient client = client_of_site(contender, study, attackers, i);
    healthai::TaskHandlers handlers = healthai::TaskHandlers::of(client);
    handlers.offer<OwnModel>(
        [client](const healthai::Request<OwnModel::Broadcast>& request, std::stop_token) {
          return OwnModel::Reply{client.model(request->global)};
        });
    ranks.add(study.ids[i], std::move(handlers));
  }
  if (!ranks.coordinates()) {
    if (shows_replies(contender, flags)) {
      ranks.serve<healthai::Train<double>, healthai::Evaluate<double>, OwnModel>();
    } else {
      with_strategy(contender,
                    [&](const auto& strategy) { ranks.serve<double, OwnModel>(strategy, study.layout); });
    }
    return {};
  }
  static_cast<void>(ranks.clients());  // all are there before anything can go wrong
  const auto models_of_sites = [&](const Parameters<double>& global) -> ModelOfSite {
    if (is_personal(contender)) return ask_for_models(ranks, study.ids, global);
    return [&global](std::size_t) { return global; };
  };
  Run run;
  with_strategy(contender, [&](const auto& strategy) {
    run = coordinate(strategy, ranks,
                     {contender, flags, study, study.ids.size(), models_of_sites, watch, attack, attackers});
  });
  return run;
}

}  // namespace simulation
