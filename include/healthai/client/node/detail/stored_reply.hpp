#pragma once

/// \file
/// One file of a ReplyStore: a sealed file (sealed_file.hpp) with a head, the reply, and the client's state before and after it.

#include <boost/serialization/level.hpp>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "healthai/client/node/request_facts.hpp"
#include "healthai/serialization/sealed_file.hpp"

namespace healthai::detail {

inline constexpr std::string_view stored_reply_kind = "RPLY";

/// For each run and task, the latest (round, attempt) whose reply is no longer kept.
using ForgottenReplies =
    std::map<std::pair<std::uint64_t, std::string>, std::pair<std::uint64_t, std::uint32_t>>;

/// What a file of a ReplyStore begins with. The reply and the two states follow it, byte for byte.
struct StoredReplyHead {
  std::uint64_t sequence = 0;  ///< of this file among all that the store has written
  RequestKey key{};
  ForgottenReplies forgotten{};
  bool changes_state = false;  ///< the client's state is `after` since then
  std::uint64_t reply = 0;     ///< sizes in bytes
  std::uint64_t before = 0;
  std::uint64_t after = 0;
  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& sequence& key& forgotten& changes_state& reply& before& after;
  }
};

/// Writes a head and, without a copy of them, the bytes that belong to it.
struct StoredReplyToWrite {
  const StoredReplyHead& head;
  std::span<const std::span<const std::byte>> reply;
  std::span<const std::byte> before;
  std::span<const std::byte> after;
  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& head;
    for (const std::span<const std::byte> piece : reply) archive.save_binary(piece.data(), piece.size());
    archive.save_binary(before.data(), before.size());
    archive.save_binary(after.data(), after.size());
  }
};
/// \throws Error (`file`, `archive_*`)
[[nodiscard]] inline StoredReplyHead read_stored_head(const std::string& path) {
  InputFile file(path);
  const std::uint64_t length = check_seal(file, stored_reply_kind);
  SealSource source(file, length);
  BinaryReader reader(source);
  StoredReplyHead head;
  reader >> head;
  const std::uint64_t rest = reader.remaining();
  if (head.reply > rest || head.before > rest - head.reply || head.after != rest - head.reply - head.before) {
    throw Error(error::archive_corrupt, path + ": the sizes in it do not add up to that of the file");
  }
  return head;
}

enum class StoredPart { reply, before, after };

/// One of the three parts that follow `head`. \throws Error (`file`, `archive_*`)
[[nodiscard]] inline std::vector<std::byte> read_stored_part(const std::string& path,
                                                             const StoredReplyHead& head, StoredPart part) {
  InputFile file(path);
  const std::uint64_t end = seal_header_size + check_seal(file, stored_reply_kind);
  std::uint64_t size = head.after;
  std::uint64_t behind = 0;
  if (part == StoredPart::before) {
    behind = size;
    size = head.before;
  } else if (part == StoredPart::reply) {
    behind = head.after + head.before;
    size = head.reply;
  }
  if (size + behind > end) {
    throw Error(error::archive_corrupt, path + ": the file became another one while it was in use");
  }
  std::vector<std::byte> bytes(static_cast<std::size_t>(size));
  file.seek(end - behind - size);
  file.read(bytes);
  return bytes;
}

}  // namespace healthai::detail

BOOST_CLASS_IMPLEMENTATION(healthai::detail::StoredReplyToWrite, boost::serialization::object_serializable)
