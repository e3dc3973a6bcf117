#pragma once

#include <mpi.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "healthai/core/client_id.hpp"
#include "healthai/core/error.hpp"
#include "healthai/core/training.hpp"
#include "healthai/serialization/encoded_message.hpp"
#include "healthai/transport/concept.hpp"
#include "healthai/transport/in_process.hpp"
#include "healthai/transport/mpi/detail/awaited.hpp"
#include "healthai/transport/mpi/detail/broadcast.hpp"
#include "healthai/transport/mpi/detail/communicator.hpp"
#include "healthai/transport/mpi/detail/messages.hpp"
#include "healthai/transport/mpi/detail/rank_fold.hpp"
#include "healthai/transport/mpi/detail/serve_rank.hpp"
#include "healthai/transport/mpi/session.hpp"
#include "healthai/version.hpp"

namespace healthai {

/// Clients spread over the ranks of an MPI job: each rank hosts some on its own threads, and rank 0 coordinates. All ranks
/// run the same program:
///
///     MpiTransport ranks;
///     for (std::size_t i = 0; i < sites.size(); ++i) {
///       if (ranks.hosts(i)) ranks.add(sites[i].id, LocalTrainer{...});
///     }
///     if (!ranks.coordinates()) return ranks.serve(FedAvg{}, layout);      // until rank 0 is done
///     Federation federation{FedAvg{}, ranks, {.rounds = 50}};
///     auto outcome = federation.run(initial);
///
/// - **Rounds.** A Federation's synchronous round goes out by one broadcast. Each rank folds its own clients' replies by the
///   strategy's own rules, and the folds are brought together: sums up a tree, in pieces. What travels and what a rank
///   holds is a matter of the model, not of the number of clients. With ReproducibleMean the result has the bits of InProcess,
///   for any number of ranks; with WeightedMean the last bits depend on who is where.
/// - **Everything else** (evaluation, other tasks, the Buffered schedule, transports around this one such as SimulatedTime and
///   Attacked, aggregators that cannot be brought together) shows the replies to rank 0, in the order of requests as
///   InProcess does, and so has its bits.
/// - Clients that fail are values in the report. A rank that cannot go on ends the job: see `MpiSession::run`. Ranks that were
///   started with another strategy, other parameters or another version of the library are an Error (`mpi`) in the first round.
/// - Under Buffered, ranks hand on replies before rank 0 delivers them: a checkpoint takes the states of their clients as they are
///   after them.
/// - Deadlines: each rank ends its own part of a round when the time is over, and only then joins the others.
/// - Its messages go over a duplicate of the communicator, so that they never meet the application's.
///
/// Making one, and destroying it, is collective: every rank does it, in the same order if there are several.
/// Satisfies Transport, on rank 0. Thread safety: as Transport says; on the thread that initialised MPI.
class MpiTransport {
  using ClientStates = std::vector<std::pair<ClientId, std::vector<std::byte>>>;

 public:
  /// \throws Error (`mpi`) unless MPI is initialised (see MpiSession), and all ranks run the same version of the library
  explicit MpiTransport(InProcessOptions options = {}, MPI_Comm communicator = MPI_COMM_WORLD)
      : ranks_(std::make_unique<detail::Communicator>(communicator)),
        reply_memory_(options.reply_memory),
        here_(std::move(options)) {
    require_same_version();
  }
  MpiTransport(const MpiTransport&) = delete;
  MpiTransport& operator=(const MpiTransport&) = delete;
  /// On rank 0: lets the other ranks go. Where rank 0 has failed in the middle of what all ranks do together (out of memory, say),
  /// they cannot be told any more, and the job ends.
  ~MpiTransport() {
    if (!coordinates()) return;
    std::string why = "rank 0 failed while all ranks brought their updates together";
    try {
      if (!together_) {
        finish();
        return;
      }
    } catch (const std::exception& e) {
      why = std::string("the ranks cannot be told that the work is over: ") + e.what();
    }
    std::fprintf(stderr, "MpiTransport: %s\n", why.c_str());
    MPI_Abort(ranks_->get(), 1);
  }

