#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "healthai/aggregation/concept.hpp"
#include "healthai/aggregation/detail/weighted_sum.hpp"
#include "healthai/core/error.hpp"
#include "healthai/core/finite.hpp"
#include "healthai/core/layout.hpp"

namespace healthai::detail {

/// \throws Error (`invalid_argument`) if there is nothing to take a mean of, (`overflow`) if the total weight is not finite.
inline void require_mean_exists(std::uint64_t count, double total_weight) {
  if (count == 0) {
    throw Error(error::invalid_argument,
                "a weighted mean needs at least one update, but none was added; add one before finish()");
  }
  if (!is_finite(total_weight)) {
    throw Error(error::overflow,
                "the sum of the weights does not fit in a double; divide all weights by the same number");
  }
  if (!(total_weight > 0)) {
    throw Error(error::invalid_argument,
                "a weighted mean needs a total weight above 0, but the weights of the " +
                    std::to_string(count) + " updates sum to " + std::to_string(total_weight) +
                    "; leave out clients without examples, or give them a weight");
  }
}

/// \throws Error (`overflow`) naming the tensor in which the number `index` of the mean lies.
[[noreturn]] inline void mean_overflow(const Layout& layout, std::size_t index, const std::string& advice) {
  std::size_t tensor = 0;
  while (tensor + 1 < layout.tensors().size() && layout.offset(tensor + 1) <= index) ++tensor;
  throw Error(error::overflow, "number " + std::to_string(index - layout.offset(tensor)) + " of tensor \"" +
                                   layout.tensors()[tensor].name + "\" of the mean is too large; " + advice);
}

/// \throws Error (`layout_mismatch`) if a weighted sum that came from elsewhere has another size than `layout`.
inline void require_sum_size(const Layout& layout, std::size_t size) {
  if (size != layout.size()) {
    throw Error(error::layout_mismatch, "add_sum: the layout " + layout.describe() + " has " +
                                            std::to_string(layout.size()) + " numbers, but the sum has " +
                                            std::to_string(size));
  }
}

/// The values and weights of many updates, as the kernels take them.
template <class Scalar>
class TermList {
 public:
  explicit TermList(std::span<const Update<Scalar>> updates) {
    values_.reserve(updates.size());
    weights_.reserve(updates.size());
    for (const Update<Scalar>& update : updates) {
      values_.push_back(update.values.data());
      weights_.push_back(update.weight);
    }
  }
  [[nodiscard]] Terms<Scalar> terms() const noexcept {
    return {values_.data(), weights_.data(), values_.size()};
  }

 private:
  std::vector<const Scalar*> values_;
  std::vector<double> weights_;
};

}  // namespace healthai::detail
