#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "healthai/client/node/detail/stored_reply.hpp"
#include "healthai/client/node/request_facts.hpp"
#include "healthai/crypto/hex.hpp"
#include "healthai/crypto/sha256.hpp"
#include "healthai/serialization/sealed_file.hpp"

namespace healthai {

/// What makes a resent request harmless: the reply that a node gave, byte for byte, and the client's state before and
/// after it. They are on disk together, in one file that is replaced whole and that only the owner can read, before the reply is
/// sent; so a node that is killed at any moment has either answered or not, and never trains twice for one request (twice
/// the noise, a state that went one step too far).
///
///     if (auto bytes = store.find(key)) return send(*bytes);                // the very same bytes
///     if (store.forgotten(key)) refuse();                                   // answered once, and never again
///     const auto before = handlers.state();
///     ... train, encode ...
///     store.commit(key, {{header, body}}, before, handlers.state());        // then send
///     // the coordinator used it: store.accepted(key); it did not: if (auto s = store.discarded(key)) handlers.restore(*s);
///
/// For each task the latest few replies are kept. A request whose reply is kept no longer is `forgotten`, as is every earlier one
/// of that run and task, and one whose reply was discarded: the coordinator asks anew with a higher attempt. Not so the steps of
/// secure sums.
///
/// After a restart `state()` is what the client's state was: of the latest reply that changed it, or what it was before that
/// one if it was discarded. One store serves one client and one coordinator; give each a folder. File names are digests,
/// so that nothing that a peer sends becomes part of a path. With an empty folder name everything is kept in memory.
/// Not thread-safe; a lock in the folder keeps other processes out.
class ReplyStore {
 public:
  using Bytes = std::vector<std::byte>;

  /// \param folder is made if it is not there (its parent must be)
  /// \param replies_per_task how many replies of each task are kept; >= 1
  /// \throws Error (`file`) when the folder cannot be used or another process uses it, (`archive_*`) for a damaged file in
  ///   it: that is no reason to begin anew, see docs/node-policy-and-audit.md; (`invalid_argument`)
  explicit ReplyStore(std::string folder = {}, std::size_t replies_per_task = 2)
      : folder_(std::move(folder)), replies_per_task_(replies_per_task) {
    if (replies_per_task == 0) {
      throw Error(error::invalid_argument, "a ReplyStore keeps at least 1 reply of each task, not 0");
    }
    if (folder_.empty()) return;
    detail::make_folder(folder_);
    lock_.emplace(folder_ + "/lock");
    open();
  }

  /// The reply to this very request, or null. \throws Error (`file`, `archive_*`)
  [[nodiscard]] std::shared_ptr<const Bytes> find(const RequestKey& key) const {
    const Record* record = record_of(key);
    if (record == nullptr) return nullptr;
    if (record->reply) return record->reply;
    return std::make_shared<const Bytes>(
        detail::read_stored_part(record->path, record->head, detail::StoredPart::reply));
  }
  /// Whether this request, or a later one of its run and task, was answered and the reply is kept no longer. It must be refused.
  [[nodiscard]] bool forgotten(const RequestKey& key) const {
    return record_of(key) == nullptr && is_forgotten(key);
  }
  /// The client's state since the latest reply that changed it; nothing if there was none. \throws Error (`file`, `archive_*`)
  [[nodiscard]] std::optional<Bytes> state() const {
    if (folder_.empty()) return state_;
    const Record* latest = latest_change();
    if (latest == nullptr) return std::nullopt;
    return detail::read_stored_part(latest->path, latest->head, detail::StoredPart::after);
  }

