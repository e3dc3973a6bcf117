#pragma once

#include <cmath>
#include <cstddef>
#include <Eigen/Core>
#include <string>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/model/detail/rows.hpp"

namespace healthai::detail {

/// \throws Error (`invalid_argument`) for fewer than two classes, (`invalid_data`) for a label that is not below `classes`.
inline void require_labels(const char* model, const std::vector<std::size_t>& labels, std::size_t classes) {
  if (classes < 2) {
    throw Error(error::invalid_argument,
                std::string(model) + ": there must be at least 2 classes, not " + std::to_string(classes));
  }
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] >= classes) {
      throw_bad_row(model, i, "class", static_cast<double>(labels[i]),
                    "classes are numbered from 0 and below the number of classes, which is the same at "
                    "every site");
    }
  }
}

/// The sum over rows of -log softmax(logits)[label]; overwrites the logits by its derivative in them, times `scale`.
/// The largest logit of a row is subtracted first, so that no exponential overflows and the logarithm is of a number
/// between 1 and the number of classes.
template <class Logits>
double cross_entropy(Logits& logits, const std::size_t* labels, double scale) {
  using Scalar = typename Logits::Scalar;
  double total = 0;
  for (Eigen::Index i = 0; i < logits.rows(); ++i) {
    auto row = logits.row(i);
    const auto label = static_cast<Eigen::Index>(labels[i]);
    row.array() -= row.maxCoeff();
    const auto right = static_cast<double>(row[label]);
    row = row.array().exp();
    const auto sum = static_cast<double>(row.sum());
    total += std::log(sum) - right;
    row *= static_cast<Scalar>(scale / sum);
    row[label] -= static_cast<Scalar>(scale);
  }
  return total;
}

/// How many rows have their largest logit at the label; the first of several largest ones is the prediction.
template <class Logits>
[[nodiscard]] std::size_t count_correct(const Logits& logits, const std::size_t* labels) {
  std::size_t correct = 0;
  for (Eigen::Index i = 0; i < logits.rows(); ++i) {
    Eigen::Index predicted = 0;
    for (Eigen::Index k = 1; k < logits.cols(); ++k) {
      if (logits(i, k) > logits(i, predicted)) predicted = k;
    }
    correct += static_cast<std::size_t>(predicted) == labels[i] ? 1U : 0U;
  }
  return correct;
}

}  // namespace healthai::detail
