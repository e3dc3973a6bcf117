#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "healthai/core/training.hpp"
#include "healthai/crypto/sha256.hpp"
#include "healthai/serialization/detail/os_file.hpp"
#include "healthai/serialization/sealed_file.hpp"

namespace healthai::secagg {

/// The secure sums that a member has released shares for. It takes part in none of them again: with other survivors, the difference
/// of two sums would be somebody's update. On disk before a share leaves, so that a restart does not make it forget.
///
/// One round of a run is one sum of each task, whatever its attempt and its terms, and rounds go forwards: of every run and task the
/// latest round is kept, and it and all before it are refused. Where a sum needs more than half of the members to be opened (where the promise
/// against an active coordinator is made, see SecAggParameters), no round has two. A task without rounds (run 0) is known by the digest of the whole request.
/// Not thread-safe.
class JoinedRequests {
 public:
  /// \param path  a file of this member's own; empty: in memory only
  /// \throws Error (`file`, `archive_*`) for a file that cannot be read or is another
  explicit JoinedRequests(std::string path) : path_(std::move(path)) {
    if (!path_.empty() && healthai::detail::file_exists(path_))
      joined_ = read_sealed_file<Joined>(path_, kind);
  }
  /// \param task     whose replies are summed, such as "train.f64"
  /// \param request  see `request_digest`
  [[nodiscard]] bool contains(std::string_view task, const RoundId& id, const Digest& request) const {
    if (id.run == 0) return joined_.requests.contains(request);
    const auto found = joined_.rounds.find({std::string(task), id.run});
    return found != joined_.rounds.end() && id.round <= found->second;
  }
  /// It is on disk when this returns. \throws Error (`file`); the request is then not in it
  void add(std::string_view task, const RoundId& id, const Digest& request) {
    if (contains(task, id, request)) return;
    Joined all = joined_;
    if (id.run == 0) {
      all.requests.insert(request);
    } else {
      all.rounds[{std::string(task), id.run}] = id.round;
    }
    if (!path_.empty()) write_sealed_file(path_, kind, all);
    joined_ = std::move(all);
  }

 private:
  static constexpr std::string_view kind = "JOIN";
  struct Joined {
    std::map<std::pair<std::string, std::uint64_t>, std::uint64_t>
        rounds{};                 // (task, run) -> the latest round
    std::set<Digest> requests{};  // of run 0

    template <class Archive>
    void serialize(Archive& archive, unsigned /*version*/) {
      archive& rounds& requests;
    }
  };

  std::string path_;
  Joined joined_{};
};

}  // namespace healthai::secagg
