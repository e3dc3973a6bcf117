#pragma once

#include <algorithm>
#include <cmath>
#include <Eigen/Core>

namespace healthai::detail {

/// Z^T W Z and Z^T s of many rows, a block at a time: a block is multiplied by the roots of its weights while it is in the processor's cache, so
/// that the rows are read from memory once, and then Eigen's symmetric rank update does the work.
class WeightedGram {
 public:
  static constexpr Eigen::Index block = 128;  ///< rows; of 300 columns 300 KB

  explicit WeightedGram(Eigen::Index columns)
      : gram_(Eigen::MatrixXd::Zero(columns, columns)),
        score_(Eigen::VectorXd::Zero(columns)),
        scaled_(columns, block) {}

  /// \param rows     columns x rows of the block: a row of Z is a column of it
  /// \param weights  of these rows, 0 or more
  template <class Rows, class Weights, class Scores>
  void add(const Rows& rows, const Weights& weights, const Scores& scores) {
    auto scaled = scaled_.leftCols(rows.cols());
    scaled.noalias() = rows * weights.cwiseSqrt().asDiagonal();
    gram_.selfadjointView<Eigen::Lower>().rankUpdate(scaled);
    score_.noalias() += rows * scores;
  }
  /// Of which only the lower triangle is there.
  [[nodiscard]] Eigen::MatrixXd& gram() noexcept { return gram_; }
  [[nodiscard]] Eigen::VectorXd& score() noexcept { return score_; }

 private:
  Eigen::MatrixXd gram_;
  Eigen::VectorXd score_;
  Eigen::MatrixXd scaled_;
};

}  // namespace healthai::detail
