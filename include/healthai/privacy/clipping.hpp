#pragma once

#include <cstddef>
#include <Eigen/Core>
#include <span>
#include <string>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/core/finite.hpp"
#include "healthai/core/norm.hpp"
#include "healthai/core/number_text.hpp"
#include "healthai/core/training.hpp"

namespace healthai {

/// What clipping found and did.
struct ClipResult {
  double norm = 0;    ///< Euclidean length before
  double factor = 1;  ///< by which all numbers were multiplied: 1 where nothing was clipped
  [[nodiscard]] bool clipped() const noexcept { return factor != 1; }
};

namespace detail {

/// \throws Error (`invalid_argument`) unless `bound` is positive and finite
inline void require_clip(double bound) {
  if (!(bound > 0) || !is_finite(bound)) {
    throw Error(error::invalid_argument, "clipping: a bound must be positive, but is " + number_text(bound));
  }
}
/// Clips some spans of numbers jointly. Until what was rounded is no longer than the bound.
template <class Scalar>
ClipResult clip_spans(std::span<const std::span<Scalar>> parts, double bound) {
  require_clip(bound);
  const auto length = [&parts] {
    Eigen::VectorXd norms(static_cast<Eigen::Index>(parts.size()));
    Eigen::Index i = 0;
    for (const std::span<Scalar> part : parts) norms[i++] = norm(std::span<const Scalar>(part));
    return norms.stableNorm();
  };
  for (const std::span<Scalar> part : parts) {
    if (!all_finite(std::span<const Scalar>(part))) {
      throw Error(error::not_finite, "clipping: an update has NaN or infinity, of which no part can be kept");
    }
  }
  ClipResult result{length()};
  if (!is_finite(result.norm)) {
    throw Error(error::not_finite, "clipping: the length of an update is beyond the range of double");
  }
  int tries = 0;
  for (double now = result.norm; now > bound; now = length()) {
    // What rounding adds to a length is less than this part of it, so once is enough; but not for the smallest numbers that
    // there are, which are rounded to themselves, and become 0.
    const double margin = 1 - (sizeof(Scalar) == 4 ? 0x1p-22 : 0x1p-50);
    const double factor = ++tries < 4 ? bound / now * margin : 0;
    result.factor *= factor;
    for (const std::span<Scalar> part : parts) {
      for (Scalar& value : part) value = static_cast<Scalar>(static_cast<double>(value) * factor);
    }
  }
  return result;
}

}  // namespace detail

/// Shortens an update to a Euclidean length of at most `bound`: all tensors of it and of the extra vectors that travel with it
/// (control variates, say) jointly, as they are released together. What is not longer keeps every bit. Zeros, and updates without
/// numbers, are fine. After rounding, too, the length as computed in double is at most the bound.
///
/// Clipped is nothing else: weights, metrics and extra numbers of a reply need bounds of their own, or must not be sent.
/// \throws Error (`invalid_argument`) unless bound > 0, (`not_finite`) for NaN, infinity, or a length beyond double,
///   (`invalid_reply`) for a reply that is already compressed, of which the numbers are not to be seen
template <class Scalar>
ClipResult clip_update(TrainReply<Scalar>& reply, double bound) {
  if (reply.compressed) {
    throw Error(error::invalid_reply,
                "clipping: the reply is already compressed; write Compressed{Clipped{client, ...}, ...}");
  }
  std::vector<std::span<Scalar>> parts{reply.update.span()};
  for (SummandVector<Scalar>& vector : reply.extra) parts.push_back(vector.values.span());
  return detail::clip_spans(std::span<const std::span<Scalar>>(parts), bound);
}

/// Shortens each tensor to a bound of its own (McMahan, Ramage, Talwar, Zhang: Learning Differentially Private Recurrent Language
/// Models, 2018, section 2.2, per-layer clipping). The whole is then at most as long as the bounds themselves, taken as a vector.
/// \param bounds  one for each tensor of the layout, in its order
/// \throws Error (`layout_mismatch`) for another number of bounds, (`invalid_argument`, `not_finite`) as above
template <class Scalar>
std::vector<ClipResult> clip_per_layer(Parameters<Scalar>& update, std::span<const double> bounds) {
  const Layout& layout = update.layout();
  if (bounds.size() != layout.tensors().size()) {
    throw Error(error::layout_mismatch, "clipping: there are " + std::to_string(bounds.size()) +
                                            " bounds, but the layout is " + layout.describe());
  }
  for (const double bound : bounds) detail::require_clip(bound);
  if (!all_finite(std::span<const Scalar>(update.span()))) {
    throw Error(error::not_finite, "clipping: an update has NaN or infinity, of which no part can be kept");
  }
  std::vector<ClipResult> results;
  for (std::size_t i = 0; i < bounds.size(); ++i) {
    const std::span<Scalar> part = update.span().subspan(layout.offset(i), layout.size(i));
    results.push_back(detail::clip_spans(std::span<const std::span<Scalar>>(&part, 1), bounds[i]));
  }
  return results;
}

}  // namespace healthai
