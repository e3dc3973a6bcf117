// The coordinator of a survival study (Cox) between hospitals, each of which runs `hospital_node`.
//
//     bash examples/three_hospitals.sh                                    three hospitals on this machine, end to end
//     bash examples/run.sh coordinator --config study.toml --check       is everything in order?
#include <cstdio>
#include <exception>

#include "coordinator/flags.hpp"
#include "coordinator/live_status.hpp"
#include "coordinator/rehearsal.hpp"
#include "coordinator/result.hpp"
#include "healthai/aggregation/reproducible_mean.hpp"
#include "healthai/data/column_moments.hpp"
#include "healthai/healthai.hpp"
#include "healthai/reporting/progress.hpp"
#include "healthai/server/federated_learning_rate.hpp"
#include "healthai/server/federated_scaling.hpp"
#include "healthai/transport/socket/server.hpp"
#include "no_core_dumps.hpp"

using namespace healthai;

namespace {

void require_everyone(const SocketServer& hospitals, const coordinator::Flags& flags) {
  std::fprintf(stderr, "listening at port %u; waiting for %zu hospitals\n", hospitals.port(), flags.clients);
  if (hospitals.wait_for_clients(flags.clients, std::chrono::seconds(flags.wait_seconds))) return;
  throw Error(error::no_clients, "only " + std::to_string(hospitals.clients().size()) + " of " +
                                     std::to_string(flags.clients) + " hospitals came within " +
                                     std::to_string(flags.wait_seconds) + " s");
}

/// The study, over whatever connects the hospitals: `observer` sees the rounds.
template <class Transport, class Strategy, class Observer>
void study(const coordinator::Flags& flags, Transport& hospitals, Strategy strategy, Observer&& observer) {
  // Sums of columns, then one scaling for all, then a step that cannot overshoot: no record leaves a hospital.
  const Scaling scaling = federated_scaling(hospitals, flags.covariates);
  const double patients = standardise(hospitals, scaling);
  const double rate = flags.learning_rate ? *flags.learning_rate : federated_learning_rate(hospitals);

  Federation federation{strategy,
                        hospitals,
                        {.rounds = flags.rounds,
                         .seed = flags.seed,
                         .training = {.local_steps = flags.local_steps, .learning_rate = rate},
                         .quorum = flags.quorum == 0 ? flags.clients : flags.quorum,
                         .deadline = flags.deadline(),
                         .tolerance = flags.tolerance,
                         .checkpoint = flags.checkpoint,
                         .resume = flags.resume,
                         .keep_history = false}};
  const Parameters<double> zero(CoxModel<double>::layout_for(flags.covariates.size()));
  const auto outcome = federation.run(zero, observer);
  coordinator::tell(flags, scaling.to_original(outcome.parameters.span()), patients, outcome.completed_rounds,
                    outcome.message);
  if (!outcome.message.empty()) throw Error(error::below_quorum, outcome.message);
}

template <class Strategy>
void run(const coordinator::Flags& flags, Strategy strategy) {
  if (!flags.rehearse.empty()) {
    InProcess hospitals = coordinator::rehearsal(flags);
    return study(flags, hospitals, strategy, ProgressBar{});
  }
  SocketServer hospitals{over_network::server_options(flags)};
  require_everyone(hospitals, flags);
  study(flags, hospitals, strategy, coordinator::LiveStatus{hospitals, flags.rounds, flags.anchors});
  hospitals.finish();  // the nodes hear that it is over, and do not come back
}

}  // namespace

int main(int argc, char** argv) {
  no_core_dumps();
  coordinator::Flags flags;
  if (const auto status = coordinator::parse(argc, argv, flags)) return *status;
  try {
    if (flags.check) return coordinator::check(flags);
    // The reproducible mean: the same bits whatever the order in which hospitals answer.
    if (flags.strategy == "fedprox") {
      run(flags, BasicFedProx<ReproducibleMean>{.mu = flags.proximal_mu});
    } else {
      run(flags, BasicFedAvg<ReproducibleMean>{});
    }
  } catch (const std::exception& e) {
    std::fprintf(stderr, "coordinator: %s\n", e.what());
    return 2;
  }
  return 0;
}
