#pragma once

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>

#include "healthai/core/error.hpp"
#include "healthai/crypto/hex.hpp"
#include "healthai/crypto/sha256.hpp"

namespace healthai {

/// The end of an audit log: how many entries it has had, and the hash of the last. A coordinator that keeps it notices when a log is
/// cut or rewritten later.
struct AuditHead {
  std::uint64_t count = 0;
  Digest hash{};
  friend bool operator==(const AuditHead&, const AuditHead&) = default;

  /// "COUNT:HASH", for people to keep and compare.
  [[nodiscard]] std::string str() const { return std::to_string(count) + ":" + hex(hash); }
  /// What `str` gave. \throws Error (`invalid_argument`)
  [[nodiscard]] static AuditHead parse(std::string_view text) {
    AuditHead head;
    const std::size_t colon = (std::min)(text.find(':'), text.size());
    const auto number = std::from_chars(text.data(), text.data() + colon, head.count);
    const auto hash = from_hex<sizeof(Digest)>(text.substr((std::min)(colon + 1, text.size())));
    if (number.ec != std::errc() || number.ptr != text.data() + colon || !hash) {
      throw Error(
          error::invalid_argument,
          "the head of an audit log is COUNT:HASH, a number and 64 hexadecimal digits in lower case, not \"" +
              std::string(text.substr(0, 100)) + "\"");
    }
    head.hash = *hash;
    return head;
  }

  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& count& hash;
  }
};

}  // namespace healthai
