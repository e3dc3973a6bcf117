#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "healthai/client/node/audit_log.hpp"
#include "healthai/client/node/policy.hpp"
#include "healthai/client/node/quota.hpp"
#include "healthai/client/node/reply_store.hpp"
#include "healthai/client/node/request_facts.hpp"
#include "healthai/crypto/sha256.hpp"
#include "healthai/privacy/ledger.hpp"
#include "healthai/serialization/detail/os_file.hpp"
#include "healthai/transport/socket/task_service.hpp"

namespace healthai {

/// What a Node needs to know besides its client.
struct NodeOptions {
  Policy policy{};            ///< denies everything unless it was read from a file, or filled in
  NodeFacts facts{};          ///< of the data and of the client: what the policy's limits are compared with
  std::string coordinator{};  ///< the host that its certificate names, as in SocketClientOptions::host
  /// A folder of the node's own for replies and counts, which must survive a restart. Empty: they do not.
  std::string state_folder{};
  /// Where to write down what was asked and what left; null: nowhere. Shared with whoever reads its head.
  std::shared_ptr<AuditLog> audit{};
  /// While a file of this name exists, every request is refused (see also StopFile). Empty: none.
  std::string stop_file{};
  /// Nothing leaves: requests are judged, and answered as far as the encoded reply, which `preview` is shown instead.
  bool dry_run = false;
  /// Called with what would have left in a dry run, and with what leaves otherwise.
  std::function<void(const RequestFacts& request, const EncodedMessage& reply)> preview{};
  /// What one answer spends of the privacy of this node's data, for each task that is answered with noise, by name:
  /// {"train.f64", trainer.mechanism()}. Such a request, masked or not, is debited from `ledger` before the data are touched, or refused.
  /// Under the policy's require_dp every other task is refused, scaling and evaluation too. The client must not debit by itself then.
  std::map<std::string, Mechanism> spends{};
  /// Shared with whoever reads its head; null: no task counts as private. \see account
  std::shared_ptr<BudgetLedger> ledger{};
  BudgetAccount account{};  ///< of the ledger, from which is debited
  /// From which secure sums are debited whose terms have all members add noise, what these terms say: of a unit that is this whole hospital;
  /// or, with the name "patient", one patient. Sums whose noise is for the other unit do not count as private and are debited from nothing, so
  /// that `SecureMember::rules.unit` must say the same unit: it refuses the others.
  /// They are debited in step 3, and anew if a sum is begun anew. Left out, no secure sum counts as private under require_dp, whatever noise
  /// the client adds by itself. `SecureMember::rules.debit` must not be set then.
  std::optional<BudgetAccount> sum_account{};
  /// Where the policy demands a person's approval: asks for it, or looks it up (see ApprovedRuns). Null: nothing is approved.
  std::function<bool(const RequestFacts& request)> approve{};
};

/// A hospital's end of a federation: its client's tasks, under its policy. For each request, in this order: the stop file; the
/// reply that it already gave, if it is the same request; approval, policy and counts; then training; then the reply and the
/// client's state on disk; then the audit log; and only then does the reply leave. Whatever fails on the way is a refusal that the
/// coordinator reports with its reason, and leaves the client's state as it was. What a request spends of the privacy budget is in the
/// ledger before training, and stays spent.
///
///     Node node{"north", TaskHandlers::of(LocalTrainer{...}), {.policy = Policy::read("policy.json"), ...}};
///     serve(node, {.host = "fl.example.org", .port = 7443, .tls = files});
///
/// A task whose broadcast has no RoundId is answered anew each time; its handler must not change the client's state.
///
/// **Secure sums** (handlers of `secagg::secure_handlers`, named to the node by `secagg::serve_secure`) are judged, approved and counted
/// once, at their first step, as a request for their work. The later steps go on with it; each of their replies is kept and written down
/// like any other before it leaves. The stop file and a dry run hold in every step.
///
/// See Service for threads.
class Node final : public TaskService {
 public:
  /// Puts the client back into the state it had when the last process ended.
  /// \throws Error (`file`, `archive_*`) when state_folder holds what cannot be read, (`invalid_argument`) for an account or a mechanism that is none
  Node(ClientId id, TaskHandlers client, NodeOptions options)
      : TaskService(std::move(id), std::move(client)),
        options_(std::move(options)),
        replies_(in_state_folder("replies")),
        quota_(in_state_folder("quota")) {
    if (options_.ledger) {
      if (!options_.spends.empty()) options_.account.validate();
      for (const auto& [task, mechanism] : options_.spends) mechanism.validate();
      if (options_.sum_account) options_.sum_account->validate();
    }
    if (const auto state = replies_.state()) handlers().restore(*state);
  }

