#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "healthai/core/client_id.hpp"
#include "healthai/core/error.hpp"
#include "healthai/core/task.hpp"
#include "healthai/transport/in_process.hpp"
#include "healthai/transport/mpi/detail/communicator.hpp"
#include "healthai/transport/mpi/detail/messages.hpp"
#include "healthai/transport/mpi/detail/outbox.hpp"
#include "healthai/transport/mpi/detail/rank_fold.hpp"
#include "healthai/transport/mpi/detail/rank_task.hpp"

namespace healthai::detail {

using RankTasks = std::map<std::string_view, std::unique_ptr<RankTask>>;

/// Does one thing that rank 0 asks. \throws Error (`mpi`) for what this rank does not serve
inline void obey(const MpiCommand& command, const Communicator& ranks, InProcess& clients,
                 const RankTasks& tasks, RankRounds* rounds) {
  using Kind = MpiCommand::Kind;
  using ClientStates = std::vector<std::pair<ClientId, std::vector<std::byte>>>;
  const auto refuse = [&ranks](const std::string& what) {
    throw Error(error::mpi, "rank " + std::to_string(ranks.rank()) + " " + what);
  };
  if (command.kind == Kind::states) return ranks.send_value(0, MpiTag::state, clients.client_states());
  if (command.kind == Kind::restore)
    return clients.restore_client_states(ranks.receive_value<ClientStates>(0, MpiTag::state));
  if (command.kind == Kind::fold) {
    if (rounds == nullptr) {
      refuse("serves tasks only, but rank 0 runs rounds of " + command.strategy +
             "; call serve(strategy, layout) in place of serve<Tasks...>()");
    }
    return rounds->round(command);
  }
  const auto task = tasks.find(command.task);
  if (task == tasks.end())
    refuse("does not serve the task " + command.task + "; name it in serve<Tasks...>()");
  if (command.kind == Kind::request) return task->second->request(command);
  if (command.kind == Kind::stop) return task->second->stop(command);
  task->second->give_up(command);
}

/// A rank other than 0: does what rank 0 asks of its clients until it says that the work is over.
/// \param reply_memory  about how many bytes of replies may be on their way
/// \param rounds  null: none
template <Task... Tasks>
void serve_rank(const Communicator& ranks, InProcess& clients, std::size_t reply_memory, RankRounds* rounds) {
  Outbox outbox(ranks, reply_memory);
  RankTasks tasks;
  (tasks.emplace(Tasks::name, std::make_unique<RankTaskOf<Tasks>>(ranks, clients, outbox)), ...);
  ranks.send_value(0, MpiTag::hello, MpiHello{clients.clients()});
  PatientLook look;
  for (;;) {
    bool busy = false;
    if (ranks.probe(0, MpiTag::command)) {
      const auto command = ranks.receive_value<MpiCommand>(0, MpiTag::command);
      if (command.kind == MpiCommand::Kind::finish) break;
      obey(command, ranks, clients, tasks, rounds);
      busy = true;
    }
    for (const auto& [name, task] : tasks) busy |= task->hand_on();
    if (busy) {
      look.reset();
    } else {
      look.pause();
    }
  }
  while (!outbox.empty()) look.pause();
  ranks.send_value(0, MpiTag::hello, MpiHello{});  // goodbye
}

}  // namespace healthai::detail