  /// Keeps a reply and the client's state around it; on disk when it returns.
  /// \param reply the encoded reply, in pieces, so that a large one needs no second copy (in memory only, one is made)
  /// \throws Error (`file`): then nothing was kept, the reply must not be sent, and the client goes back to `before`;
  ///   (`invalid_argument`) if this request has been answered already
  void commit(const RequestKey& key, std::span<const std::span<const std::byte>> reply,
              std::span<const std::byte> before, std::span<const std::byte> after) {
    if (record_of(key) != nullptr || is_forgotten(key)) {
      throw Error(error::invalid_argument, "the request of run " + std::to_string(key.run) + ", round " +
                                               std::to_string(key.round) +
                                               " was answered already: ask find() and forgotten() first");
    }
    Record record;
    record.head.sequence = next_sequence_;
    record.head.key = key;
    record.head.forgotten = forgotten_;
    record.head.changes_state = !std::equal(before.begin(), before.end(), after.begin(), after.end());
    if (!record.head.changes_state) before = after = {};
    for (const std::span<const std::byte> piece : reply) record.head.reply += piece.size();
    record.head.before = before.size();
    record.head.after = after.size();
    const std::vector<RequestKey> old = outdated(&record);
    for (const RequestKey& other : old) raise(record.head.forgotten, other);
    keep(std::move(record), reply, before, after);
    drop(old);
  }
  /// \overload
  void commit(const RequestKey& key, std::span<const std::byte> reply, std::span<const std::byte> before,
              std::span<const std::byte> after) {
    const std::span<const std::byte> pieces[] = {reply};
    commit(key, pieces, before, after);
  }

  /// The coordinator has used this reply: it can no longer be discarded (until a restart). It is still kept for a while, since
  /// a coordinator that is restarted may ask again.
  void accepted(const RequestKey& key) {
    Record* record = record_of(key);
    if (record == nullptr) return;
    record->accepted = true;
    Bytes().swap(record->before);
  }

  /// The coordinator did not use this reply. Returns the state for the client to go back to; nothing if it did not change the
  /// state, was accepted, or is not the latest that changed it. The reply is then `forgotten`; that is on disk when it returns.
  /// \throws Error (`file`, `archive_*`): then nothing has changed
  [[nodiscard]] std::optional<Bytes> discarded(const RequestKey& key) {
    Record* record = record_of(key);
    if (record == nullptr || record->accepted || record != latest_change()) return std::nullopt;
    Bytes before = folder_.empty()
                       ? record->before
                       : detail::read_stored_part(record->path, record->head, detail::StoredPart::before);
    Record mark;  // stands for the state to which the client went back
    mark.is_mark = true;
    mark.head.key = key;
    mark.head.sequence = next_sequence_;
    mark.head.forgotten = forgotten_;
    raise(mark.head.forgotten, key);
    mark.head.changes_state = true;
    mark.head.after = before.size();
    keep(std::move(mark), {}, {}, before);
    drop({key});
    return before;
  }

 private:
  static constexpr std::string_view mark_name = "discarded";
  static constexpr std::string_view suffix = ".reply";
  struct Record {
    detail::StoredReplyHead head{};
    std::string path{};
    bool is_mark = false;
    bool accepted = false;
    std::shared_ptr<const Bytes> reply{};  ///< these two in memory only
    Bytes before{};
  };

  [[nodiscard]] bool is_forgotten(const RequestKey& key) const {
    const auto found = forgotten_.find({key.run, key.task});
    return found != forgotten_.end() && std::pair(key.round, key.attempt) <= found->second;
  }
  static void raise(detail::ForgottenReplies& forgotten, const RequestKey& key) {
    // One round may have several secure sums, of several tasks and begun several times, all with steps of the same names. Their client knows
    // by itself which it answered, and uses its keys once.
    if (key.task.starts_with("secagg.")) return;
    auto& latest = forgotten[{key.run, key.task}];
    latest = (std::max)(latest, std::pair(key.round, key.attempt));
  }
  [[nodiscard]] const Record* record_of(const RequestKey& key) const {
    const auto found = std::find_if(records_.begin(), records_.end(), [&](const Record& record) {
      return !record.is_mark && record.head.key == key;
    });
    return found == records_.end() ? nullptr : &*found;
  }
  [[nodiscard]] Record* record_of(const RequestKey& key) {
    return const_cast<Record*>(
        std::as_const(*this).record_of(key));  // NOLINT(cppcoreguidelines-pro-type-const-cast)
  }
  [[nodiscard]] const Record* latest_change() const {
    const auto found = std::find_if(records_.rbegin(), records_.rend(),
                                    [](const Record& record) { return record.head.changes_state; });
    return found == records_.rend() ? nullptr : &*found;
  }

