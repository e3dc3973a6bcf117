#pragma once

/// \file
/// How the files of an audit log are read, line after line (audit_line.hpp).

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "healthai/client/node/detail/audit_line.hpp"
#include "healthai/crypto/sha256.hpp"
#include "healthai/serialization/detail/os_file.hpp"

namespace healthai::detail {

/// A file of an audit log as it is read: where the chain stands, and what is wrong with it.
struct AuditChain {
  AuditHead head{};
  std::optional<std::uint64_t> first{};  ///< sequence of the first entry that was read, in whichever file
  std::uint64_t lines = 0;               ///< read from the current file
  std::uint64_t complete_bytes = 0;      ///< of the current file, up to the end of its last complete line
  std::string torn{};                    ///< what follows
  bool unended = false;                  ///< the last line lacks nothing but its end; it counts
  std::string problem{};
  std::uint64_t problem_line = 0;
};

/// Reads one file and goes on with the chain. `check(line)` may find more faults; it returns what is wrong, or "". Stops at the
/// first fault. \throws Error (`file`)
template <class Check>
void read_audit_file(const std::string& path, AuditChain& chain, Check check) {
  chain.lines = chain.complete_bytes = 0;
  chain.torn.clear();
  chain.unended = false;
  const auto take = [&](std::string_view text) {
    ++chain.lines;
    AuditLine line;
    std::string problem = parse_audit_line(text, line);
    if (problem.empty() && chain.first &&
        (line.sequence != chain.head.count + 1 || line.previous != chain.head.hash)) {
      problem = line.sequence > chain.head.count + 1
                    ? "entries are missing before it: it is number " + std::to_string(line.sequence) +
                          " and follows number " + std::to_string(chain.head.count)
                : line.sequence <= chain.head.count
                    ? "it stands in the wrong place, or twice: it is number " +
                          std::to_string(line.sequence) + " and follows number " +
                          std::to_string(chain.head.count)
                    : "it does not continue the entry before it: that one, or this, was replaced";
    }
    if (problem.empty() && !chain.first && (line.sequence <= 1) != (line.previous == Digest{})) {
      problem = "it cannot be the first entry: it was changed";
    }
    if (problem.empty()) {
      if (!chain.first) chain.first = line.sequence;
      problem = check(line);
    }
    if (!problem.empty()) {
      chain.problem = problem;
      chain.problem_line = chain.lines;
      return false;
    }
    chain.head = {line.sequence, line.hash};
    return true;
  };

  InputFile file(path);
  std::string pending;
  std::uint64_t unread = file.size();
  std::size_t searched = 0;
  while (unread != 0) {
    const std::size_t block = static_cast<std::size_t>((std::min)(unread, std::uint64_t{1} << 18U));
    const std::size_t old = pending.size();
    pending.resize(old + block);
    file.read(std::as_writable_bytes(std::span(pending).subspan(old)));
    unread -= block;
    std::size_t begin = 0;
    for (std::size_t end = 0; (end = pending.find('\n', searched)) != std::string::npos;) {
      if (!take(std::string_view(pending).substr(begin, end - begin))) return;
      chain.complete_bytes += end + 1 - begin;
      begin = searched = end + 1;
    }
    pending.erase(0, begin);
    searched = pending.size();
    if (pending.size() > longest_audit_line) {
      ++chain.lines;
      chain.problem = "it is longer than any entry: it was changed";
      chain.problem_line = chain.lines;
      return;
    }
  }
  if (pending.empty()) return;
  if (is_torn_audit_line(pending)) {
    chain.torn = std::move(pending);
  } else if (take(pending)) {
    chain.unended = true;
  }
}

/// The older files of a rotated log, the oldest first: PATH.N, where N is the number of the last entry in 20 digits.
[[nodiscard]] inline std::vector<std::string> rotated_audit_files(const std::string& path) {
  const std::filesystem::path whole(path);
  const std::string name = whole.filename().string() + ".";
  const std::filesystem::path folder =
      whole.has_parent_path() ? whole.parent_path() : std::filesystem::path(".");
  std::vector<std::string> files;
  std::error_code failed;
  for (std::filesystem::directory_iterator entry(folder, failed), end; !failed && entry != end;
       entry.increment(failed)) {
    const std::string other = entry->path().filename().string();
    if (other.size() != name.size() + 20 || !other.starts_with(name) ||
        other.find_first_not_of("0123456789", name.size()) != std::string::npos) {
      continue;
    }
    files.push_back(path + other.substr(name.size() - 1));
  }
  if (failed) throw_file_error(folder.string(), "list the folder", failed.value());
  std::sort(files.begin(), files.end());
  return files;
}
[[nodiscard]] inline std::string rotated_audit_name(const std::string& path, std::uint64_t last) {
  std::string number = std::to_string(last);
  return path + "." + std::string(20 - number.size(), '0') + number;
}

}  // namespace healthai::detail
