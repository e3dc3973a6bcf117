#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "healthai/client/node/audit_head.hpp"
#include "healthai/client/node/detail/audit_chain.hpp"
#include "healthai/crypto/hex.hpp"
#include "healthai/crypto/verify_key.hpp"

namespace healthai {

/// What was found in an audit log.
struct AuditReport {
  bool intact =
      false;  ///< nothing is wrong as far as could be seen; without an anchor that excludes the log's end
  std::string problem{};   ///< if not: what, and where
  std::string file{};      ///< the file of the problem
  std::uint64_t line = 0;  ///< its line, from 1; 0 if it is not in a line
  AuditHead head{};        ///< of the entries before the problem
  std::uint64_t first =
      0;  ///< number of the first entry that is there; above 1 when older files are elsewhere
  std::uint64_t entries = 0;  ///< how many were read
  std::uint64_t torn_bytes =
      0;  ///< of an entry whose writing was interrupted; the next start of the node notes and repairs that

  /// One sentence for a person.
  [[nodiscard]] std::string describe() const {
    if (!intact) return problem;
    std::string text = std::to_string(entries) + " entries, numbers " + std::to_string(first) + " to " +
                       std::to_string(head.count) + ", are intact; the last hash is " + hex(head.hash);
    if (torn_bytes != 0) {
      text += "; " + std::to_string(torn_bytes) +
              " bytes of a further entry follow, whose writing was interrupted";
    }
    return text;
  }
};

namespace detail {

/// Reads a log with its older files. `check` is told each entry, and returns what is wrong with it, or "".
template <class Check>
[[nodiscard]] AuditReport read_audit_files(const std::string& path, const std::optional<AuditHead>& anchor,
                                           Check check) {
  AuditReport report;
  AuditChain chain;
  std::vector<std::string> files = rotated_audit_files(path);
  // Right after a rotation the current file is not there yet.
  if (files.empty() || file_exists(path)) files.push_back(path);
  const auto fail = [&](const std::string& file, std::uint64_t line, const std::string& problem) {
    report.file = file;
    report.line = line;
    report.problem = file + (line != 0 ? ", line " + std::to_string(line) : "") + ": " + problem;
    return report;
  };
  const auto check_and_count = [&](const AuditLine& line) -> std::string {
    if (anchor && line.sequence == anchor->count && line.hash != anchor->hash) {
      return "it is not the entry of number " + std::to_string(anchor->count) +
             " that was there when the anchor was taken: the log was rewritten since";
    }
    std::string problem = check(line);
    if (problem.empty()) ++report.entries;
    return problem;
  };
  for (const std::string& file : files) {
    read_audit_file(file, chain, check_and_count);
    report.head = chain.head;
    report.first = chain.first.value_or(0);
    if (!chain.problem.empty()) return fail(file, chain.problem_line, chain.problem);
    report.torn_bytes = chain.torn.size();
    if (&file == &files.back()) break;
    if (report.torn_bytes != 0 || chain.unended) {
      return fail(file, chain.lines + (chain.unended ? 0 : 1),
                  "the file ends in the middle of a line, and a later file exists: it was cut");
    }
    if (file != rotated_audit_name(path, chain.head.count)) {
      return fail(file, 0, "its name says that its last entry is another one: it was cut, or renamed");
    }
  }
  if (anchor && anchor->count > chain.head.count) {
    return fail(files.back(), 0,
                "the log was cut: it ends with number " + std::to_string(chain.head.count) +
                    ", and when the anchor was taken it had " + std::to_string(anchor->count) + " entries");
  }
  if (anchor && anchor->count != 0 && anchor->count < report.first) {
    return fail(files.front(), 0,
                "the anchor is of number " + std::to_string(anchor->count) +
                    ", and the first entry here is number " + std::to_string(report.first) +
                    ": put the older files beside it");
  }
  report.intact = true;
  return report;
}

}  // namespace detail

/// Checks an audit log, with the older files that rotation left beside it: every hash, every signature, and that entries
/// follow one another without a gap. Whoever has the key file of the node can still write a log anew, and anybody can cut its
/// end off; both show only against an anchor, the head that somebody else has kept, such as the coordinator at the end of every
/// round.
///
///     const AuditReport report = verify_audit_log("audit.jsonl", VerifyKey::read("audit.key.pub"), anchor);
///
/// \param key of the node, from a source that the node's machine cannot change
/// \throws Error (`file`) if a file cannot be read; what is wrong in one is in the report
[[nodiscard]] inline AuditReport verify_audit_log(const std::string& path, const VerifyKey& key,
                                                  const std::optional<AuditHead>& anchor = std::nullopt) {
  return detail::read_audit_files(path, anchor, [&key](const detail::AuditLine& line) -> std::string {
    if (key.verifies(detail::audit_signed(line.hash), line.signature)) return {};
    return "it is not signed by this key: it was rewritten, or this is the key of another node";
  });
}

/// Calls `use(entry)` for each entry, as JSON with `sequence`, `time`, `event` and `previous`, up to the first fault. It checks hashes
/// but no signatures: for reading, not as a proof. Texts in an entry may hold anything that a stranger sent.
/// \throws Error (`file`), and what `use` throws
template <class Use>
AuditReport read_audit_log(const std::string& path, Use use) {
  return detail::read_audit_files(path, std::nullopt, [&use](const detail::AuditLine& line) {
    use(line.entry);
    return std::string();
  });
}

}  // namespace healthai