  /// Writes it, and then knows of it.
  void keep(Record record, std::span<const std::span<const std::byte>> reply,
            std::span<const std::byte> before, std::span<const std::byte> after) {
    if (folder_.empty()) {
      Bytes whole;
      whole.reserve(static_cast<std::size_t>(record.head.reply));
      for (const std::span<const std::byte> piece : reply)
        whole.insert(whole.end(), piece.begin(), piece.end());
      record.reply = std::make_shared<const Bytes>(std::move(whole));
      record.before.assign(before.begin(), before.end());
      if (record.head.changes_state) state_ = Bytes(after.begin(), after.end());
    } else {
      record.path = folder_ + "/" + (record.is_mark ? std::string(mark_name) : name_of(record.head.key));
      try {
        write_sealed_file(record.path, detail::stored_reply_kind,
                          detail::StoredReplyToWrite{record.head, reply, before, after});
      } catch (...) {  // it may be in place and only not surely on disk
        if (!record.is_mark) remove_quietly(record.path);
        throw;
      }
    }
    ++next_sequence_;
    forgotten_ = record.head.forgotten;
    if (record.is_mark) std::erase_if(records_, [](const Record& other) { return other.is_mark; });
    records_.push_back(std::move(record));
  }
  /// Those that are kept no longer once `added` is there.
  [[nodiscard]] std::vector<RequestKey> outdated(const Record* added) const {
    std::map<std::string_view, std::size_t> kept;
    if (added != nullptr) ++kept[added->head.key.task];
    const Record* holder = added != nullptr && added->head.changes_state ? added : latest_change();
    std::vector<RequestKey> keys;
    for (auto record = records_.rbegin(); record != records_.rend(); ++record) {
      if (record->is_mark || ++kept[record->head.key.task] <= replies_per_task_ || &*record == holder)
        continue;
      keys.push_back(record->head.key);
    }
    return keys;
  }
  void drop(const std::vector<RequestKey>& keys) {
    for (const RequestKey& key : keys) {
      const Record* record = record_of(key);
      if (record == nullptr) continue;
      if (!record->path.empty()) remove_quietly(record->path);
      records_.erase(records_.begin() + (record - records_.data()));
    }
  }
  /// What cannot be removed now is removed when the folder is opened the next time.
  static void remove_quietly(const std::string& path) noexcept {
    std::error_code ignored;
    std::filesystem::remove(path, ignored);
  }
  [[nodiscard]] static std::string name_of(const RequestKey& key) {
    return hex(sha256(to_bytes(key))) + std::string(suffix);
  }

  void open() {
    for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
      const std::string name = entry.path().filename().string();
      const std::string path = folder_ + "/" + name;
      if (name.ends_with(".tmp") &&
          (name.find(suffix) == 2 * sizeof(Digest) || name.starts_with(mark_name))) {
        remove_quietly(path);  // of a process that was killed: the lock says that nobody is writing
      } else if (name == mark_name || name.ends_with(suffix)) {
        Record record;
        record.path = path;
        record.is_mark = name == mark_name;
        record.head = detail::read_stored_head(path);
        if (!record.is_mark && name != name_of(record.head.key)) {
          throw Error(error::archive_corrupt,
                      path + ": the file holds the reply to another request than its name says");
        }
        records_.push_back(std::move(record));
      }
    }
    std::sort(records_.begin(), records_.end(),
              [](const Record& a, const Record& b) { return a.head.sequence < b.head.sequence; });
    if (records_.empty()) return;
    next_sequence_ = records_.back().head.sequence + 1;
    forgotten_ = records_.back().head.forgotten;
    // What a killed process had decided to remove.
    std::vector<RequestKey> leftover = outdated(nullptr);
    for (const Record& record : records_) {
      if (record.is_mark) leftover.push_back(record.head.key);
    }
    for (const RequestKey& key : leftover) raise(forgotten_, key);
    drop(leftover);
  }

  std::string folder_;
  std::size_t replies_per_task_;
  std::optional<detail::FileLock> lock_{};
  std::vector<Record> records_{};  ///< in the order of their sequence
  std::uint64_t next_sequence_ = 1;
  detail::ForgottenReplies forgotten_{};
  std::optional<Bytes> state_{};  ///< in memory only
};

}  // namespace healthai
