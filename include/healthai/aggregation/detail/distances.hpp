#pragma once

#include <algorithm>
#include <cstddef>
#include <Eigen/Core>
#include <limits>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "healthai/aggregation/detail/squared_distance.hpp"
#include "healthai/core/finite.hpp"
#include "healthai/detail/parallel_for.hpp"

namespace healthai::detail {

/// The squared Euclidean distances between n vectors, to five digits or more at the speed of a matrix product, and exact (sums in
/// double) where that is asked for or needed.
///
/// With G the Gram matrix of the vectors, d_ij^2 = G_ii + G_jj - 2 G_ij: one symmetric matrix product in place of n^2 / 2 passes
/// over pairs. Two updates are close to each other and far from zero, so that the difference would cancel all digits of a
/// float; so G is that of the vectors minus one of them. Where that one lies far from the rest (an attacker's), a central
/// one takes its place; pairs that still cancel, such as colluding attackers, are computed one by one, as all are where
/// there is little to do.
/// The same bits for any number of threads.
template <class Scalar>
class Distances {
 public:
  /// \param rows  where each vector of `size` numbers begins; read here and in `refine`
  Distances(std::span<const Scalar* const> rows, std::size_t size, std::size_t threads)
      : rows_(rows.begin(), rows.end()), size_(size), workers_(worker_count(threads)), n_(rows.size()) {
    constexpr std::size_t few = 1'000'000;  // so few differences are as fast one by one
    if (n_ * n_ * size_ <= few) {
      squared_.assign(n_ * n_, 0.0);
      exact_.assign(n_ * n_, 1);
      refine([](std::size_t, std::size_t) { return true; });
      return;
    }
    if (from_gram_matrix_of(0) > n_) from_gram_matrix_of(most_central());
    refine([this](std::size_t i, std::size_t j) { return doubtful_[i * n_ + j] != 0; });
  }

  [[nodiscard]] std::size_t size() const noexcept { return n_; }
  [[nodiscard]] double operator()(std::size_t i, std::size_t j) const noexcept {
    return squared_[i * n_ + j];
  }

  /// Computes the distances of these vectors to all others exactly. \return whether there was anything to do.
  bool refine(std::span<const std::size_t> vectors) {
    std::vector<bool> chosen(n_, false);
    for (const std::size_t i : vectors) chosen[i] = true;
    return refine(
        [&](std::size_t i, std::size_t j) { return (chosen[i] || chosen[j]) && exact_[i * n_ + j] == 0; });
  }

  /// The vector with the smallest median distance to the others: an honest one, if most are. Where no distance is finite,
  /// the one of median length.
  [[nodiscard]] std::size_t most_central() const {
    std::size_t best = n_;
    double best_median = std::numeric_limits<double>::infinity();
    for (std::size_t i = 0; i < n_; ++i) {
      std::vector<double> row;
      for (std::size_t j = 0; j < n_; ++j) {
        const double squared = (*this)(i, j);
        row.push_back(is_finite(squared) ? squared : std::numeric_limits<double>::infinity());
      }
      const auto middle = row.begin() + static_cast<std::ptrdiff_t>(n_ / 2);
      std::nth_element(row.begin(), middle, row.end());
      if (*middle < best_median) {
        best_median = *middle;
        best = i;
      }
    }
    return best < n_ ? best : of_median_length();
  }

 private:
  using Matrix = Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic>;

  /// The coordinates are divided in the same way for any number of threads, and so are the sums.
  [[nodiscard]] std::size_t part_count() const noexcept {
    return std::clamp<std::size_t>(size_ / 16384, 1, 16);
  }

