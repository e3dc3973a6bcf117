#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "healthai/client/node/audit_head.hpp"
#include "healthai/client/node/detail/audit_chain.hpp"
#include "healthai/client/node/request_facts.hpp"
#include "healthai/client/node/verify_audit_log.hpp"
#include "healthai/crypto/hex.hpp"
#include "healthai/crypto/sha256.hpp"
#include "healthai/crypto/signing_key.hpp"

namespace healthai {

/// Something that a node did or refused, for its audit log. Empty fields are left out. Texts may come from strangers: they are
/// escaped, and cut after 1000 bytes.
struct AuditEvent {
  std::string what{};  ///< such as "request refused" or "reply sent"
  std::string who{};   ///< the coordinator, by its certificate
  std::optional<RequestKey> request{};
  std::optional<std::size_t> rows{};     ///< of the data that were used
  std::optional<std::uint64_t> bytes{};  ///< that left
  std::optional<Digest> digest{};        ///< SHA-256 of what left
  std::string verdict{};                 ///< "allowed", "refused"
  std::string reason{};
  nlohmann::ordered_json more = nlohmann::ordered_json::object();  ///< anything else, by name

  [[nodiscard]] nlohmann::ordered_json json() const;
};

/// How an AuditLog is kept.
struct AuditOptions {
  std::uint64_t rotate_at = std::uint64_t{64} << 20U;  ///< bytes after which a new file is begun; 0: never
  std::function<void(std::string_view)> copy{};        ///< gets each line once it is on disk; see SyslogCopy
  std::function<std::chrono::system_clock::time_point()> clock{};  ///< the time; tests give their own
};

/// What a node did, so that it can be shown later: one line of JSON an entry, each with the hash of the one before and a
/// signature. Nobody without the key can change an entry, take one out or put one in without it showing, and the coordinator's
/// copy of the head (count and hash) shows whether the end was cut off or all was written anew. See `verify_audit_log`.
///
///     AuditLog log("audit.jsonl", SigningKey::read_or_make("audit.key"));
///     log.append({.what = "reply sent", .who = coordinator, .request = key, .bytes = n, .digest = sha256(reply)});   // then send
///
/// An entry is on disk when `append` returns; when it throws, for example because the disk is full, the entry is not there and what it
/// would have noted must not happen. A last line that is torn, because a machine lost power, is cut off when the log is opened,
/// and an entry says so and keeps its text. Anything else that is not as it was written is an Error: a node does not go on over it.
///
/// Past `rotate_at` bytes the file is renamed to PATH.N, N being the number of its last entry, and the chain continues in a new
/// file. Old files may be moved away; keep the last one. A lock file PATH.lock keeps other processes out.
/// Any thread may append.
class AuditLog {
 public:
  /// Opens the log, or begins one (its folder must exist), and checks all hashes of its last two files and its last signature.
  /// \throws Error (`file`); (`audit_log`) naming the line that was changed
  AuditLog(std::string path, SigningKey key, AuditOptions options = {})
      : path_(std::move(path)), key_(std::move(key)), options_(std::move(options)), lock_(path_ + ".lock") {
    open();
  }
  AuditLog(const AuditLog&) = delete;
  AuditLog& operator=(const AuditLog&) = delete;

  /// \returns the new head, for the coordinator to keep
  /// \throws Error (`file`, `crypto`): then nothing was noted; (`invalid_argument`) for an entry of more than 1 MiB, or nested too deep; what `copy` throws,
  ///   and then the entry is there
  AuditHead append(const AuditEvent& event) {
    const std::lock_guard guard(mutex_);
    if (file_ && options_.rotate_at != 0 && file_->size() >= options_.rotate_at) rotate();
    write(event);
    return head_;
  }
  [[nodiscard]] AuditHead head() const {
    const std::lock_guard guard(mutex_);
    return head_;
  }
  [[nodiscard]] const std::string& path() const noexcept { return path_; }