  [[nodiscard]] int rank() const noexcept { return ranks_->rank(); }
  [[nodiscard]] int ranks() const noexcept { return ranks_->size(); }
  /// Whether this is rank 0, which runs the federation.
  [[nodiscard]] bool coordinates() const noexcept { return rank() == 0; }
  /// Whether this rank is to host client number `index`, when clients are dealt out in turn.
  [[nodiscard]] bool hosts(std::size_t index) const noexcept {
    return index % static_cast<std::size_t>(ranks()) == static_cast<std::size_t>(rank());
  }

  /// Adds a client to this rank; before rank 0 asks and the others serve. \throws Error (`invalid_id`) if this rank has one of that id
  template <class C>
  MpiTransport& add(ClientId id, C client) {
    here_.add(std::move(id), std::move(client));
    return *this;
  }

  // On all ranks but 0.

  /// Does what rank 0 asks, until it is done: trains and evaluates, and takes part in the rounds of this strategy over parameters of this
  /// layout. `More`: further tasks that the clients offer.
  /// \throws Error (`mpi`) on rank 0, and for messages that cannot be; what MPI refuses
  template <class Scalar = double, Task... More, class StrategyType>
  void serve(const StrategyType& strategy, const Layout& layout) {
    detail::RankRoundsOf<StrategyType, Scalar> rounds(*ranks_, here_, strategy, layout);
    require_other();
    detail::serve_rank<Train<Scalar>, Evaluate<Scalar>, More...>(*ranks_, here_, reply_memory_, &rounds);
  }
  /// The same for these tasks only: replies are then shown to rank 0.
  template <Task... Tasks>
  requires(sizeof...(Tasks) > 0) void serve() {
    require_other();
    detail::serve_rank<Tasks...>(*ranks_, here_, reply_memory_, nullptr);
  }

  // On rank 0.

  /// The clients of all ranks, in the order of their ids. \throws Error (`invalid_id`) if two ranks have a client of the same id
  [[nodiscard]] std::vector<ClientId> clients() {
    meet();
    std::vector<ClientId> ids;
    ids.reserve(rank_of_.size());
    for (const auto& [client, rank] : rank_of_) ids.push_back(client);
    return ids;
  }

  template <Task T>
  std::vector<RequestId> send(std::span<const ClientId> ids,
                              std::shared_ptr<const typename T::Broadcast> broadcast) {
    meet();
    auto& awaited = awaited_of<T>();
    std::vector<detail::MpiCommand> commands(static_cast<std::size_t>(ranks()));
    std::vector<ClientId> own;
    std::vector<RequestId> own_requests;
    std::vector<RequestId> requests;
    for (const ClientId& id : ids) {
      const auto found = rank_of_.find(id);
      const int rank = found == rank_of_.end() ? 0 : found->second;  // this rank says that there is none
      if (rank == 0) {
        own.push_back(id);
        own_requests.push_back(next_request_);
      } else {
        commands[static_cast<std::size_t>(rank)].requests.push_back(next_request_);
        commands[static_cast<std::size_t>(rank)].clients.push_back(id);
        elsewhere_.sent += T::bytes(*broadcast);
      }
      awaited.order.push_back({next_request_, id, rank});
      requests.push_back(next_request_++);
    }
    if (ranks() > 1 && own.size() < ids.size()) {
      const auto message = encode(broadcast);
      for (detail::MpiCommand& command : commands) {
        command.kind = detail::MpiCommand::Kind::request;
        command.task = std::string(T::name);
      }
      give(commands, *message);
    }
    const std::vector<RequestId> here = here_.template send<T>(own, std::move(broadcast));
    for (std::size_t i = 0; i < here.size(); ++i) awaited.own.push_back({own_requests[i], here[i]});
    return requests;
  }

