#pragma once

#include <compare>
#include <functional>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "healthai/client/node/audit_log.hpp"
#include "healthai/core/error.hpp"
#include "healthai/privacy/mechanism.hpp"

namespace healthai {

/// Whose privacy is spent: those of one kind (`unit`: "patient", "hospital") in one set of data. Names are of [a-z0-9_-]{1,64}. Give the
/// same data the same name in all runs and for all coordinators; a second name would be a second budget.
struct BudgetAccount {
  std::string data_set{};
  std::string unit{};
  friend auto operator<=>(const BudgetAccount&, const BudgetAccount&) = default;

  /// \throws Error (`invalid_argument`) for a name with other letters or of another length
  void validate() const {
    for (const std::string& name : {data_set, unit}) {
      const bool good = name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_-") == std::string::npos;
      if (good && !name.empty() && name.size() <= 64) continue;
      throw Error(error::invalid_argument,
                  "a privacy budget: the name of a data set or unit is 1 to 64 of a-z, 0-9, _ and -, not \"" +
                      name.substr(0, 100) + "\"");
    }
  }
};

/// What has been spent of the privacy of a hospital's data, across all runs, coordinators and restarts: the mechanisms that were
/// applied, not sums of epsilon, so that an accountant can compose them all.
///
///     BudgetLedger ledger("budget.jsonl", SigningKey::read_or_make("budget.key"), within_budget);
///     ledger.debit({"icu-2026", "patient"}, trainer.mechanism(), "trial-7");     // throws: then do not touch the data
///     ... train, release ...
///
/// A debit is on disk when `debit` returns, so release only after that: whatever is killed at whatever instant, what was released has
/// been noted. What was noted and not released stays spent: there are no refunds, since nobody can prove that nothing leaked.
/// A training that is refused by the budget is one that never looked at the data.
///
/// The file is an AuditLog of its own (a line of JSON an entry, with hash and signature): what is changed in it shows, a last line that was torn by a
/// loss of power is cut off when it is opened, a lock keeps other processes out. What shows nowhere in it is that
/// it was replaced by an older copy, or deleted: so keep `head()` elsewhere (a coordinator does, of its nodes' audit logs), and give it
/// as `anchor` when opening.
///
/// Reached from this header only, as it needs OpenSSL and JSON (component `socket`). Any thread may call.
class BudgetLedger {
 public:
  /// Whether so much may be spent of an account: all that was before, and the one that is asked for. It is called with a lock held, and must
  /// not call the ledger.
  using Limit = std::function<bool(const BudgetAccount&, std::span<const Mechanism>)>;

  /// Opens the ledger, or begins one (its folder must exist).
  /// \param anchor a head that it once had: it must still have that entry
  /// \throws Error (`file`) also when another process has it open; (`audit_log`) when it was changed, is of another key or program,
  ///   or older than the anchor; (`invalid_argument`) without a limit
  BudgetLedger(std::string path, SigningKey key, Limit limit, std::optional<AuditHead> anchor = {})
      : limit_(std::move(limit)), log_(std::move(path), std::move(key), {.rotate_at = 0}) {
    if (!limit_) throw Error(error::invalid_argument, "a privacy budget needs a limit, and none was given");
    read(anchor);
  }