  [[nodiscard]] const Policy& policy() const noexcept { return options_.policy; }
  /// Of the audit log, for the coordinator to keep (see `verify_audit_log`).
  [[nodiscard]] std::optional<AuditAnchor> audit_anchor() const override {
    if (!options_.audit) return std::nullopt;
    const AuditHead head = options_.audit->head();
    return AuditAnchor{head.count, head.hash};
  }

 private:
  std::shared_ptr<const EncodedMessage> answer(Exchange& exchange, std::stop_token stop) override {
    RequestFacts request = exchange.facts();
    request.coordinator = options_.coordinator;
    exchange.key = request.key();
    const RequestKey& key = exchange.key;
    if (!options_.stop_file.empty() && detail::file_exists(options_.stop_file)) {
      refuse(request,
             {"this node has ended its participation", "the stop file " + options_.stop_file + " exists"});
    }
    // A task without rounds, such as a sum of columns, changes nothing and is answered anew each time.
    const bool in_a_run = request.run != 0;
    if (const auto bytes = in_a_run && !options_.dry_run ? replies_.find(key) : nullptr) {
      note({.what = "reply sent again", .request = key, .bytes = bytes->size(), .digest = sha256(*bytes)});
      return from_stored(bytes);
    }
    if (in_a_run && replies_.forgotten(key)) {
      refuse(request, {"this request was answered before, and its reply is kept no longer", ""});
    }
    if (request.secure_step > 1) {
      require_admitted(request);
      if (uses_data(request)) debit(*admitted_);
    } else {
      admit(request);
    }

    const std::vector<std::byte> before = handlers().state();
    try {
      const auto reply = exchange.handle(std::move(stop), options_.policy.metrics);
      if (options_.preview) options_.preview(request, *reply);
      if (options_.dry_run) {
        refuse(request, {"this node is in a dry run, from which nothing leaves", ""});
      }
      keep(request, *reply, before, in_a_run);
      if (request.secure_step == 1) admitted_ = request;
      return reply;
    } catch (const Error& e) {
      handlers().restore(before);
      if (e.id() == error::disclosure) {
        note({.what = "request refused", .request = key, .verdict = "refused", .reason = e.what()});
      } else if (e.id() != error::refused) {
        note_failure(key, e.what());
      }
      throw;
    } catch (const std::exception& e) {
      handlers().restore(before);
      note_failure(key, e.what());
      throw;
    } catch (...) {
      handlers().restore(before);
      note_failure(key, "an exception that is no std::exception");
      throw;
    }
  }
  void accepted(Exchange& exchange) override { replies_.accepted(exchange.key); }
  void discarded(Exchange& exchange) override {
    if (const auto state = replies_.discarded(exchange.key)) handlers().restore(*state);
    note({.what = "reply discarded by the coordinator", .request = exchange.key});
  }