  /// \return how many pairs are doubtful
  std::size_t from_gram_matrix_of(std::size_t centre) {
    constexpr std::size_t chunk = 256;  // coordinates a product: short sums in Scalar, then in double
    const std::size_t parts = part_count();
    const std::size_t part = ((size_ + parts - 1) / parts + chunk - 1) / chunk * chunk;
    std::vector<Eigen::MatrixXd> sums(parts, Eigen::MatrixXd::Zero(index(n_), index(n_)));
    std::vector<Matrix> centred(workers_), products(workers_);
    parallel_for(workers_, parts, [&](std::size_t p, std::size_t worker) {
      Matrix& x = centred[worker];
      Matrix& gram = products[worker];
      for (std::size_t begin = p * part; begin < (std::min)(size_, (p + 1) * part); begin += chunk) {
        const std::size_t count = (std::min)(chunk, size_ - begin);
        x.resize(index(count), index(n_));
        for (std::size_t k = 0; k < n_; ++k) {
          x.col(index(k)).array() = column(k, begin, count) - column(centre, begin, count);
        }
        gram.setZero(index(n_), index(n_));
        gram.template selfadjointView<Eigen::Lower>().rankUpdate(x.transpose());
        sums[p] += gram.template cast<double>();
      }
    });
    for (std::size_t p = 1; p < parts; ++p) sums[0] += sums[p];

    const Eigen::MatrixXd& gram = sums[0];
    squared_.assign(n_ * n_, 0.0);
    doubtful_.assign(n_ * n_, 0);
    exact_.assign(n_ * n_, 0);
    std::size_t doubtful = 0;
    for (std::size_t i = 0; i < n_; ++i) {
      exact_[i * n_ + i] = 1;
      for (std::size_t j = 0; j < i; ++j) {
        const double both = gram(index(i), index(i)) + gram(index(j), index(j));
        const double squared = both - 2 * gram(index(i), index(j));
        set(i, j, squared);
        // Too small beside what was subtracted, or beyond the range of Scalar.
        const bool doubt = !is_finite(squared) || squared < 0.2 * both;
        doubtful_[i * n_ + j] = doubt ? 1 : 0;
        if (both == 0) exact_[i * n_ + j] = exact_[j * n_ + i] = 1;  // the same vector
        doubtful += doubt ? 1 : 0;
      }
    }
    return doubtful;
  }

  [[nodiscard]] std::size_t of_median_length() const {
    std::vector<std::pair<double, std::size_t>> lengths;
    for (std::size_t i = 0; i < n_; ++i) {
      lengths.emplace_back(column(i, 0, size_).template cast<double>().matrix().stableNorm(), i);
    }
    const auto middle = lengths.begin() + static_cast<std::ptrdiff_t>(n_ / 2);
    std::nth_element(lengths.begin(), middle, lengths.end());
    return middle->second;
  }
  [[nodiscard]] auto column(std::size_t i, std::size_t begin, std::size_t count) const noexcept {
    return Eigen::Map<const Eigen::Array<Scalar, Eigen::Dynamic, 1>>(rows_[i] + begin, index(count));
  }

  /// The pairs j < i for which `wanted(i, j)`, one by one, in double.
  template <class Wanted>
  requires std::is_invocable_r_v<bool, Wanted&, std::size_t, std::size_t>
  bool refine(Wanted wanted) {
    std::vector<std::pair<std::size_t, std::size_t>> pairs;
    for (std::size_t i = 0; i < n_; ++i) {
      for (std::size_t j = 0; j < i; ++j) {
        if (wanted(i, j)) pairs.emplace_back(i, j);
      }
    }
    // In blocks of coordinates, so that each vector comes from memory once for all its pairs.
    constexpr std::size_t block = 1024;
    const std::size_t parts = part_count();
    const std::size_t part = (size_ + parts - 1) / parts;
    std::vector<double> sums(parts * pairs.size());
    const auto directly = squared_distance_kernel<Scalar>();
    parallel_for(workers_, pairs.empty() ? 0 : parts, [&](std::size_t p, std::size_t /*worker*/) {
      double* const sum = sums.data() + p * pairs.size();
      const std::size_t end = (std::min)(size_, (p + 1) * part);
      for (std::size_t begin = p * part; begin < end; begin += block) {
        const std::size_t count = (std::min)(block, end - begin);
        for (std::size_t k = 0; k < pairs.size(); ++k) {
          sum[k] += directly(rows_[pairs[k].first] + begin, rows_[pairs[k].second] + begin, count);
        }
      }
    });
    for (std::size_t k = 0; k < pairs.size(); ++k) {
      double squared = 0;
      for (std::size_t p = 0; p < parts; ++p) squared += sums[p * pairs.size() + k];
      const auto [i, j] = pairs[k];
      set(i, j, squared);
      exact_[i * n_ + j] = exact_[j * n_ + i] = 1;
    }
    return !pairs.empty();
  }
  void set(std::size_t i, std::size_t j, double squared) noexcept {
    squared_[i * n_ + j] = squared_[j * n_ + i] = squared;
  }
  [[nodiscard]] static Eigen::Index index(std::size_t i) noexcept { return static_cast<Eigen::Index>(i); }

  std::vector<const Scalar*> rows_;
  std::size_t size_;
  std::size_t workers_;
  std::size_t n_;
  std::vector<double> squared_;
  std::vector<char> doubtful_;  // not vector<bool>: threads write neighbours
  std::vector<char> exact_;
};

}  // namespace healthai::detail
