#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "healthai/client/node/request_facts.hpp"
#include "healthai/crypto/sha256.hpp"
#include "healthai/serialization/sealed_file.hpp"

namespace healthai {

/// What a node has already granted: requests of each day, rounds of each run. A Policy compares it with its limits.
///
/// With a path, the counts are on disk before `count` returns, so that a restart does not reset them; a file that is
/// damaged is an error and never a fresh start. Without one they last as long as the object. A day is a day of UTC. When
/// the clock is set back, the latest day that was seen goes on, so that this buys no new requests.
///
/// A request that is sent again is the same if coordinator, run, round, attempt, task and digest are: it counts once,
/// today or yesterday. Rounds are counted for each run of each coordinator and never forgotten; but it is the coordinator that
/// gives out run numbers, so the limit that holds against a dishonest one is that of requests a day.
///
/// Not thread-safe. Two objects must not share a file: the AuditLog of a node holds a lock for the whole node.
class Quota {
 public:
  using Clock = std::function<std::chrono::system_clock::time_point()>;

  /// \param clock the time; tests give their own
  /// \throws Error (`file`, `archive_*`) if there is a file that cannot be read
  explicit Quota(std::string path = {}, Clock clock = {}) : path_(std::move(path)), clock_(std::move(clock)) {
    if (!path_.empty() && detail::file_exists(path_)) counts_ = read_sealed_file<Counts>(path_, file_kind);
  }

  /// Whether this very request was counted today or yesterday.
  [[nodiscard]] bool counted(const RequestFacts& request) const {
    const auto found = counts_.requests.find(identity(request));
    return found != counts_.requests.end() && found->second.day + 1 >= day();
  }
  /// Requests counted today: of this task, or of all.
  [[nodiscard]] std::uint64_t requests_today(std::string_view task = {}) const {
    const std::int64_t today = day();
    return static_cast<std::uint64_t>(
        std::count_if(counts_.requests.begin(), counts_.requests.end(), [&](const auto& entry) {
          return entry.second.day == today && (task.empty() || entry.second.task == task);
        }));
  }
  /// Rounds of this run of this coordinator in which anything was granted.
  [[nodiscard]] std::uint64_t rounds(const std::string& coordinator, std::uint64_t run) const {
    const auto found = counts_.rounds.find({coordinator, run});
    return found == counts_.rounds.end() ? 0 : found->second.size();
  }
  /// Whether this round is one of them.
  [[nodiscard]] bool has_round(const std::string& coordinator, std::uint64_t run, std::uint64_t round) const {
    const auto found = counts_.rounds.find({coordinator, run});
    return found != counts_.rounds.end() && found->second.count(round) != 0;
  }
  /// Whether the clock shows an earlier day than it once did.
  [[nodiscard]] bool clock_went_back() const { return counts_.latest_day > clock_day(); }

  /// To be called when a request is granted, before the data are touched. On disk when it returns.
  /// \throws Error (`file`): then nothing was counted, and the request must be refused
  void count(const RequestFacts& request) {
    if (counted(request)) return;
    Counts next = counts_;
    next.latest_day = day();
    std::erase_if(next.requests, [&](const auto& entry) { return entry.second.day + 1 < next.latest_day; });
    next.requests[identity(request)] = {request.task, next.latest_day};
    next.rounds[{request.coordinator, request.run}].insert(request.round);
    if (!path_.empty()) write_sealed_file(path_, file_kind, next);
    counts_ = std::move(next);
  }

 private:
  static constexpr std::string_view file_kind = "QUOT";
  struct Request {
    std::string task{};
    std::int64_t day = 0;
    template <class Archive>
    void serialize(Archive& archive, unsigned /*version*/) {
      archive& task& day;
    }
  };
  struct Counts {
    std::int64_t latest_day = 0;  ///< days since 1970
    std::map<Digest, Request> requests{};
    std::map<std::pair<std::string, std::uint64_t>, std::set<std::uint64_t>> rounds{};
    template <class Archive>
    void serialize(Archive& archive, unsigned /*version*/) {
      archive& latest_day& requests& rounds;
    }
  };

  [[nodiscard]] static Digest identity(const RequestFacts& request) {
    return sha256(to_bytes(std::pair(request.coordinator, request.key())));
  }
  [[nodiscard]] std::int64_t clock_day() const {
    const auto now = clock_ ? clock_() : std::chrono::system_clock::now();
    return std::chrono::floor<std::chrono::days>(now).time_since_epoch().count();
  }
  [[nodiscard]] std::int64_t day() const { return (std::max)(clock_day(), counts_.latest_day); }

  std::string path_;
  Clock clock_;
  Counts counts_;
};

}  // namespace healthai
