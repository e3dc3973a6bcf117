#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/core/serialize_numbers.hpp"
#include "healthai/secagg/detail/ring_words.hpp"
#include "healthai/secagg/secret_memory.hpp"

namespace healthai::secagg {

/// Whole numbers modulo 2^32 or 2^64: what members hand in, and their sum. Thread safety: as a vector's.
class RingVector {
 public:
  RingVector() = default;
  /// Zeros. \param bits  32 or 64 \throws Error (`invalid_argument`)
  RingVector(unsigned bits, std::size_t size) {
    if (bits == 32) {
      words_ = std::vector<std::uint32_t>(size);
    } else if (bits == 64) {
      words_ = std::vector<std::uint64_t>(size);
    } else {
      throw Error(error::invalid_argument, "a ring has 32 or 64 bits, not " + std::to_string(bits));
    }
  }

  [[nodiscard]] unsigned bits() const noexcept { return words_.index() == 0 ? 32 : 64; }
  [[nodiscard]] std::size_t size() const noexcept {
    return std::visit([](const auto& words) { return words.size(); }, words_);
  }
  [[nodiscard]] std::size_t size_bytes() const noexcept { return size() * (bits() / 8); }

  /// Calls `use(span)`, of std::uint32_t or of std::uint64_t.
  template <class Use>
  decltype(auto) visit(Use use) {
    return std::visit([&use](auto& words) { return use(std::span(words)); }, words_);
  }
  template <class Use>
  decltype(auto) visit(Use use) const {
    return std::visit([&use](const auto& words) { return use(std::span(words)); }, words_);
  }

  /// Zeros again, for a vector that nobody may find in memory later.
  void wipe() noexcept {
    std::visit([](auto& words) { secagg::wipe(words.data(), words.size() * sizeof(words[0])); }, words_);
  }
  /// Adds number by number, modulo the ring. \throws Error (`layout_mismatch`) for another ring or length
  RingVector& operator+=(const RingVector& other) {
    if (other.bits() != bits() || other.size() != size()) {
      throw Error(error::layout_mismatch, "a vector of " + std::to_string(other.size()) + " numbers of " +
                                              std::to_string(other.bits()) + " bits was added to one of " +
                                              std::to_string(size()) + " of " + std::to_string(bits()));
    }
    std::visit(
        [&other](auto& words) {
          const auto& more = std::get<std::remove_reference_t<decltype(words)>>(other.words_);
          detail::combine_words<false>(words.data(), more.data(), words.size());
        },
        words_);
    return *this;
  }
  friend bool operator==(const RingVector&, const RingVector&) = default;

  /// \throws Error (`archive_corrupt`) for another ring than these two; as the archive does
  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    auto its_bits = static_cast<std::uint32_t>(bits());
    auto count = static_cast<std::uint64_t>(size());
    archive& its_bits& count;
    if constexpr (Archive::is_loading::value) {
      if (its_bits != 32 && its_bits != 64)
        throw Error(error::archive_corrupt, "a vector of a ring of " + std::to_string(its_bits) + " bits");
      if constexpr (requires { archive.require_detached(std::size_t{}, std::size_t{}); })
        archive.require_detached(static_cast<std::size_t>(count), its_bits / 8);
      *this = RingVector(its_bits, static_cast<std::size_t>(count));
    }
    std::visit([&archive](auto& words) { serialize_detached(archive, std::span(words)); }, words_);
  }

 private:
  std::variant<std::vector<std::uint32_t>, std::vector<std::uint64_t>> words_{};
};

}  // namespace healthai::secagg
