#pragma once

#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "healthai/crypto/sha256.hpp"
#include "healthai/serialization/detail/os_file.hpp"
#include "healthai/serialization/sealed_file.hpp"

namespace healthai::secagg {

/// The requests that a member has released shares for. It never takes part in one of them again: with other survivors, the difference
/// of two sums would be somebody's update. On disk before a share leaves, so that a restart does not make it forget. Not thread-safe.
class JoinedRequests {
 public:
  /// \param path  a file of this member's own; empty: in memory only
  /// \throws Error (`file`, `archive_*`) for a file that cannot be read or is another
  explicit JoinedRequests(std::string path) : path_(std::move(path)) {
    if (!path_.empty() && healthai::detail::file_exists(path_))
      requests_ = read_sealed_file<std::set<Digest>>(path_, kind);
  }
  [[nodiscard]] bool contains(const Digest& request) const { return requests_.contains(request); }
  /// \throws Error (`file`); the request is then not in it
  void add(const Digest& request) {
    auto all = requests_;
    all.insert(request);
    if (!path_.empty()) write_sealed_file(path_, kind, all);
    requests_ = std::move(all);
  }

 private:
  static constexpr std::string_view kind = "JOIN";

  std::string path_;
  std::set<Digest> requests_{};
};

}  // namespace healthai::secagg
