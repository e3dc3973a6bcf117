#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <Eigen/Core>
#include <limits>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "healthai/aggregation/coordinate_slice.hpp"
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
/// The same bits for any number of threads, and of machines that have a slice of the coordinates each: sums are made for each
/// part of CoordinateSlice, completed by its exchange, and added in the order of the parts; nothing else is looked at.
template <class Scalar>
class Distances {
 public:
  /// \param rows  where each vector of `size` numbers begins; read here and in `refine`
  Distances(std::span<const Scalar* const> rows, std::size_t size, std::size_t threads)
      : Distances(rows, CoordinateSlice::whole(size), threads) {}
  /// \param rows  where the slice of each vector begins. All machines have to call the same functions in the same order.
  Distances(std::span<const Scalar* const> rows, CoordinateSlice slice, std::size_t threads)
      : rows_(rows.begin(), rows.end()),
        slice_(std::move(slice)),
        workers_(worker_count(threads)),
        n_(rows.size()) {
    constexpr std::size_t few = 1'000'000;  // so few differences are as fast one by one
    if (n_ * n_ * slice_.size <= few) {
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

  /// `each` numbers for every part of the coordinates, part after part. Those of the parts at hand are made by
  /// `work(numbers, begin, end, worker)` from zeros and the coordinates [begin, end); the others come from other machines.
  template <class Work>
  [[nodiscard]] std::vector<double> for_each_part(std::size_t each, Work work) const {
    std::vector<double> numbers(CoordinateSlice::parts(slice_.size) * each);
    parallel_for(workers_, slice_.last_part - slice_.first_part, [&](std::size_t i, std::size_t worker) {
      const std::size_t part = slice_.first_part + i;
      work(numbers.data() + part * each, CoordinateSlice::part_begin(slice_.size, part),
           CoordinateSlice::part_begin(slice_.size, part + 1), worker);
    });
    if (slice_.exchange) slice_.exchange(numbers, each);
    return numbers;
  }
  /// Their sums over all parts.
  template <class Work>
  [[nodiscard]] std::vector<double> sum_of_parts(std::size_t each, Work work) const {
    std::vector<double> sums = for_each_part(each, work);
    for (std::size_t from = each; from < sums.size(); from += each) {
      for (std::size_t k = 0; k < each; ++k) sums[k] += sums[from + k];
    }
    sums.resize(each);
    return sums;
  }

  /// \return how many pairs are doubtful
  std::size_t from_gram_matrix_of(std::size_t centre) {
    constexpr std::size_t chunk = 256;  // coordinates a product: short sums in Scalar, then in double
    // Of the symmetric matrix the columns from the diagonal down, one after the other.
    std::vector<Matrix> centred(workers_), products(workers_);
    const auto add_part = [&](double* sums, std::size_t first, std::size_t end, std::size_t worker) {
      Matrix& x = centred[worker];
      Matrix& product = products[worker];
      for (std::size_t begin = first; begin < end; begin += chunk) {
        const std::size_t count = (std::min)(chunk, end - begin);
        x.resize(index(count), index(n_));
        for (std::size_t k = 0; k < n_; ++k) {
          x.col(index(k)).array() = column(k, begin, count) - column(centre, begin, count);
        }
        product.setZero(index(n_), index(n_));
        product.template selfadjointView<Eigen::Lower>().rankUpdate(x.transpose());
        double* sum = sums;
        for (std::size_t j = 0; j < n_; sum += n_ - j, ++j) {
          Eigen::Map<Eigen::VectorXd>(sum, index(n_ - j)) +=
              product.col(index(j)).tail(index(n_ - j)).template cast<double>();
        }
      }
    };
    const std::vector<double> packed = sum_of_parts(n_ * (n_ + 1) / 2, add_part);
    const auto gram = [&](std::size_t i, std::size_t j) {  // j <= i
      return packed[j * n_ - j * (j + 1) / 2 + i];
    };

    squared_.assign(n_ * n_, 0.0);
    doubtful_.assign(n_ * n_, 0);
    exact_.assign(n_ * n_, 0);
    std::size_t doubtful = 0;
    for (std::size_t i = 0; i < n_; ++i) {
      exact_[i * n_ + i] = 1;
      for (std::size_t j = 0; j < i; ++j) {
        const double both = gram(i, i) + gram(j, j);
        const double squared = both - 2 * gram(i, j);
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
    const std::vector<double> of_parts =
        for_each_part(n_, [&](double* lengths, std::size_t begin, std::size_t end, std::size_t /*worker*/) {
          for (std::size_t i = 0; i < n_; ++i) {
            lengths[i] = length(column(i, begin, end - begin).template cast<double>());
          }
        });
    const Eigen::Map<const Eigen::ArrayXXd> table(of_parts.data(), index(n_), index(of_parts.size() / n_));
    std::vector<std::pair<double, std::size_t>> lengths;
    for (std::size_t i = 0; i < n_; ++i) lengths.emplace_back(length(table.row(index(i)).transpose()), i);
    const auto middle = lengths.begin() + static_cast<std::ptrdiff_t>(n_ / 2);
    std::nth_element(lengths.begin(), middle, lengths.end());
    return middle->second;
  }
  /// Overflows only if the length does. (Eigen's stableNorm has other bits for another alignment.)
  template <class Numbers>
  [[nodiscard]] static double length(const Numbers& x) {
    const double largest = x.abs().maxCoeff();
    if (largest == 0 || !is_finite(largest)) return largest;
    return largest * std::sqrt((x / largest).square().sum());
  }
  /// Of the vector i the coordinates [begin, begin + count), which are at hand.
  [[nodiscard]] auto column(std::size_t i, std::size_t begin, std::size_t count) const noexcept {
    return Eigen::Map<const Eigen::Array<Scalar, Eigen::Dynamic, 1>>(row(i, begin), index(count));
  }
  [[nodiscard]] const Scalar* row(std::size_t i, std::size_t begin) const noexcept {
    return rows_[i] + (begin - slice_.begin());
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
    if (pairs.empty()) return false;
    // In blocks of coordinates, so that each vector comes from memory once for all its pairs.
    constexpr std::size_t block = 1024;
    const auto directly = squared_distance_kernel<Scalar>();
    const auto add_part = [&](double* sums, std::size_t first, std::size_t end, std::size_t /*worker*/) {
      for (std::size_t begin = first; begin < end; begin += block) {
        const std::size_t count = (std::min)(block, end - begin);
        for (std::size_t k = 0; k < pairs.size(); ++k) {
          sums[k] += directly(row(pairs[k].first, begin), row(pairs[k].second, begin), count);
        }
      }
    };
    const std::vector<double> sums = sum_of_parts(pairs.size(), add_part);
    for (std::size_t k = 0; k < pairs.size(); ++k) {
      const auto [i, j] = pairs[k];
      set(i, j, sums[k]);
      exact_[i * n_ + j] = exact_[j * n_ + i] = 1;
    }
    return true;
  }
  void set(std::size_t i, std::size_t j, double squared) noexcept {
    squared_[i * n_ + j] = squared_[j * n_ + i] = squared;
  }
  [[nodiscard]] static Eigen::Index index(std::size_t i) noexcept { return static_cast<Eigen::Index>(i); }

  std::vector<const Scalar*> rows_;
  CoordinateSlice slice_;
  std::size_t workers_;
  std::size_t n_;
  std::vector<double> squared_;
  std::vector<char> doubtful_;  // not vector<bool>: threads write neighbours
  std::vector<char> exact_;
};

}  // namespace healthai::detail
