#pragma once

#include <concepts>
#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "healthai/core/random.hpp"

namespace healthai {

/// A way to say a vector in fewer bytes, with a loss: a small value with hyperparameters (TopK, RandomK, Qsgd, Sign, Float16,
/// BFloat16, Int8). `Compressed` puts one around a client. In what follows C(x) is what `decode` makes of `encode(x)`.
///
/// - `K::name`: identifies the format of the bytes on the wire; the coordinator finds the decoder by it.
/// - `K::additive`: whether vectors encoded with equal streams can be summed coordinate by coordinate in their encoded form, as
///   under secure aggregation. Random-k is, because all clients keep the same coordinates; top-k is not.
/// - `validate()`: throws Error (`invalid_argument`) for hyperparameters outside their range.
/// - `unbiased()`: whether E[C(x)] = x. Then the mean over many clients loses little, and no error need be remembered.
/// - `contracts()`: whether E||x - C(x)||^2 <= ||x||^2, and < where the loss can be made good in time: what error feedback needs
///   (Karimireddy, Rebjock, Stich, Jaggi: Error Feedback Fixes SignSGD and other Gradient Compression Schemes, 2019, assumption A).
/// - `encode(values, stream)`: the bytes, lowest first. `values` are finite; the result depends on them, the hyperparameters
///   and the stream only. C(x) is finite too.
/// - `K::decode(bytes, values)`: fills all of `values`, whose number is that of the encoded ones. The bytes may be hostile: it
///   throws Error (`archive_*`) when they are not what `encode` could have made for so many values, does not allocate, and takes
///   time proportional to both. Numbers in them may be NaN or infinite: whoever decodes looks for those afterwards.
///
/// Thread safety: `const` members may be called from any thread. Not required: state; a Compressor remembers nothing.
/// \tparam Scalar  float or double; both sides of a task use the same
template <class K, class Scalar>
concept Compressor = std::copyable<K> &&
    requires(const K& compressor, std::span<const Scalar> values, std::span<Scalar> decoded,
             std::span<const std::byte> bytes, Stream& stream) {
  { K::name } -> std::convertible_to<std::string_view>;
  { K::additive } -> std::convertible_to<bool>;
  { compressor.validate() } -> std::same_as<void>;
  { compressor.unbiased() } -> std::same_as<bool>;
  { compressor.contracts() } -> std::same_as<bool>;
  { compressor.encode(values, stream) } -> std::same_as<std::vector<std::byte>>;
  { K::decode(bytes, decoded) } -> std::same_as<void>;
};

}  // namespace healthai
