#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "healthai/crypto/sha256.hpp"
#include "healthai/secagg/graph.hpp"
#include "healthai/secagg/messages.hpp"
#include "healthai/secagg/terms.hpp"
#include "healthai/serialization/archive.hpp"

namespace healthai::secagg {

/// Where a member's shares are taken: from 1, as at 0 there is the secret.
[[nodiscard]] constexpr std::uint64_t point_of(Index member) noexcept {
  return std::uint64_t{member} + 1;
}

/// The digest of a whole request: the task, the terms, and the encoded work. It enters every signature and every key derivation, so that
/// members who were told different things make masks that do not cancel and signatures that do not verify.
/// \param work  in pieces, as it is encoded for the wire
[[nodiscard]] inline Digest request_digest(std::string_view task, const Terms& terms,
                                           std::span<const std::span<const std::byte>> work) {
  Sha256 digest;
  digest.update(std::string_view("healthai secagg request 1\n")).update(task).update(std::string_view("\n"));
  const std::vector<std::byte> text = to_bytes(terms);
  digest.update(to_bytes(static_cast<std::uint64_t>(text.size()))).update(text);
  for (const auto& piece : work) digest.update(piece);
  return digest.finish();
}

/// One secure sum, as far as all parties know it.
class Session {
 public:
  /// \param terms  acceptable ones
  Session(std::shared_ptr<const Members> members, Terms terms, const Digest& request)
      : members_(std::move(members)),
        terms_(std::move(terms)),
        request_(request),
        graph_(terms_.parameters.full()
                   ? NeighbourGraph::full(members_->size())
                   : NeighbourGraph::harary(members_->size(),
                                            static_cast<std::size_t>(terms_.parameters.degree),
                                            terms_.graph_seed)) {}

  [[nodiscard]] const Members& members() const noexcept { return *members_; }
  [[nodiscard]] const Terms& terms() const noexcept { return terms_; }
  [[nodiscard]] const Digest& request() const noexcept { return request_; }
  [[nodiscard]] bool neighbours(Index a, Index b) const { return graph_.are_neighbours(a, b); }
  /// How many shares open a secret.
  [[nodiscard]] std::size_t threshold() const noexcept {
    return static_cast<std::size_t>(terms_.parameters.threshold);
  }
  /// Whether a member keeps a share of its own secrets: in the full graph only, as its threshold counts it.
  [[nodiscard]] bool keeps_own_share() const noexcept { return terms_.parameters.full(); }
  /// Who gets shares of a member's secrets, in order.
  [[nodiscard]] std::vector<Index> holders(Index member) const {
    std::vector<Index> all;
    for (const std::size_t other : graph_.neighbours(member)) all.push_back(static_cast<Index>(other));
    if (keeps_own_share()) all.insert(std::lower_bound(all.begin(), all.end(), member), member);
    return all;
  }

  // What is signed or bound: a label of its own for every purpose, then the request, then what is said.

  [[nodiscard]] std::vector<std::byte> text_of_keys(Index member, const AdvertisedKeys& keys) const {
    return text("healthai secagg keys 1", member, keys.channel, keys.mask, keys.self_mask_check);
  }
  [[nodiscard]] std::vector<std::byte> text_of_survivors(std::span<const Index> survivors) const {
    return text("healthai secagg survivors 1", std::vector<Index>(survivors.begin(), survivors.end()));
  }
  [[nodiscard]] std::vector<std::byte> text_of_channel(Index from, Index to) const {
    return text("healthai secagg channel 1", from, to);
  }
  /// The same for both members of a pair.
  [[nodiscard]] std::vector<std::byte> text_of_mask(Index a, Index b) const {
    return text("healthai secagg mask 1", (std::min)(a, b), (std::max)(a, b));
  }
  /// What a seed of a self-mask is checked by.
  [[nodiscard]] Digest check_of(Index member, std::span<const std::uint8_t> seed) const {
    return Sha256().update(text("healthai secagg self-mask 1", member)).update(std::as_bytes(seed)).finish();
  }

 private:
  template <class... Parts>
  [[nodiscard]] std::vector<std::byte> text(std::string_view label, const Parts&... parts) const {
    std::vector<std::byte> bytes;
    BytesSink sink(bytes);
    BinaryWriter writer(sink);
    writer << std::string(label) << request_;
    static_cast<void>((writer << ... << parts));
    return bytes;
  }

  std::shared_ptr<const Members> members_;
  Terms terms_;
  Digest request_;
  NeighbourGraph graph_;
};

}  // namespace healthai::secagg