  template <Task T>
  [[nodiscard]] std::optional<Delivery<T>> next(Deadline deadline) {
    auto& awaited = awaited_of<T>();
    detail::PatientLook look;
    while (!awaited.order.empty()) {
      const auto& first = awaited.order.front();
      if (const auto found = awaited.arrived.find(first.request); found != awaited.arrived.end()) {
        Delivery<T> delivery = std::move(found->second);
        awaited.arrived.erase(found);
        if (const auto* reply = std::get_if<typename T::Reply>(&delivery.result)) {
          if (first.rank == 0) {
            early_ -= T::bytes(*reply);
          } else {
            elsewhere_.received += T::bytes(*reply);
          }
        }
        delivery.client = first.client;
        awaited.order.pop_front();
        return delivery;
      }
      if (first.rank == 0) {
        if (!take_own<T>(awaited, deadline)) return std::nullopt;
      } else if (ranks_->probe(first.rank, detail::MpiTag::reply)) {
        receive_delivery(first.rank);
        look.reset();
      } else {
        if (!awaited.own.empty() && take_own<T>(awaited, Clock::now())) continue;
        if (Clock::now() >= deadline) return std::nullopt;
        look.pause();
      }
    }
    return std::nullopt;
  }

  template <Task T>
  void stop() {
    here_.template stop<T>();
    tell<T>(detail::MpiCommand::Kind::stop, {});
  }
  template <Task T>
  void stop(std::span<const RequestId> requests) {
    if (requests.empty()) return;  // to the other ranks none would mean all
    here_.template stop<T>(own_numbers<T>(requests));
    tell<T>(detail::MpiCommand::Kind::stop, requests);
  }
  template <Task T>
  void give_up() {
    here_.template give_up<T>();
    tell<T>(detail::MpiCommand::Kind::give_up, {});
  }
  template <Task T>
  void give_up(std::span<const RequestId> requests) {
    if (requests.empty()) return;  // to the other ranks none would mean all
    here_.template give_up<T>(own_numbers<T>(requests));
    tell<T>(detail::MpiCommand::Kind::give_up, requests);
  }

  /// Bytes of parameters to and from clients, wherever they are: what InProcess would say.
  [[nodiscard]] Traffic traffic() const noexcept {
    const Traffic own = here_.traffic();
    return {own.sent + elsewhere_.sent, own.received + elsewhere_.received - early_};
  }

  /// See InProcess: the states of the clients of all ranks.
  [[nodiscard]] ClientStates client_states() {
    meet();
    ClientStates states = here_.client_states();
    each_other_rank([&](int rank) {
      ranks_->send_value(rank, detail::MpiTag::command,
                         detail::MpiCommand{.kind = detail::MpiCommand::Kind::states});
    });
    each_other_rank([&](int rank) {
      for (auto& state : ranks_->receive_value<ClientStates>(rank, detail::MpiTag::state))
        states.push_back(std::move(state));
    });
    std::sort(states.begin(), states.end());
    return states;
  }
  /// \throws Error (`unknown_name`) for a client that is on no rank, (`archive_*`)
  void restore_client_states(std::span<const ClientStates::value_type> states) {
    meet();
    std::vector<ClientStates> of_rank(static_cast<std::size_t>(ranks()));
    for (const auto& state : states) {
      const auto found = rank_of_.find(state.first);
      of_rank[static_cast<std::size_t>(found == rank_of_.end() ? 0 : found->second)].push_back(state);
    }
    here_.restore_client_states(of_rank.front());
    each_other_rank([&](int rank) {
      ranks_->send_value(rank, detail::MpiTag::command,
                         detail::MpiCommand{.kind = detail::MpiCommand::Kind::restore});
      ranks_->send_value(rank, detail::MpiTag::state, of_rank[static_cast<std::size_t>(rank)]);
    });
  }

