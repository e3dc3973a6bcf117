#pragma once

#include <algorithm>
#include <cstddef>
#include <Eigen/Core>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/core/finite.hpp"
#include "healthai/core/number_text.hpp"
#include "healthai/core/parameters.hpp"
#include "healthai/detail/prefetch.hpp"
#include "healthai/model/features.hpp"

namespace healthai::detail {

/// \throws Error (`invalid_data`) unless `count` values, called `what`, were given for `rows` rows.
inline void require_length(const char* model, const char* what, std::size_t count, std::size_t rows) {
  if (count != rows) {
    throw Error(error::invalid_data, std::string(model) + ": the features have " + std::to_string(rows) +
                                         " rows, but there are " + std::to_string(count) + " " + what +
                                         "; give one per row");
  }
}

/// Row `row` (from 0) of what `model` was given has a `what` that it cannot use; `rule` says what it should be.
[[noreturn]] inline void throw_bad_row(const char* model, std::size_t row, const char* what, double value,
                                       const char* rule) {
  throw Error(error::invalid_data, std::string(model) + ": row " + std::to_string(row) +
                                       " (counted from 0) has " + what + " " + number_text(value) + "; " +
                                       rule);
}

/// \throws Error (`invalid_argument`) unless an L2 penalty is a finite number and not negative.
inline void require_penalty(const char* model, double l2) {
  if (!is_finite(l2) || l2 < 0) {
    throw Error(error::invalid_argument,
                std::string(model) + ": l2 must be at least 0 and finite, but is " + number_text(l2));
  }
}

/// A batch names `row`, but there are only `count`. \throws Error (`invalid_argument`) always
[[noreturn]] inline void throw_no_such_row(const char* model, std::size_t row, std::size_t count) {
  throw Error(error::invalid_argument, std::string(model) + ": a batch names row " + std::to_string(row) +
                                           ", but there are only " + std::to_string(count) +
                                           " rows, counted from 0");
}

/// As `require_layout`, for parameters and gradient; allocates nothing when both fit.
template <class Scalar>
void require_model_layout(const char* model, const Layout& expected, const Parameters<Scalar>& parameters,
                          const Parameters<Scalar>& gradient) {
  require_layout(expected, parameters.layout(), model, ", parameters");
  require_layout(expected, gradient.layout(), model, ", gradient");
}
/// Lets the model share the layout of its parameters from then on: the next check is of pointers, not of names and shapes
/// that with many models are in nobody's cache.
template <class Scalar>
void require_model_layout(const char* model, Layout& expected, const Parameters<Scalar>& parameters,
                          const Parameters<Scalar>& gradient) {
  require_layout(expected, parameters.layout(), model, ", parameters");
  expected = parameters.layout();
  require_layout(expected, gradient.layout(), model, ", gradient");
}

/// The values of the chosen rows, gathered into memory of the thread that the next call uses again; `values` themselves when
/// `rows` is empty (all rows). `rows` has been checked against the length of `values`.
template <class T>
[[nodiscard]] const T* gather(const std::vector<T>& values, std::span<const std::size_t> rows) {
  if (rows.empty()) return values.data();
  thread_local std::vector<T> chosen;
  if (chosen.size() < rows.size()) chosen.resize(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) chosen[i] = values[rows[i]];
  return chosen.data();
}

/// The sum of a[i] b[i] in double, always added in the same order: vector code would choose it by where the numbers lie in memory.
template <class Scalar>
[[nodiscard]] double ordered_dot(const Scalar* a, const Scalar* b, std::size_t size) noexcept {
  double sums[4] = {0, 0, 0, 0};
  for (std::size_t i = 0; i < size; ++i) sums[i % 4] += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

/// The checked features of a model, and batches of them.
template <class Scalar>
class Rows {
 public:
  using View = Eigen::Map<const FeatureMatrix<Scalar>>;

  /// \throws Error (`invalid_data`) without a row or a column, or with a value that is not finite.
  Rows(FeatureMatrix<Scalar> features, const char* model) : features_(std::move(features)), model_(model) {
    if (features_.rows() == 0 || features_.cols() == 0) {
      throw Error(error::invalid_data, std::string(model) + ": the features are " +
                                           std::to_string(features_.rows()) + " rows by " +
                                           std::to_string(features_.cols()) +
                                           " columns; at least one of each is needed");
    }
    for (Eigen::Index i = 0; i < features_.rows(); ++i) {
      const std::span<const Scalar> row(features_.data() + i * features_.cols(), columns());
      if (all_finite(row)) continue;
      std::size_t j = 0;
      while (all_finite(row.subspan(j, 1))) ++j;
      const std::string what = "in feature column " + std::to_string(j) + " the value";
      throw_bad_row(model, static_cast<std::size_t>(i), what.c_str(), static_cast<double>(row[j]),
                    "features must be finite: drop or impute incomplete rows first");
    }
  }

  [[nodiscard]] std::size_t count() const noexcept { return static_cast<std::size_t>(features_.rows()); }
  [[nodiscard]] std::size_t columns() const noexcept { return static_cast<std::size_t>(features_.cols()); }
  [[nodiscard]] const FeatureMatrix<Scalar>& all() const noexcept { return features_; }

  /// `count` rows from `begin` on, without a copy.
  [[nodiscard]] View range(std::size_t begin, std::size_t count) const noexcept {
    return View(features_.data() + static_cast<Eigen::Index>(begin) * features_.cols(),
                static_cast<Eigen::Index>(count), features_.cols());
  }
  /// The chosen rows, copied together; all rows, uncopied, when `rows` is empty. Valid until the thread's next call, for this
  /// model or another: of thousands that are simulated on a few threads, memory of each one's own would be cold.
  /// \throws Error (`invalid_argument`) for a row that is not there.
  [[nodiscard]] View select(std::span<const std::size_t> rows) const {
    if (rows.empty()) return range(0, count());
    const auto chosen = static_cast<Eigen::Index>(rows.size());
    thread_local std::vector<Scalar> batch;
    if (batch.size() < rows.size() * columns()) batch.resize(rows.size() * columns());
    Scalar* to = batch.data();
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (rows[i] >= count()) throw_no_such_row(model_, rows[i], count());
      if (i + 1 < rows.size()) prefetch(rows[i + 1]);
      const Scalar* const from = features_.data() + rows[i] * columns();
      to = std::copy(from, from + columns(), to);
    }
    return View(batch.data(), chosen, features_.cols());
  }

  /// Has the memory fetch rows that will be selected next while others are worked on: as many as half of a processor's first
  /// cache holds.
  void prefetch(std::span<const std::size_t> rows) const noexcept {
    for (const std::size_t row : rows.first((std::min)(rows.size(), 16384 / prefetched_bytes())))
      prefetch(row);
  }

 private:
  /// Of a long row the beginning is enough: from there on the processor sees where it goes.
  [[nodiscard]] std::size_t prefetched_bytes() const noexcept {
    return (std::min)(columns() * sizeof(Scalar), std::size_t{2048});
  }
  /// Rows are in no order that the processor could foresee.
  void prefetch(std::size_t row) const noexcept {
    if (row >= count()) return;
    const auto* const begin = reinterpret_cast<const char*>(features_.data() + row * columns());
    const std::size_t bytes = prefetched_bytes();
    for (std::size_t at = 0; at < bytes; at += 64) HEALTHAI_PREFETCH(begin + at);
    HEALTHAI_PREFETCHES_ONLY();
  }

  FeatureMatrix<Scalar> features_;
  const char* model_;
};

}  // namespace healthai::detail
