#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "healthai/compression/detail/buckets.hpp"
#include "healthai/compression/detail/kept.hpp"
#include "healthai/core/error.hpp"
#include "healthai/core/random.hpp"
#include "healthai/serialization/archive.hpp"

namespace healthai {

/// Keeps k coordinates chosen at random, all sets of k alike, and drops the others (Konecny, McMahan, Yu, Richtarik, Suresh,
/// Bacon: Federated Learning: Strategies for Improving Communication Efficiency, 2016, "random mask"; Stich, Cordonnier, Jaggi:
/// Sparsified SGD with Memory, 2018). All clients of a round keep the same ones, so that encoded vectors can be summed; the
/// price is that a mean over clients does not average the choice out, only rounds do.
///
///     E||x - C(x)||^2 = (1 - k/d) ||x||^2  as it is;   E[C(x)] = x,  E||x - C(x)||^2 = (d/k - 1) ||x||^2  if `unbiased_scaling`
///
/// Bytes: 8 from which the choice is drawn, k in 8, the values. No indices travel.
struct RandomK {
  double share = 0.01;                 ///< of the coordinates that are kept, in (0, 1]; at least one is
  std::optional<std::size_t> count{};  ///< how many are kept, instead of a share
  bool unbiased_scaling = false;       ///< multiply what is kept by d/k; not together with error feedback

  static constexpr std::string_view name = "random_k";
  static constexpr bool additive = true;

  void validate() const { detail::validate_kept(share, count, "RandomK"); }
  [[nodiscard]] bool unbiased() const noexcept { return unbiased_scaling; }
  [[nodiscard]] bool contracts() const noexcept { return !unbiased_scaling; }

  template <class Scalar>
  [[nodiscard]] std::vector<std::byte> encode(std::span<const Scalar> values, Stream& stream) const {
    const std::size_t k = detail::kept(share, count, values.size());
    const double scale =
        unbiased_scaling && k > 0 ? static_cast<double>(values.size()) / static_cast<double>(k) : 1.0;
    constexpr double largest = (std::numeric_limits<Scalar>::max)();
    const std::uint64_t key = stream();
    std::vector<Scalar> chosen;
    chosen.reserve(k);
    for_each_chosen(key, values.size(), k, [&](std::size_t i) {
      chosen.push_back(
          static_cast<Scalar>(std::clamp(static_cast<double>(values[i]) * scale, -largest, largest)));
    });
    std::vector<std::byte> bytes;
    bytes.reserve(2 * sizeof(std::uint64_t) + k * sizeof(Scalar));
    BytesSink sink(bytes);
    BinaryWriter writer(sink);
    writer << key << static_cast<std::uint64_t>(k);
    writer.numbers(std::span<const Scalar>(chosen));
    return bytes;
  }

  template <class Scalar>
  static void decode(std::span<const std::byte> bytes, std::span<Scalar> values) {
    SpanSource source(bytes);
    BinaryReader reader(source);
    std::uint64_t key = 0;
    std::uint64_t k = 0;
    reader >> key >> k;
    if (k > values.size()) {
      throw Error(error::archive_limit, "a random-k update keeps " + std::to_string(k) + " of " +
                                            std::to_string(values.size()) + " coordinates");
    }
    detail::require_rest(reader, k * sizeof(Scalar));
    std::fill(values.begin(), values.end(), Scalar{0});
    for_each_chosen(key, values.size(), static_cast<std::size_t>(k),
                    [&](std::size_t i) { reader >> values[i]; });
  }

 private:
  /// Selection sampling (Knuth: The Art of Computer Programming 2, section 3.4.2, algorithm S): calls `use(i)` for `count` of the
  /// `size` indices, in ascending order.
  template <class Use>
  static void for_each_chosen(std::uint64_t key, std::size_t size, std::size_t count, Use use) {
    Stream stream(key, Purpose::compression);
    for (std::size_t i = 0; count > 0; ++i) {
      if (uniform_index(stream, size - i) >= count) continue;
      use(i);
      --count;
    }
  }
};

}  // namespace healthai
