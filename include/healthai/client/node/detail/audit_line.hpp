#pragma once

/// \file
/// One line of an audit log, and how a chain of them is read. A line is a JSON object,
///
///     {"sequence":7,"time":"2026-05-03T08:15:30.123Z","event":{...},"previous":"HASH", "hash": "HASH", "signature": "SIG"}
///
/// in ASCII. `hash` is the SHA-256 of all bytes before the comma that precedes it, `previous` the hash of the line
/// before (zeros for the first), `signature` an Ed25519 signature of `healthai audit log 1`, a zero byte and the 32 bytes of
/// the hash. Digits are lower-case hexadecimal. The spaces stand nowhere else outside a text: so it shows whether a
/// line is complete.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "healthai/client/node/audit_head.hpp"
#include "healthai/core/error.hpp"
#include "healthai/crypto/hex.hpp"
#include "healthai/crypto/sha256.hpp"
#include "healthai/crypto/signing_key.hpp"

namespace healthai::detail {

inline constexpr std::string_view audit_hash_mark = ", \"hash\": \"";
inline constexpr std::string_view audit_signature_mark = "\", \"signature\": \"";
inline constexpr std::size_t audit_seal_size =
    audit_hash_mark.size() + 2 * sizeof(Digest) + audit_signature_mark.size() + 2 * sizeof(Signature) + 2;
inline constexpr std::size_t longest_audit_line = std::size_t{1} << 20U;
inline constexpr int deepest_audit_entry = 64;  ///< how far objects and lists lie in one another

/// What is signed.
[[nodiscard]] inline std::vector<std::byte> audit_signed(const Digest& hash) {
  constexpr std::string_view domain("healthai audit log 1\0", 21);
  std::vector<std::byte> message;
  for (const char c : domain) message.push_back(static_cast<std::byte>(c));
  for (const std::uint8_t byte : hash) message.push_back(static_cast<std::byte>(byte));
  return message;
}

/// "2026-05-03T08:15:30.123Z"
[[nodiscard]] inline std::string audit_time(std::chrono::system_clock::time_point moment) {
  const auto now = std::chrono::floor<std::chrono::milliseconds>(moment);
  const auto day = std::chrono::floor<std::chrono::days>(now);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss time(now - day);
  char text[80];
  std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                static_cast<int>(time.hours().count()), static_cast<int>(time.minutes().count()),
                static_cast<int>(time.seconds().count()), static_cast<int>(time.subseconds().count()));
  return text;
}

/// One entry as a line without its end.
[[nodiscard]] inline std::string make_audit_line(const AuditHead& before, const std::string& time,
                                                 const nlohmann::ordered_json& event, const SigningKey& key,
                                                 AuditHead& after) {
  const nlohmann::ordered_json entry{
      {"sequence", before.count + 1}, {"time", time}, {"event", event}, {"previous", hex(before.hash)}};
  // ASCII only, and bytes that are no UTF-8 replaced: what a stranger sent can neither break a line nor steer a terminal.
  std::string line = entry.dump(-1, ' ', true, nlohmann::ordered_json::error_handler_t::replace);
  line.pop_back();
  after = {before.count + 1, sha256(line)};
  const Signature signature = key.sign(audit_signed(after.hash));
  line += std::string(audit_hash_mark) + hex(after.hash) + std::string(audit_signature_mark) +
          hex(signature) + "\"}";
  return line;
}

/// A complete line taken apart.
struct AuditLine {
  nlohmann::ordered_json entry{};  ///< sequence, time, event, previous
  std::uint64_t sequence = 0;
  Digest previous{};
  Digest hash{};
  Signature signature{};
};

/// Takes a line apart and checks its own hash. \returns what is wrong with it, "" if nothing
[[nodiscard]] inline std::string parse_audit_line(std::string_view line, AuditLine& out) {
  const std::string not_a_line = "this is not an entry of an audit log: it was changed";
  if (line.size() <= audit_seal_size) return not_a_line;
  const std::string_view body = line.substr(0, line.size() - audit_seal_size);
  std::string_view seal = line.substr(body.size());
  if (!seal.starts_with(audit_hash_mark) || !seal.ends_with("\"}")) return not_a_line;
  seal.remove_prefix(audit_hash_mark.size());
  const auto hash = from_hex<sizeof(Digest)>(seal.substr(0, 2 * sizeof(Digest)));
  seal.remove_prefix(2 * sizeof(Digest));
  if (!seal.starts_with(audit_signature_mark)) return not_a_line;
  seal.remove_prefix(audit_signature_mark.size());
  const auto signature = from_hex<sizeof(Signature)>(seal.substr(0, 2 * sizeof(Signature)));
  if (!hash || !signature) return not_a_line;
  if (sha256(body) != *hash) return "its hash is not that of its content: it was changed";
  out.hash = *hash;
  out.signature = *signature;
  try {
    const auto shallow = [](int depth, nlohmann::ordered_json::parse_event_t, nlohmann::ordered_json&) {
      if (depth > deepest_audit_entry) throw Error(error::audit_log, "");
      return true;
    };
    out.entry = nlohmann::ordered_json::parse(std::string(body) + "}", shallow);
    if (!out.entry.at("sequence").is_number_unsigned()) return not_a_line;
    out.sequence = out.entry.at("sequence").get<std::uint64_t>();
    const auto previous = from_hex<sizeof(Digest)>(out.entry.at("previous").get_ref<const std::string&>());
    if (!previous || !out.entry.at("event").is_object() || !out.entry.at("time").is_string())
      return not_a_line;
    out.previous = *previous;
  } catch (const nlohmann::json::exception&) {
    return not_a_line;
  } catch (const Error&) {
    return not_a_line;
  }
  return {};
}

/// Whether the end of a file, behind its last line end, is what a write that was interrupted leaves: less than a whole line.
[[nodiscard]] inline bool is_torn_audit_line(std::string_view tail) {
  const std::size_t mark = tail.rfind(audit_hash_mark);
  return mark == std::string_view::npos || tail.size() - mark < audit_seal_size;
}

}  // namespace healthai::detail