  /// Notes an expense; on disk when it returns. \param purpose for people: the run, or who asked; cut after 1000 bytes
  /// \returns the new head
  /// \throws Error (`privacy_budget`) if the limit does not allow it, (`file`) if it could not be written; what the limit throws. Then nothing
  ///   was spent, and nothing may be released. (`invalid_argument`) for a bad name or mechanism
  AuditHead debit(const BudgetAccount& account, const Mechanism& mechanism, const std::string& purpose = {}) {
    account.validate();
    mechanism.validate();
    const std::lock_guard guard(mutex_);
    std::vector<Mechanism> after = spent_[account];
    add_mechanism(after, mechanism);
    if (!limit_(account, std::span<const Mechanism>(after))) {
      throw Error(error::privacy_budget, "the privacy budget of \"" + account.data_set +
                                             "\" (unit: " + account.unit + ") does not allow " +
                                             std::to_string(mechanism.steps) +
                                             " more steps with a noise multiplier of " +
                                             number_text(mechanism.noise_multiplier) + "; nothing was spent");
    }
    AuditEvent event{.what = std::string(debit_name), .who = purpose};
    event.more = {{"data_set", account.data_set},
                  {"unit", account.unit},
                  {"noise", name_of(mechanism.kind)},
                  {"noise_multiplier", mechanism.noise_multiplier},
                  {"sampling_rate", mechanism.sampling_rate},
                  {"steps", mechanism.steps}};
    const AuditHead head = log_.append(event);
    spent_[account] = std::move(after);
    return head;
  }

  /// All that was spent of an account; steps of one kind are counted together.
  [[nodiscard]] std::vector<Mechanism> spent(const BudgetAccount& account) const {
    const std::lock_guard guard(mutex_);
    const auto found = spent_.find(account);
    return found == spent_.end() ? std::vector<Mechanism>() : found->second;
  }
  /// What stands for all that was noted so far, to be kept elsewhere.
  [[nodiscard]] AuditHead head() const { return log_.head(); }

 private:
  static constexpr std::string_view debit_name = "privacy budget debit";

  void read(const std::optional<AuditHead>& anchor) {
    bool anchored = !anchor || anchor->count == 0;
    const auto take = [&](const detail::AuditLine& line) -> std::string {
      if (anchor && line.sequence == anchor->count) anchored = line.hash == anchor->hash;
      return take_entry(line.entry.at("event"));
    };
    detail::AuditChain chain;
    detail::read_audit_file(log_.path(), chain, take);
    if (!chain.problem.empty()) {
      throw Error(error::audit_log,
                  log_.path() + ", line " + std::to_string(chain.problem_line) + ": " + chain.problem);
    }
    if (chain.first && *chain.first != 1) {
      throw Error(error::audit_log, log_.path() + ": the ledger does not begin with its first entry");
    }
    if (!anchored) {
      throw Error(error::audit_log,
                  log_.path() + ": the privacy budget has no entry " + anchor->str() +
                      " any more: it was replaced by an older copy, or begun anew. Put the right one back; "
                      "what was spent since cannot be known otherwise");
    }
  }
  /// What is not understood is a fault: it may be an expense. \returns what is wrong, or ""
  [[nodiscard]] std::string take_entry(const nlohmann::ordered_json& event) {
    try {
      const auto& what = event.at("what").get_ref<const std::string&>();
      if (what.starts_with("repaired the log")) return {};
      if (what != debit_name) return "this entry is no debit of a privacy budget";
      const BudgetAccount account{event.at("data_set").get<std::string>(),
                                  event.at("unit").get<std::string>()};
      Mechanism mechanism;
      const auto& noise = event.at("noise").get_ref<const std::string&>();
      if (noise == name_of(NoiseKind::laplace)) {
        mechanism.kind = NoiseKind::laplace;
      } else if (noise != name_of(NoiseKind::gaussian)) {
        return "this program knows no noise called \"" + noise + "\"";
      }
      mechanism.noise_multiplier = event.at("noise_multiplier").get<double>();
      mechanism.sampling_rate = event.at("sampling_rate").get<double>();
      mechanism.steps = event.at("steps").get<std::uint64_t>();
      account.validate();
      mechanism.validate();
      add_mechanism(spent_[account], mechanism);
      return {};
    } catch (const nlohmann::json::exception& e) {
      return std::string("this is not a debit of a privacy budget: ") + e.what();
    } catch (const Error& e) {
      return e.what();
    }
  }

  Limit limit_;
  AuditLog log_;
  std::map<BudgetAccount, std::vector<Mechanism>> spent_{};
  mutable std::mutex mutex_{};
};

}  // namespace healthai