  /// A training round, folded where the clients are: see `detail::FoldsReplies`.
  /// \throws Error (`mpi`) if a rank runs another strategy or has other parameters
  template <class StrategyType, class Scalar>
  [[nodiscard]] std::optional<std::vector<Failure>> fold(
      detail::Fold<StrategyType, Scalar>& fold, std::span<const ClientId> ids,
      std::shared_ptr<const TrainBroadcast<Scalar>> broadcast, const detail::Patience& patience,
      const std::stop_token& stop, detail::DecompressedBytes& bytes) {
    meet();
    const Layout layout = broadcast->parameters.layout();
    const Sharing sharing = detail::how_shared<StrategyType, Scalar>(fold.strategy());
    if (sharing == Sharing::none) {
      return detail::gather<Train<Scalar>>(*this, ids, std::move(broadcast), patience, stop,
                                           [&](const ClientId& client, TrainReply<Scalar> reply) {
                                             return detail::take_reply(fold, layout, client, std::move(reply),
                                                                       1, bytes);
                                           });
    }
    const std::vector<ClientId> own =
        ask_for_round<Scalar>(fold.strategy().describe(), ids, broadcast, patience, stop.stop_possible());
    detail::MpiFolded total;
    std::exception_ptr failed;  // here, which the others have to hear of before it goes on its way
    try {
      total = detail::fold_here(here_, fold, own, std::move(broadcast), patience, stop);
    } catch (...) {
      failed = std::current_exception();
      total.interrupted = true;
    }
    const bool called_off = add_reports(fold, total, stop);
    bytes.before += total.compressed;
    bytes.after += total.decompressed;

    detail::MpiGo go{.go = total.error.empty() && !total.interrupted && !fold.contributors().empty(),
                     .called_off = called_off};
    if (go.go && sharing == Sharing::slices) {
      go.weighted = fold.weighted();
      fold.each_reply([&](const detail::FoldedReply& reply) {
        go.ranks.push_back(rank_of_.at(reply.client));
        go.weights.push_back(reply.weight);
      });
    }
    each_other_rank([&](int rank) { ranks_->send_value(rank, detail::MpiTag::go, go); });
    if (failed) std::rethrow_exception(failed);
    if (!total.error.empty()) throw Error(error::mpi, total.error);
    if (total.interrupted) return std::nullopt;
    if (go.go) {
      together_ = true;
      detail::bring_together(*ranks_, fold, layout, go);
      together_ = false;
    }
    fold.contributors().clear();  // in the order of their ids, as from one process
    fold.each_reply(
        [&fold](const detail::FoldedReply& reply) { fold.contributors().push_back(reply.client); });
    std::sort(total.failures.begin(), total.failures.end(),
              [](const Failure& a, const Failure& b) { return a.client < b.client; });
    return std::move(total.failures);
  }

 private:
  /// All ranks at once, before anything is read that another version might have written.
  void require_same_version() const {
    char text[64] = {};
    std::string_view(HEALTHAI_VERSION_STRING).copy(text, sizeof text - 1);
    char first[sizeof text];
    std::copy(std::begin(text), std::end(text), std::begin(first));
    detail::require_mpi(MPI_Bcast(first, sizeof first, MPI_CHAR, 0, ranks_->get()), "MPI_Bcast");
    int same = std::equal(std::begin(text), std::end(text), std::begin(first)) ? 1 : 0, all = 0;
    detail::require_mpi(MPI_Allreduce(&same, &all, 1, MPI_INT, MPI_MIN, ranks_->get()), "MPI_Allreduce");
    if (all == 0) {
      throw Error(error::mpi, "the ranks run different versions of healthai: rank 0 has " +
                                  std::string(first) + ", rank " + std::to_string(rank()) + " has " + text +
                                  "; start the same program on all of them");
    }
  }

  void require_other() const {
    if (coordinates())
      throw Error(error::mpi, "rank 0 coordinates: it runs the federation and does not serve");
  }

  template <class Use>
  void each_other_rank(Use use) const {
    for (int rank = 1; rank < ranks(); ++rank) use(rank);
  }

