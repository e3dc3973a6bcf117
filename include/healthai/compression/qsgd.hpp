#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <Eigen/Core>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "healthai/compression/detail/buckets.hpp"
#include "healthai/compression/detail/packed_bits.hpp"
#include "healthai/core/error.hpp"
#include "healthai/core/random.hpp"
#include "healthai/serialization/archive.hpp"

namespace healthai {

/// Rounds each coordinate at random to one of s levels of its bucket's length, without bias (Alistarh, Grubic, Li, Tomioka,
/// Vojnovic: QSGD: Communication-Efficient SGD via Gradient Quantization and Encoding, 2017, section 3.1):
///
///     C(x)_i = ||x|| sign(x_i) l / s,   l = floor(s |x_i| / ||x||), or one more with the probability of what is left over
///     E[C(x)] = x,   E||x - C(x)||^2 <= min(n/s^2, sqrt(n)/s) ||x||^2   for buckets of n (lemma 3.1)
///
/// Deviation: levels are written with a fixed number of bits and not in Elias's code, which saves more when most of them are 0.
/// Bytes: n in 8 and s in 4, one length a bucket, then l + s in as many bits as 2 s needs (3 bits for s = 3, 8 for s = 127).
struct Qsgd {
  std::uint32_t levels = 127;  ///< s, at least 1 and at most 2^30
  std::size_t bucket = 512;    ///< n, at least 1: coordinates that share a length

  static constexpr std::string_view name = "qsgd";
  static constexpr bool additive = false;
  static constexpr std::uint32_t most_levels = std::uint32_t{1} << 30U;

  void validate() const {
    if (levels == 0 || levels > most_levels) {
      throw Error(error::invalid_argument, "Qsgd: levels must be in [1, 2^30]");
    }
    if (bucket == 0) throw Error(error::invalid_argument, "Qsgd: bucket must be at least 1");
  }
  [[nodiscard]] static constexpr bool unbiased() noexcept { return true; }
  /// With more levels than the square root of `bucket`.
  [[nodiscard]] bool contracts() const noexcept {
    return static_cast<double>(levels) * levels > static_cast<double>(bucket);
  }

  template <class Scalar>
  [[nodiscard]] std::vector<std::byte> encode(std::span<const Scalar> values, Stream& stream) const {
    const std::size_t buckets = detail::bucket_count(values.size(), bucket);
    const unsigned width = width_for(levels);
    std::vector<std::byte> bytes;
    bytes.reserve(12 + buckets * sizeof(Scalar) + detail::packed_size(values.size(), width));
    BytesSink sink(bytes);
    BinaryWriter writer(sink);
    writer << static_cast<std::uint64_t>(bucket) << levels;
    std::vector<Scalar> lengths(buckets);
    detail::for_each_bucket(values.size(), bucket, [&](std::size_t b, std::size_t begin, std::size_t end) {
      lengths[b] = length(values.subspan(begin, end - begin));
    });
    writer.numbers(std::span<const Scalar>(lengths));
    detail::BitPacker packer(bytes);
    detail::for_each_bucket(values.size(), bucket, [&](std::size_t b, std::size_t begin, std::size_t end) {
      for (std::size_t i = begin; i < end; ++i) packer.put(level(values[i], lengths[b], stream), width);
    });
    packer.finish();
    return bytes;
  }

  template <class Scalar>
  static void decode(std::span<const std::byte> bytes, std::span<Scalar> values) {
    SpanSource source(bytes);
    BinaryReader reader(source);
    std::uint64_t read_bucket = 0;
    std::uint32_t levels = 0;
    reader >> read_bucket >> levels;
    const std::size_t bucket = detail::checked_bucket(read_bucket);
    if (levels == 0 || levels > most_levels) {
      throw Error(error::archive_corrupt, "a QSGD update has " + std::to_string(levels) + " levels");
    }
    const std::size_t buckets = detail::bucket_count(values.size(), bucket);
    const unsigned width = width_for(levels);
    const std::size_t packed = detail::packed_size(values.size(), width);
    detail::require_rest(reader, buckets * sizeof(Scalar) + packed);
    detail::BitUnpacker unpacker(bytes.last(packed));
    detail::for_each_bucket(values.size(), bucket, [&](std::size_t, std::size_t begin, std::size_t end) {
      Scalar length{};
      reader >> length;
      for (std::size_t i = begin; i < end; ++i) {
        const std::uint32_t code = unpacker.get(width);
        if (code > 2 * levels) {
          throw Error(error::archive_corrupt, "coordinate " + std::to_string(i) +
                                                  " of a QSGD update has a level beyond its " +
                                                  std::to_string(levels));
        }
        const double share = (static_cast<double>(code) - levels) / levels;
        values[i] = static_cast<Scalar>(static_cast<double>(length) * share);
      }
    });
  }

 private:
  [[nodiscard]] static constexpr unsigned width_for(std::uint32_t levels) noexcept {
    return static_cast<unsigned>(std::bit_width(2 * levels));
  }
  /// The Euclidean length; rounding must not make it less than the largest magnitude, nor infinite.
  template <class Scalar>
  [[nodiscard]] static Scalar length(std::span<const Scalar> values) {
    const Eigen::Map<const Eigen::Matrix<Scalar, Eigen::Dynamic, 1>> x(
        values.data(), static_cast<Eigen::Index>(values.size()));
    const double largest = static_cast<double>(x.cwiseAbs().maxCoeff());
    if (largest == 0) return 0;
    const double exact = largest * (x.template cast<double>() / largest).norm();
    return static_cast<Scalar>(
        std::clamp(exact, largest, static_cast<double>((std::numeric_limits<Scalar>::max)())));
  }
  /// l with the sign of `value`, plus s.
  template <class Scalar>
  [[nodiscard]] std::uint32_t level(Scalar value, Scalar length, Stream& stream) const {
    const double random = uniform(stream);  // drawn for zeros too: one number a coordinate
    if (length == 0) return levels;
    const double exact = std::abs(static_cast<double>(value)) / static_cast<double>(length) * levels;
    const double floor = std::floor(exact);
    auto l = static_cast<std::uint32_t>(floor);
    if (random < exact - floor) ++l;
    l = (std::min)(l, levels);
    return value < 0 ? levels - l : levels + l;
  }
};

}  // namespace healthai
