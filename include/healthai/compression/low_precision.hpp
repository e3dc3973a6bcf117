#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <Eigen/Core>
#include <span>
#include <string_view>
#include <type_traits>
#include <vector>

#include "healthai/compression/detail/buckets.hpp"
#include "healthai/compression/detail/narrow.hpp"
#include "healthai/core/error.hpp"
#include "healthai/core/random.hpp"
#include "healthai/serialization/archive.hpp"

namespace healthai {

/// 16 bits a coordinate, `Narrow` being Eigen::half or Eigen::bfloat16: rounded once to nearest, ties to even, from float as from
/// double. What is beyond the format's range becomes its largest number; with error feedback the rest follows.
///
/// Bytes: two a coordinate.
template <class Narrow>
struct SixteenBit {
  static constexpr std::string_view name = std::is_same_v<Narrow, Eigen::half> ? "float16" : "bfloat16";
  static constexpr bool additive = false;

  static constexpr void validate() noexcept {}
  [[nodiscard]] static constexpr bool unbiased() noexcept { return false; }
  [[nodiscard]] static constexpr bool contracts() noexcept { return true; }

  template <class Scalar>
  [[nodiscard]] std::vector<std::byte> encode(std::span<const Scalar> values, Stream& /*stream*/) const {
    std::vector<std::byte> bytes;
    bytes.reserve(2 * values.size());
    for (const Scalar value : values) {
      const auto bits = Eigen::numext::bit_cast<std::uint16_t>(detail::narrow<Narrow>(value));
      bytes.push_back(static_cast<std::byte>(bits & 0xFFU));
      bytes.push_back(static_cast<std::byte>(bits >> 8U));
    }
    return bytes;
  }

  template <class Scalar>
  static void decode(std::span<const std::byte> bytes, std::span<Scalar> values) {
    SpanSource source(bytes);
    const BinaryReader reader(source);
    detail::require_rest(reader, 2 * values.size());
    for (std::size_t i = 0; i < values.size(); ++i) {
      const auto bits = static_cast<std::uint16_t>(std::to_integer<unsigned>(bytes[2 * i]) |
                                                   std::to_integer<unsigned>(bytes[2 * i + 1]) << 8U);
      values[i] = static_cast<Scalar>(static_cast<float>(Eigen::numext::bit_cast<Narrow>(bits)));
    }
  }
};

/// IEEE 754 binary16: 11 bits of precision, magnitudes up to 65504 and down to 2^-24.
using Float16 = SixteenBit<Eigen::half>;
/// The upper half of a float: 8 bits of precision, the range of float.
using BFloat16 = SixteenBit<Eigen::bfloat16>;

/// 8 bits a coordinate: whole multiples, from -127 to 127, of the 127th part of the bucket's largest magnitude, rounded to
/// nearest (Dettmers: 8-Bit Approximations for Parallelism in Deep Learning, 2016, "linear quantization"). An error is at most half
/// a multiple, and none at the largest. Qsgd is its unbiased relative.
///
/// Bytes: the bucket's size in 8, one largest magnitude a bucket, one byte a coordinate.
struct Int8 {
  std::size_t bucket = 512;  ///< at least 1: coordinates that share a scale

  static constexpr std::string_view name = "int8";
  static constexpr bool additive = false;

  void validate() const {
    if (bucket == 0) throw Error(error::invalid_argument, "Int8: bucket must be at least 1");
  }
  [[nodiscard]] static constexpr bool unbiased() noexcept { return false; }
  [[nodiscard]] static constexpr bool contracts() noexcept { return true; }

  template <class Scalar>
  [[nodiscard]] std::vector<std::byte> encode(std::span<const Scalar> values, Stream& /*stream*/) const {
    const std::size_t buckets = detail::bucket_count(values.size(), bucket);
    std::vector<Scalar> largest(buckets);
    std::vector<std::int8_t> codes(values.size());
    detail::for_each_bucket(values.size(), bucket, [&](std::size_t b, std::size_t begin, std::size_t end) {
      for (std::size_t i = begin; i < end; ++i) largest[b] = (std::max)(largest[b], std::abs(values[i]));
      if (largest[b] == 0) return;
      for (std::size_t i = begin; i < end; ++i) {
        const double share = static_cast<double>(values[i]) / static_cast<double>(largest[b]);
        codes[i] = static_cast<std::int8_t>(std::nearbyint(127 * share));
      }
    });
    std::vector<std::byte> bytes;
    bytes.reserve(8 + buckets * sizeof(Scalar) + values.size());
    BytesSink sink(bytes);
    BinaryWriter writer(sink);
    writer << static_cast<std::uint64_t>(bucket);
    writer.numbers(std::span<const Scalar>(largest));
    writer.numbers(std::span<const std::int8_t>(codes));
    return bytes;
  }

  template <class Scalar>
  static void decode(std::span<const std::byte> bytes, std::span<Scalar> values) {
    SpanSource source(bytes);
    BinaryReader reader(source);
    std::uint64_t read_bucket = 0;
    reader >> read_bucket;
    const std::size_t bucket = detail::checked_bucket(read_bucket);
    detail::require_rest(reader,
                         detail::bucket_count(values.size(), bucket) * sizeof(Scalar) + values.size());
    const std::span<const std::byte> codes = bytes.last(values.size());
    detail::for_each_bucket(values.size(), bucket, [&](std::size_t, std::size_t begin, std::size_t end) {
      Scalar largest{};
      reader >> largest;
      for (std::size_t i = begin; i < end; ++i) {
        const auto code = static_cast<double>(std::to_integer<std::int8_t>(codes[i]));
        values[i] = static_cast<Scalar>(static_cast<double>(largest) * (code / 127));
      }
    });
  }
};

}  // namespace healthai