  /// Hears from all ranks who their clients are, once.
  void meet() {
    if (!coordinates()) {
      throw Error(error::mpi,
                  "rank " + std::to_string(rank()) +
                      " was used like the coordinator, which is rank 0; the other ranks call serve");
    }
    if (std::exchange(met_, true)) return;
    clients_of_.push_back(here_.clients());
    for (const ClientId& client : clients_of_.front()) rank_of_.emplace(client, 0);
    each_other_rank([&](int rank) {
      clients_of_.push_back(ranks_->receive_value<detail::MpiHello>(rank, detail::MpiTag::hello).clients);
      for (const ClientId& client : clients_of_.back()) {
        const auto [place, is_new] = rank_of_.emplace(client, rank);
        if (is_new) continue;
        throw Error(error::invalid_id,
                    "client " + place->first.str() + " is on rank " + std::to_string(place->second) +
                        " and on rank " + std::to_string(rank) +
                        "; add each client on one rank, such as those that hosts(index) tells");
      }
    });
  }
  template <Task T>
  [[nodiscard]] detail::AwaitedOf<T>& awaited_of() {
    std::unique_ptr<detail::Awaited>& awaited = awaited_[T::name];
    if (!awaited) awaited = std::make_unique<detail::AwaitedOf<T>>();
    return static_cast<detail::AwaitedOf<T>&>(*awaited);
  }

  /// Commands to all ranks, each its own, and a broadcast to all.
  void give(std::vector<detail::MpiCommand>& commands, const EncodedMessage& message) const {
    each_other_rank([&](int rank) {
      detail::MpiCommand& command = commands[static_cast<std::size_t>(rank)];
      command.head = message.head.size();
      command.arrays = message.array_bytes();
      ranks_->send_value(rank, detail::MpiTag::command, command);
    });
    detail::give_broadcast(*ranks_, message);
  }

  template <Task T>
  void tell(detail::MpiCommand::Kind kind, std::span<const RequestId> requests) {
    std::vector<detail::MpiCommand> commands(static_cast<std::size_t>(ranks()));
    for (const auto& entry : awaited_of<T>().order) {
      if (std::find(requests.begin(), requests.end(), entry.request) != requests.end())
        commands[static_cast<std::size_t>(entry.rank)].requests.push_back(entry.request);
    }
    each_other_rank([&](int rank) {
      detail::MpiCommand& command = commands[static_cast<std::size_t>(rank)];
      if (!requests.empty() && command.requests.empty()) return;
      command.kind = kind;
      command.task = std::string(T::name);
      ranks_->send_value(rank, detail::MpiTag::command, command);
    });
  }
  template <Task T>
  [[nodiscard]] std::vector<RequestId> own_numbers(std::span<const RequestId> requests) {
    std::vector<RequestId> here;
    for (const auto& number : awaited_of<T>().own) {
      if (std::find(requests.begin(), requests.end(), number.request) != requests.end())
        here.push_back(number.here);
    }
    return here;
  }

  /// The next reply of this rank's own clients. \return whether there was one before the deadline
  template <Task T>
  bool take_own(detail::AwaitedOf<T>& awaited, Deadline deadline) {
    auto delivery = here_.template next<T>(deadline);
    if (!delivery) return false;
    delivery->request = awaited.own.front().request;  // they come in the order of requests
    awaited.own.pop_front();
    if (const auto* reply = std::get_if<typename T::Reply>(&delivery->result)) early_ += T::bytes(*reply);
    awaited.arrived.emplace(delivery->request, std::move(*delivery));
    return true;
  }
  void receive_delivery(int from) {
    const std::vector<std::byte> bytes = ranks_->receive_message(from, detail::MpiTag::reply);
    detail::MpiDelivery delivery{.from = from};
    std::memcpy(&delivery.arrays, bytes.data(), sizeof delivery.arrays);
    delivery.archive = std::span(bytes).subspan(sizeof delivery.arrays);
    SpanSource source(delivery.archive);
    BinaryReader reader(source);
    reader >> delivery.head;
    awaited_.at(delivery.head.task)->receive(*ranks_, delivery);
  }

