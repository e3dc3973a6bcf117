#pragma once

#include <charconv>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/core/failure.hpp"
#include "healthai/core/training.hpp"
#include "healthai/crypto/hex.hpp"
#include "healthai/crypto/sha256.hpp"
#include "healthai/secagg/coordinator/masked_sum.hpp"
#include "healthai/secagg/terms.hpp"
#include "healthai/serialization/detail/os_file.hpp"
#include "healthai/serialization/sealed_file.hpp"

namespace healthai::secagg {

/// A secure sum as its coordinator keeps it, from before step 4 on, when nobody has been asked yet to open it.
struct KeptSum {
  std::string task{};  ///< whose replies are summed
  Terms terms{};
  MaskedSum masked{};
  std::vector<Failure> failures{};  ///< of those who were asked and are not in it
  bool opened = false;  ///< `masked.sum` is then the sum itself, without masks, and `masked.keys` is empty

  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& task& terms& masked& failures& opened;
  }
};

/// The sums of a coordinator that may be asked for again: because it was killed while it opened one, or before what came of it was in a
/// checkpoint. Of each round of a task there is one sum only, and never another with other survivors, as two would differ by
/// updates. A file holds what the coordinator may know, and nothing that would open a mask; only its owner can read it.
/// Not thread-safe; a lock in the folder keeps other processes out.
class KeptSums {
 public:
  /// \param folder  is made if it is not there (its parent must be); what a killed process had begun to write in it is removed. Empty: the
  ///   latest sum of each task is kept, in memory only
  /// \throws Error (`file`) when it cannot be used, or another process uses it
  explicit KeptSums(std::string folder = {}) : folder_(std::move(folder)) {
    if (folder_.empty()) return;
    healthai::detail::make_folder(folder_);
    lock_.emplace(folder_ + "/lock");
    remove_unfinished();
  }

  /// The sum of this round, whatever the attempt. \throws Error (`file`, `archive_*`) for a file that cannot be read, or is another's:
  ///   that is no reason to make a second sum
  [[nodiscard]] std::optional<KeptSum> find(std::string_view task, const RoundId& id) const {
    if (folder_.empty()) {
      const auto found = in_memory_.find(task);
      if (found == in_memory_.end() || !is(found->second, task, id)) return std::nullopt;
      return found->second;
    }
    const std::string path = path_of(task, id);
    if (!healthai::detail::file_exists(path)) return std::nullopt;
    auto sum = read_sealed_file<KeptSum>(path, kind);
    if (!is(sum, task, id))
      throw Error(error::archive_corrupt, path + ": the file holds another sum than its name says");
    return sum;
  }
  /// Keeps it in the place of the one of the same round; on disk when this returns.
  /// \throws Error (`file`): then nobody may be asked to open it
  void keep(KeptSum sum) {
    if (folder_.empty()) {
      std::string task = sum.task;
      in_memory_.insert_or_assign(std::move(task), std::move(sum));
    } else {
      write_sealed_file(path_of(sum.task, sum.terms.id), kind, sum);
    }
  }
  /// Nobody will ask again for the sums of this run up to this round. What cannot be removed stays, and does no harm.
  void forget(std::uint64_t run, std::uint64_t up_to_round) noexcept try {
    std::erase_if(in_memory_, [&](const auto& entry) {
      const RoundId& id = entry.second.terms.id;
      return id.run == run && id.round <= up_to_round;
    });
    if (folder_.empty()) return;
    const std::string of_run = hex_number(run) + "-";
    for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
      const std::string name = entry.path().filename().string();
      if (!name.starts_with(of_run) || !name.ends_with(suffix)) continue;
      std::uint64_t round = 0;
      const char* const digits = name.data() + of_run.size();
      const auto [end, problem] = std::from_chars(digits, name.data() + name.size(), round, 16);
      if (problem != std::errc() || end != digits + 16 || round > up_to_round) continue;
      std::error_code ignored;
      std::filesystem::remove(entry.path(), ignored);
    }
  } catch (...) {  // NOLINT(bugprone-empty-catch)
  }

 private:
  static constexpr std::string_view kind = "MSUM";
  static constexpr std::string_view suffix = ".sum";

  /// Files of sums that were not renamed any more: the lock is ours, so nobody is at work on them. Nobody was asked to open such a sum.
  /// What cannot be removed stays, and does no harm.
  void remove_unfinished() const {
    std::error_code ignored;
    const std::string part_of_sum = std::string(suffix) + ".";
    std::vector<std::filesystem::path> unfinished;
    for (auto entry = std::filesystem::directory_iterator(folder_, ignored);
         entry != std::filesystem::directory_iterator(); entry.increment(ignored)) {
      const std::string name = entry->path().filename().string();
      // RUN-ROUND-TASK.sum.NUMBERS.tmp, as the names of path_of are long.
      constexpr std::size_t length = 16 + 1 + 16 + 1 + 64;
      if (name.ends_with(".tmp") && name.find(part_of_sum) == length &&
          entry->symlink_status().type() == std::filesystem::file_type::regular)
        unfinished.push_back(entry->path());
    }
    for (const std::filesystem::path& path : unfinished) std::filesystem::remove(path, ignored);
  }
  [[nodiscard]] static bool is(const KeptSum& sum, std::string_view task, const RoundId& id) {
    return sum.task == task && sum.terms.id.run == id.run && sum.terms.id.round == id.round;
  }
  [[nodiscard]] static std::string hex_number(std::uint64_t number) {
    std::string digits(16, '0');
    for (auto digit = digits.rbegin(); digit != digits.rend(); ++digit, number >>= 4U)
      *digit = "0123456789abcdef"[number & 15U];
    return digits;
  }
  /// FOLDER/RUN-ROUND-TASK.sum; the task's name does not become part of a path, but its digest.
  [[nodiscard]] std::string path_of(std::string_view task, const RoundId& id) const {
    return folder_ + "/" + hex_number(id.run) + "-" + hex_number(id.round) + "-" + hex(sha256(task)) +
           std::string(suffix);
  }

  std::string folder_;
  std::optional<healthai::detail::FileLock> lock_{};
  std::map<std::string, KeptSum, std::less<>> in_memory_{};  // by task
};

}  // namespace healthai::secagg
