#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string_view>
#include <vector>

#include "healthai/compression/detail/buckets.hpp"
#include "healthai/compression/detail/packed_bits.hpp"
#include "healthai/core/error.hpp"
#include "healthai/core/random.hpp"
#include "healthai/serialization/archive.hpp"

namespace healthai {

/// One bit a coordinate, its sign, and the mean magnitude of its bucket (Karimireddy, Rebjock, Stich, Jaggi: Error Feedback
/// Fixes SignSGD and other Gradient Compression Schemes, 2019, algorithm 1; Bernstein, Wang, Azizzadenesheli, Anandkumar:
/// signSGD, 2018, has no magnitude and diverges on simple problems). Of zero the sign is +1. Biased: use error feedback.
///
///     C(x) = ||x||_1 / n sign(x),   ||x - C(x)||^2 = ||x||^2 - ||x||_1^2 / n <= (1 - 1/n) ||x||^2   for buckets of n (lemma 8)
///
/// Bytes: n in 8, one magnitude a bucket, the bits (1 is negative).
struct Sign {
  std::size_t bucket =
      512;  ///< n, at least 1: coordinates that share a magnitude. (The paper: a layer, or all.)

  static constexpr std::string_view name = "sign";
  static constexpr bool additive = false;

  void validate() const {
    if (bucket == 0) throw Error(error::invalid_argument, "Sign: bucket must be at least 1");
  }
  [[nodiscard]] static constexpr bool unbiased() noexcept { return false; }
  [[nodiscard]] static constexpr bool contracts() noexcept { return true; }

  template <class Scalar>
  [[nodiscard]] std::vector<std::byte> encode(std::span<const Scalar> values, Stream& /*stream*/) const {
    std::vector<std::byte> bytes;
    bytes.reserve(8 + detail::bucket_count(values.size(), bucket) * sizeof(Scalar) +
                  detail::packed_size(values.size(), 1));
    BytesSink sink(bytes);
    BinaryWriter writer(sink);
    writer << static_cast<std::uint64_t>(bucket);
    detail::for_each_bucket(values.size(), bucket, [&](std::size_t, std::size_t begin, std::size_t end) {
      const auto n = static_cast<double>(end - begin);
      double mean = 0;  // of terms already divided, as their sum may not fit
      for (std::size_t i = begin; i < end; ++i) mean += std::abs(static_cast<double>(values[i])) / n;
      constexpr double largest = (std::numeric_limits<Scalar>::max)();
      writer << static_cast<Scalar>((std::min)(mean, largest));
    });
    detail::BitPacker packer(bytes);
    for (const Scalar value : values) packer.put(value < 0 ? 1 : 0, 1);
    packer.finish();
    return bytes;
  }

  template <class Scalar>
  static void decode(std::span<const std::byte> bytes, std::span<Scalar> values) {
    SpanSource source(bytes);
    BinaryReader reader(source);
    std::uint64_t read_bucket = 0;
    reader >> read_bucket;
    const std::size_t bucket = detail::checked_bucket(read_bucket);
    const std::size_t packed = detail::packed_size(values.size(), 1);
    detail::require_rest(reader, detail::bucket_count(values.size(), bucket) * sizeof(Scalar) + packed);
    detail::BitUnpacker unpacker(bytes.last(packed));
    detail::for_each_bucket(values.size(), bucket, [&](std::size_t, std::size_t begin, std::size_t end) {
      Scalar magnitude{};
      reader >> magnitude;
      for (std::size_t i = begin; i < end; ++i) values[i] = unpacker.get(1) == 1 ? -magnitude : magnitude;
    });
  }
};

}  // namespace healthai
