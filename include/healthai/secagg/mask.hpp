#pragma once

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/crypto/detail/algorithm.hpp"
#include "healthai/crypto/detail/openssl.hpp"
#include "healthai/crypto/secret.hpp"
#include "healthai/crypto/secret_bytes.hpp"
#include "healthai/secagg/detail/ring_words.hpp"

namespace healthai::secagg {

/// Whether a mask is added or subtracted. Of two who share a seed one does this and the other that, so that it is not in their sum.
enum class MaskSign : std::uint8_t { plus, minus };

/// A mask: what it is made of, and which way it goes.
struct SignedSeed {
  Secret<32> seed{};
  MaskSign sign = MaskSign::plus;
};

/// Puts masks on vectors of ring elements, and takes them off: as in Bonawitz et al.: Practical Secure Aggregation for
/// Privacy-Preserving Machine Learning, 2017, section 4, where PRG(seed) is this. The mask of a seed is the key stream of
/// AES-256 in counter mode (NIST SP 800-38A, section 6.5), the seed being the key and the first counter block 0, read as
/// little-endian words of the ring's size: element i of the mask is the bytes [i w, (i + 1) w) of the stream, w = 4 or 8. So the
/// two rings have different masks, and a seed must serve one vector only, ever: who sees the sums of two vectors with the
/// same mask knows their difference. Derive a new seed for each (`hkdf_sha256`).
///
/// Elements are added modulo 2^32 or 2^64. Masks are made 8 KiB at a time, which stay in the nearest cache, and all masks of a
/// piece are added before the next one is looked at: memory of a fixed size whatever the vector's, which is read and
/// written once for 32 masks. The object is made once and used for many: no call allocates but the first.
/// It holds key material until it goes, and wipes it then. Not thread-safe: give each thread one, and a slice with its offset.
///
///     MaskStream stream;
///     stream.add_masks(values, seeds);                                       // the whole, or, on two threads:
///     mine.add_masks(std::span(values).first(n), seeds, 0);
///     yours.add_masks(std::span(values).subspan(n), seeds, n);
class MaskStream {
 public:
  /// \throws Error (`crypto`) when OpenSSL has no AES-256-CTR
  MaskStream() : cipher_(healthai::detail::aes_256_ctr()), stream_(piece) {}

  /// Adds the masks of all `seeds`, or subtracts them, each as its sign says.
  /// \param offset  the place of `values` in the whole vector, in elements
  /// \throws Error (`overflow`) for a slice that ends beyond what 64 bits can count in bytes, (`crypto`) when OpenSSL refuses; `values`
  ///         are then good for nothing
  void add_masks(std::span<std::uint32_t> values, std::span<const SignedSeed> seeds,
                 std::uint64_t offset = 0) {
    apply(values, seeds, offset);
  }
  void add_masks(std::span<std::uint64_t> values, std::span<const SignedSeed> seeds,
                 std::uint64_t offset = 0) {
    apply(values, seeds, offset);
  }

 private:
  static constexpr std::size_t piece = 8192;        ///< bytes of a mask at a time
  static constexpr std::size_t masks_at_once = 32;  ///< each has a context, which is some 500 bytes
  static constexpr std::size_t block = 16;          ///< bytes that AES makes from one counter
  alignas(64) static constexpr std::array<unsigned char, piece> zeros{};

  [[nodiscard]] unsigned char* stream() noexcept {
    return reinterpret_cast<unsigned char*>(stream_.writable_bytes().data());
  }
  static void require(bool good) {
    if (!good) healthai::detail::throw_crypto_error("cannot make a mask");
  }

  template <class Ring>
  void apply(std::span<Ring> values, std::span<const SignedSeed> seeds, std::uint64_t offset) {
    constexpr std::uint64_t most = std::numeric_limits<std::uint64_t>::max() / sizeof(Ring);
    if (values.size() > most || offset > most - values.size()) {
      throw Error(error::overflow, "a mask of " + std::to_string(values.size()) + " elements from element " +
                                       std::to_string(offset) + " on is longer than 2^64 bytes");
    }
    for (std::size_t first = 0; first < seeds.size(); first += masks_at_once) {
      const auto some = seeds.subspan(first, (std::min)(masks_at_once, seeds.size() - first));
      for (std::size_t k = 0; k < some.size(); ++k) begin(k, some[k].seed, offset * sizeof(Ring));
      constexpr std::size_t step = piece / sizeof(Ring);
      for (std::size_t at = 0; at < values.size(); at += step) {
        const std::span<Ring> part = values.subspan(at, (std::min)(step, values.size() - at));
        for (std::size_t k = 0; k < some.size(); ++k) {
          make(k, part.size_bytes());
          if (some[k].sign == MaskSign::plus) {
            combine<MaskSign::plus>(part);
          } else {
            combine<MaskSign::minus>(part);
          }
        }
      }
    }
  }

  /// Context `k` is at byte `position` of the seed's stream.
  void begin(std::size_t k, const Secret<32>& seed, std::uint64_t position) {
    if (k == contexts_.size()) {
      contexts_.emplace_back(EVP_CIPHER_CTX_new());
      require(contexts_.back() != nullptr);
    }
    std::array<unsigned char, block> counter{};  // one big-endian number
    for (std::uint64_t rest = position / block, i = block; rest != 0; rest >>= 8U)
      counter[--i] = static_cast<unsigned char>(rest);
    // The cipher only where the context is new: it would be set up from scratch.
    const EVP_CIPHER* const cipher =
        EVP_CIPHER_CTX_get0_cipher(contexts_[k].get()) == nullptr ? cipher_ : nullptr;
    require(EVP_EncryptInit_ex2(contexts_[k].get(), cipher, seed.bytes().data(), counter.data(), nullptr) ==
            1);
    if (position % block != 0) make(k, position % block);
  }
  /// The next `bytes` of stream `k`. What is encrypted are zeros elsewhere: to overwrite the last piece by them first costs more.
  void make(std::size_t k, std::size_t bytes) {
    int written = 0;
    require(EVP_EncryptUpdate(contexts_[k].get(), stream(), &written, zeros.data(),
                              static_cast<int>(bytes)) == 1);
  }

  /// The words at the beginning of the stream, added or subtracted.
  template <MaskSign sign, class Ring>
  void combine(std::span<Ring> values) noexcept {
    if constexpr (std::endian::native == std::endian::little) {
      detail::combine_words<sign == MaskSign::minus>(values.data(), stream(), values.size());
    } else {
      for (std::size_t i = 0; i < values.size(); ++i) {
        Ring word;
        std::memcpy(&word, stream() + i * sizeof(Ring), sizeof word);
        word = reversed(word);
        values[i] = static_cast<Ring>(sign == MaskSign::plus ? values[i] + word : values[i] - word);
      }
    }
  }
  template <class Ring>
  [[nodiscard]] static constexpr Ring reversed(Ring word) noexcept {
    Ring result = 0;
    for (std::size_t i = 0; i < sizeof(Ring); ++i, word >>= 8U) result = (result << 8U) | (word & 0xFFU);
    return result;
  }

  const EVP_CIPHER* cipher_;
  std::vector<healthai::detail::CipherContext> contexts_{};
  SecretBytes stream_;
};

/// `MaskStream::add_masks` once. \throws Error (`overflow`, `crypto`)
inline void add_masks(std::span<std::uint32_t> values, std::span<const SignedSeed> seeds) {
  MaskStream().add_masks(values, seeds);
}
inline void add_masks(std::span<std::uint64_t> values, std::span<const SignedSeed> seeds) {
  MaskStream().add_masks(values, seeds);
}

}  // namespace healthai::secagg