  /// \return the clients of this rank that are asked
  template <class Scalar>
  [[nodiscard]] std::vector<ClientId> ask_for_round(
      const std::string& strategy, std::span<const ClientId> ids,
      const std::shared_ptr<const TrainBroadcast<Scalar>>& broadcast, const detail::Patience& patience,
      bool interruptible) const {
    std::vector<detail::MpiCommand> commands(static_cast<std::size_t>(ranks()));
    const bool all = std::equal(ids.begin(), ids.end(), rank_of_.begin(), rank_of_.end(),
                                [](const ClientId& id, const auto& known) { return id == known.first; });
    std::vector<ClientId> own;
    if (all) {
      own = clients_of_.front();
    } else {
      for (const ClientId& id : ids) {
        const auto found = rank_of_.find(id);
        const int rank = found == rank_of_.end() ? 0 : found->second;
        (rank == 0 ? own : commands[static_cast<std::size_t>(rank)].clients).push_back(id);
      }
    }
    if (ranks() == 1) return own;
    for (detail::MpiCommand& command : commands) {
      command.kind = detail::MpiCommand::Kind::fold;
      command.task = std::string(Train<Scalar>::name);
      command.all_clients = all;
      command.strategy = strategy;
      if (patience.deadline) command.patience_ms = static_cast<std::uint64_t>(patience.deadline->count());
      command.grace_ms = static_cast<std::uint64_t>(patience.grace.count());
      command.interruptible = interruptible;
    }
    give(commands, *encode(broadcast));
    return own;
  }
  /// Waits until every rank has said how the round went there. \return whether they were told that it is called off
  template <class Fold>
  [[nodiscard]] bool add_reports(Fold& fold, detail::MpiFolded& total, const std::stop_token& stop) {
    bool called_off = false;
    const auto call_off = [&] {
      if (called_off || !(total.interrupted || stop.stop_requested())) return;
      called_off = total.interrupted = true;
      each_other_rank([&](int rank) { ranks_->send_value(rank, detail::MpiTag::interrupt, true); });
    };
    detail::PatientLook look;
    for (int waiting = ranks() - 1; waiting > 0;) {
      call_off();
      const auto from = ranks_->probe(MPI_ANY_SOURCE, detail::MpiTag::folded);
      if (!from) {
        look.pause();
        continue;
      }
      look.reset();
      --waiting;
      auto report = ranks_->receive_value<detail::MpiFolded>(*from, detail::MpiTag::folded);
      if (!report.error.empty() && total.error.empty())
        total.error = "rank " + std::to_string(*from) + " " + report.error;
      std::move(report.failures.begin(), report.failures.end(), std::back_inserter(total.failures));
      report.replies.each(clients_of_[static_cast<std::size_t>(*from)], [&](detail::FoldedReply&& reply) {
        fold.add_folded(std::move(reply), report.weighted);
      });
      elsewhere_.sent += report.sent;
      elsewhere_.received += report.received;
      total.compressed += report.compressed;
      total.decompressed += report.decompressed;
      total.interrupted |= report.interrupted;
    }
    return called_off;
  }

  /// Lets the other ranks go, and drops what they still send.
  void finish() {
    meet();
    each_other_rank(
        [&](int rank) { ranks_->send_value(rank, detail::MpiTag::command, detail::MpiCommand{}); });
    each_other_rank([&](int rank) {
      detail::PatientLook look;
      while (!ranks_->probe(rank, detail::MpiTag::hello)) {  // their goodbye
        if (ranks_->probe(rank, detail::MpiTag::reply)) {
          receive_delivery(rank);
        } else {
          look.pause();
        }
      }
      static_cast<void>(ranks_->receive_message(rank, detail::MpiTag::hello));
    });
  }

  std::unique_ptr<detail::Communicator> ranks_;
  std::size_t reply_memory_;
  InProcess here_;  // the clients of this rank
  std::map<ClientId, int> rank_of_{};
  std::vector<std::vector<ClientId>> clients_of_{};  // of each rank, in the order of their ids
  std::map<std::string_view, std::unique_ptr<detail::Awaited>> awaited_{};
  Traffic elsewhere_{};      // to and from the clients of other ranks
  std::uint64_t early_ = 0;  // from this rank's own clients, before their turn
  RequestId next_request_ = 1;
  bool met_ = false;
  bool together_ = false;  // all ranks are bringing a round together
};

}  // namespace healthai
