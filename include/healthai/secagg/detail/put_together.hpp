#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/crypto/secret.hpp"
#include "healthai/secagg/secret_sharing.hpp"

namespace healthai::secagg::detail {

/// Puts secrets of 32 bytes together from shares of which some may be wrong, as long as the right secret can be told. With more than
/// `threshold` shares one wrong one does no harm: it is found by leaving each out, and its holder is then asked last.
class PutTogether {
 public:
  explicit PutTogether(std::size_t threshold) noexcept : threshold_(threshold) {}

  /// \param right  (const Secret<32>&) -> bool: whether this is the secret
  /// \return nothing if no secret could be made
  template <class Right>
  [[nodiscard]] std::optional<Secret<32>> operator()(std::span<const Share> shares, const Right& right) {
    std::vector<const Share*> chosen;
    for (const bool trusted : {true, false}) {
      for (const Share& share : shares) {
        if (wrong_holders_.contains(share.point) != trusted) chosen.push_back(&share);
      }
    }
    if (chosen.size() < threshold_) return std::nullopt;
    if (auto secret = attempt({chosen.data(), threshold_}, right)) return secret;
    if (chosen.size() == threshold_) return std::nullopt;
    for (std::size_t left_out = 0; left_out < threshold_; ++left_out) {
      std::vector<const Share*> others(chosen.begin(),
                                       chosen.begin() + static_cast<std::ptrdiff_t>(threshold_));
      others[left_out] = chosen[threshold_];
      if (auto secret = attempt(others, right)) {
        wrong_holders_.insert(chosen[left_out]->point);
        return secret;
      }
    }
    return std::nullopt;
  }

 private:
  template <class Right>
  [[nodiscard]] std::optional<Secret<32>> attempt(std::span<const Share* const> chosen, const Right& right) {
    std::vector<std::uint64_t> points;
    points.reserve(chosen.size());
    for (const Share* share : chosen) points.push_back(share->point);
    if (!reconstructor_ || !std::ranges::equal(reconstructor_->points(), points))
      reconstructor_.emplace(points);
    try {
      const WipedBytes bytes = (*reconstructor_)(chosen, 32);
      Secret<32> secret;
      std::transform(bytes.begin(), bytes.end(), secret.writable_bytes().begin(),
                     [](std::byte byte) { return static_cast<std::uint8_t>(byte); });
      if (right(secret)) return secret;
    } catch (const Error&) {  // together they are no secret
    }
    return std::nullopt;
  }

  std::size_t threshold_;
  std::optional<Reconstructor>
      reconstructor_{};  // of the holders that came last, as they mostly are the same
  std::set<std::uint64_t> wrong_holders_{};
};

}  // namespace healthai::secagg::detail