 private:
  void open() {
    const std::vector<std::string> rotated = detail::rotated_audit_files(path_);
    detail::AuditChain chain;
    detail::AuditLine last;
    const auto remember = [&last](const detail::AuditLine& line) {
      last = line;
      return std::string();
    };
    const auto read = [&](const std::string& file) {
      detail::read_audit_file(file, chain, remember);
      if (!chain.problem.empty()) {
        throw Error(error::audit_log, file + ", line " + std::to_string(chain.problem_line) + ": " +
                                          chain.problem +
                                          ". Find out who did that before this node takes part again; see "
                                          "docs/node-policy-and-audit.md");
      }
    };
    const bool there = detail::file_exists(path_);
    if (!rotated.empty()) {
      read(rotated.back());
      if (!chain.torn.empty() || chain.unended ||
          rotated.back() != detail::rotated_audit_name(path_, chain.head.count)) {
        throw Error(error::audit_log, rotated.back() + ": the file was cut or renamed");
      }
    }
    if (there) read(path_);
    if (chain.first && !key_.public_key().verifies(detail::audit_signed(last.hash), last.signature)) {
      throw Error(error::audit_log,
                  path_ +
                      ": the last entry is not signed by this node's key: the log or the key is "
                      "of another node, or was replaced");
    }
    head_ = chain.head;
    file_.emplace(path_);
    if (there && chain.unended) {
      const std::string_view end = "\n";
      file_->append(std::as_bytes(std::span(end)));
    }
    if (there && !chain.torn.empty()) {
      file_->truncate(chain.complete_bytes);
      AuditEvent event{.what = "repaired the log: the writing of an entry was interrupted"};
      event.digest = sha256(chain.torn);
      event.more = {{"torn_bytes", chain.torn.size()}, {"torn", chain.torn}};
      write(event);
    }
  }

  void rotate() {
    file_.reset();
    try {
      detail::rename_file(path_, detail::rotated_audit_name(path_, head_.count));
    } catch (...) {
      file_.emplace(path_);
      throw;
    }
  }

  void write(const AuditEvent& event) {
    if (!file_) file_.emplace(path_);  // after a rotation
    const auto now = options_.clock ? options_.clock() : std::chrono::system_clock::now();
    AuditHead after;
    std::string line = detail::make_audit_line(head_, detail::audit_time(now), event.json(), key_, after);
    detail::AuditLine readable;
    if (line.size() > detail::longest_audit_line || !detail::parse_audit_line(line, readable).empty()) {
      throw Error(error::invalid_argument,
                  path_ + ": an entry has at most " + std::to_string(detail::longest_audit_line) +
                      " bytes, in objects and lists that lie at most 60 deep in one another; this one has " +
                      std::to_string(line.size()) + " bytes, or is deeper");
    }
    line += '\n';
    if (damaged_) {
      throw Error(error::file, path_ +
                                   ": an earlier write failed and could not be taken back: start the node "
                                   "again, which repairs the log");
    }
    const std::uint64_t size = file_->size();
    try {
      file_->append(std::as_bytes(std::span(line)));
    } catch (...) {
      damaged_ = file_->size() != size;
      throw;
    }
    head_ = after;
    line.pop_back();
    if (options_.copy) options_.copy(line);
  }

  std::string path_;
  SigningKey key_;
  AuditOptions options_;
  detail::FileLock lock_;
  std::optional<detail::AppendFile> file_{};
  AuditHead head_{};
  bool damaged_ = false;
  mutable std::mutex mutex_{};
};

inline nlohmann::ordered_json AuditEvent::json() const {
  constexpr std::size_t longest = 1000;
  const auto cut = [](const std::string& text) {
    return text.size() <= longest ? text : text.substr(0, longest) + "...";
  };
  nlohmann::ordered_json result = nlohmann::ordered_json::object();
  const auto add = [&](const char* name, const std::string& text) {
    if (!text.empty()) result[name] = cut(text);
  };
  add("what", what);
  add("who", who);
  if (request) {
    add("task", request->task);
    result["run"] = request->run;
    result["round"] = request->round;
    result["attempt"] = request->attempt;
    result["request"] = hex(request->digest);
  }
  if (rows) result["rows"] = *rows;
  if (bytes) result["bytes"] = *bytes;
  if (digest) result["digest"] = hex(*digest);
  add("verdict", verdict);
  add("reason", reason);
  for (const auto& entry : more.items()) {
    const bool text = entry.value().is_string();
    result[entry.key()] =
        text ? nlohmann::ordered_json(cut(entry.value().get<std::string>())) : entry.value();
  }
  return result;
}

}  // namespace healthai