  /// Judges it, counts it, debits what it spends if it is answered at once, and writes down that it was allowed. \throws Error (`refused`)
  void admit(RequestFacts& request) {
    if (request.secure_step == 1) admitted_.reset();
    require_own_opener(request);
    if (options_.policy.manual_approval && options_.approve) request.approved = options_.approve(request);
    request.differential_privacy =
        request.secure_step == 0 ? client_adds_noise(request) : sum_has_noise(request);
    if (const auto refusal = options_.policy.judge(request, options_.facts, quota_))
      refuse(request, *refusal);
    require_debited(request);
    quota_.count(request);
    if (uses_data(request)) debit(request);
    AuditEvent event{.what = "request allowed",
                     .request = request.key(),
                     .rows = options_.facts.rows,
                     .verdict = "allowed"};
    if (request.threshold) event.more["threshold"] = *request.threshold;
    if (!request.opener.empty()) event.more["opener"] = request.opener;
    note(std::move(event));
  }
  /// Terms that say who opens the sum must mean whom this node is connected to, as its certificate shows. \throws Error (`refused`)
  void require_own_opener(const RequestFacts& request) {
    if (request.opener.empty()) return;
    if (request.opener.size() > 253)
      refuse(
          request,
          {"the terms of this secure sum name who opens it by more than the 253 characters of a host's name",
           ""});
    if (options_.coordinator.empty()) return;
    std::string own = options_.coordinator;
    for (char& c : own) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    if (request.opener == own) return;
    refuse(request,
           {"the terms of this secure sum name another who opens it than the coordinator that this node is "
            "connected to",
            "they name \"" + request.opener + "\", and it is connected to \"" + own + "\""});
  }
  /// Noise for another unit than that of the account would be put into a sum and be in no ledger. \throws Error (`refused`)
  void require_debited(const RequestFacts& request) {
    if (request.secure_step != 1 || !options_.ledger || !options_.sum_account || !request.sum_noise ||
        sum_has_noise(request))
      return;
    refuse(request, {"the noise of this secure sum is for another unit than that of this node's budget",
                     "the account of sums is in the unit \"" + options_.sum_account->unit + "\""});
  }
  /// A later step of a secure sum is no request of its own: it must go on with the one that was allowed last. A node that was started anew in
  /// between does not use its data for a request that it has not judged, but may still confirm and open what it handed in before.
  /// \throws Error (`refused`)
  void require_admitted(const RequestFacts& request) {
    if (admitted_ ? admitted_->run == request.run && admitted_->round == request.round &&
                        admitted_->attempt == request.attempt
                  : !uses_data(request))
      return;
    refuse(request, {"this step of a secure sum goes on with no request that this node has allowed", ""});
  }
  /// Whether what it answers is made from the data: of the steps of a secure sum one only.
  [[nodiscard]] static bool uses_data(const RequestFacts& request) noexcept {
    return request.secure_step == 0 || request.secure_step == 3;
  }
  /// Empty without a state folder, which is made if it is not there.
  [[nodiscard]] std::string in_state_folder(const std::string& name) const {
    if (options_.state_folder.empty()) return {};
    detail::make_folder(options_.state_folder);
    return options_.state_folder + "/" + name;
  }
  /// On disk, then in the log: after that it may leave.
  void keep(const RequestFacts& request, const EncodedMessage& reply, std::span<const std::byte> before,
            bool in_a_run) {
    const RequestKey key = request.key();
    const auto head_size = detail::to_little_endian(static_cast<std::uint64_t>(reply.head.size()));
    std::vector<std::span<const std::byte>> pieces{head_size, reply.head};
    pieces.insert(pieces.end(), reply.arrays.begin(), reply.arrays.end());
    Sha256 digest;
    std::uint64_t bytes = 0;
    for (const auto& piece : pieces) {
      digest.update(piece);
      bytes += piece.size();
    }
    if (in_a_run) replies_.commit(key, pieces, before, handlers().state());
    try {
      note({.what = "reply sent",
            .request = key,
            .rows = uses_data(request) ? std::optional(options_.facts.rows) : std::nullopt,
            .bytes = bytes,
            .digest = digest.finish()});
    } catch (...) {
      if (in_a_run) static_cast<void>(replies_.discarded(key));
      throw;
    }
  }
  static std::shared_ptr<const EncodedMessage> from_stored(
      const std::shared_ptr<const ReplyStore::Bytes>& bytes) {
    auto message = std::make_shared<EncodedMessage>();
    SpanSource source(*bytes);
    BinaryReader reader(source);
    std::uint64_t head = 0;
    reader >> head;
    reader.require(static_cast<std::size_t>(head), 1);
    const std::span<const std::byte> rest = std::span(*bytes).subspan(sizeof head);
    message->head.assign(rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(head));
    if (rest.size() > head) message->arrays.push_back(rest.subspan(static_cast<std::size_t>(head)));
    message->value = bytes;
    return message;
  }

  [[nodiscard]] bool client_adds_noise(const RequestFacts& request) const {
    return options_.ledger && options_.spends.contains(request.task);
  }
  [[nodiscard]] bool sum_has_noise(const RequestFacts& request) const {
    return options_.ledger && options_.sum_account && request.sum_noise &&
           (options_.sum_account->unit == "patient") == request.sum_noise_for_patients;
  }
  /// What it costs to use the data for this: the client's own noise, masked or not, and that of the sum. On disk when it returns; a reply
  /// that is given again costs nothing, as it is the same.
  void debit(const RequestFacts& request) {
    if (options_.dry_run) return;
    if (client_adds_noise(request)) debit(request, options_.account, options_.spends.at(request.task));
    if (sum_has_noise(request)) debit(request, *options_.sum_account, *request.sum_noise);
  }
  void debit(const RequestFacts& request, const BudgetAccount& account, const Mechanism& mechanism) {
    try {
      static_cast<void>(options_.ledger->debit(account, mechanism,
                                               request.task + " of run " + std::to_string(request.run) +
                                                   ", round " + std::to_string(request.round) + ", for " +
                                                   request.coordinator));
    } catch (const Error& e) {
      refuse(request, {"its privacy budget does not allow this request", e.what()});
    }
  }
  [[noreturn]] void refuse(const RequestFacts& request, const Refusal& refusal) {
    note({.what = "request refused",
          .request = request.key(),
          .verdict = "refused",
          .reason = refusal.detail.empty() ? refusal.sentence : refusal.detail});
    throw Error(error::refused, "client " + id().str() + " refuses: " + refusal.sentence);
  }
  void note(AuditEvent event) {
    if (!options_.audit) return;
    event.who = options_.coordinator;
    options_.audit->append(event);
  }
  void note_failure(const RequestKey& key, const std::string& what) {
    try {
      note({.what = "request failed", .request = key, .reason = what});
    } catch (const Error&) {  // the failure itself is what the coordinator hears of
    }
  }

  NodeOptions options_;
  ReplyStore replies_;
  Quota quota_;
  std::optional<RequestFacts> admitted_{};  // the secure sum that may go on
};

}  // namespace healthai
