#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "healthai/compression/detail/kept.hpp"
#include "healthai/core/error.hpp"
#include "healthai/core/random.hpp"
#include "healthai/serialization/archive.hpp"

namespace healthai {

/// Keeps the k coordinates of largest magnitude as they are and drops the others (Aji, Heafield: Sparse Communication for
/// Distributed Gradient Descent, 2017; Lin, Han, Mao, Wang, Dally: Deep Gradient Compression, 2018). Of equal magnitudes those
/// of lower index are kept. k is exact; those papers estimate the threshold from a sample. Biased: use error feedback.
///
///     ||x - C(x)||^2 <= (1 - k/d) ||x||^2        (Stich, Cordonnier, Jaggi: Sparsified SGD with Memory, 2018, eq. 7)
///
/// Bytes: k in 8, the values as they are, then each index as the number of coordinates skipped since the one before, in base 128
/// (7 bits a byte, the high bit set on all but the last byte): one byte where less than 128 are skipped.
struct TopK {
  double share = 0.01;                 ///< of the coordinates that are kept, in (0, 1]; at least one is
  std::optional<std::size_t> count{};  ///< how many are kept, instead of a share

  static constexpr std::string_view name = "top_k";
  static constexpr bool additive = false;

  void validate() const { detail::validate_kept(share, count, "TopK"); }
  [[nodiscard]] static constexpr bool unbiased() noexcept { return false; }
  [[nodiscard]] static constexpr bool contracts() noexcept { return true; }

  template <class Scalar>
  [[nodiscard]] std::vector<std::byte> encode(std::span<const Scalar> values, Stream& /*stream*/) const {
    const std::size_t k = detail::kept(share, count, values.size());
    std::vector<std::size_t> indices;
    std::vector<Scalar> chosen;
    indices.reserve(k);
    chosen.reserve(k);
    if (k > 0) {
      std::vector<Scalar> magnitudes(values.size());
      std::transform(values.begin(), values.end(), magnitudes.begin(), [](Scalar x) { return std::abs(x); });
      const auto kth = magnitudes.begin() + static_cast<std::ptrdiff_t>(k - 1);
      std::nth_element(magnitudes.begin(), kth, magnitudes.end(), std::greater<>());
      const Scalar threshold = *kth;
      const auto above = static_cast<std::size_t>(
          std::count_if(magnitudes.begin(), kth, [threshold](Scalar x) { return x > threshold; }));
      for (std::size_t i = 0, ties = k - above; i < values.size(); ++i) {
        const Scalar magnitude = std::abs(values[i]);
        if (magnitude < threshold || (magnitude == threshold && ties == 0)) continue;
        if (magnitude == threshold) --ties;
        indices.push_back(i);
        chosen.push_back(values[i]);
      }
    }
    std::vector<std::byte> bytes;
    bytes.reserve(sizeof(std::uint64_t) + k * (sizeof(Scalar) + 2));
    BytesSink sink(bytes);
    BinaryWriter writer(sink);
    writer << static_cast<std::uint64_t>(k);
    writer.numbers(std::span<const Scalar>(chosen));
    for (std::size_t i = 0, next = 0; i < k; next = indices[i++] + 1) {
      std::uint64_t skipped = indices[i] - next;
      for (; skipped >= 128; skipped >>= 7U) bytes.push_back(static_cast<std::byte>(skipped % 128 + 128));
      bytes.push_back(static_cast<std::byte>(skipped));
    }
    return bytes;
  }

  template <class Scalar>
  static void decode(std::span<const std::byte> bytes, std::span<Scalar> values) {
    SpanSource source(bytes);
    BinaryReader reader(source);
    std::uint64_t k = 0;
    reader >> k;
    reader.require(k, sizeof(Scalar) + 1);
    std::fill(values.begin(), values.end(), Scalar{0});
    std::size_t at = sizeof(k) + static_cast<std::size_t>(k) * sizeof(Scalar);  // of the next index
    std::size_t room = values.size();                                           // coordinates that may follow
    for (std::uint64_t i = 0; i < k; ++i) {
      Scalar value{};
      reader >> value;
      const std::uint64_t skipped = read_skipped(bytes, at);
      if (skipped >= room) {
        throw Error(error::archive_corrupt, "value " + std::to_string(i) + " of " + std::to_string(k) +
                                                " of a top-k update lies beyond the " +
                                                std::to_string(values.size()) + " coordinates");
      }
      room -= static_cast<std::size_t>(skipped) + 1;
      values[values.size() - room - 1] = value;
    }
    if (at != bytes.size()) {
      throw Error(error::archive_corrupt, "a top-k update ends at byte " + std::to_string(at) + ", but " +
                                              std::to_string(bytes.size() - at) + " bytes follow it");
    }
  }

 private:
  /// \param at  where the number begins; afterwards, where it ended
  [[nodiscard]] static std::uint64_t read_skipped(std::span<const std::byte> bytes, std::size_t& at) {
    std::uint64_t number = 0;
    for (unsigned shift = 0; shift < 63; shift += 7) {
      if (at >= bytes.size()) throw Error(error::archive_truncated, "a top-k update ends within its indices");
      const auto byte = std::to_integer<std::uint64_t>(bytes[at++]);
      number |= (byte & 127U) << shift;
      if (byte < 128) return number;
    }
    throw Error(error::archive_corrupt, "an index of a top-k update has more than 63 bits");
  }
};

}  // namespace healthai
