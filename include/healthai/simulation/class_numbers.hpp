#pragma once

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <span>
#include <string>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/core/finite.hpp"

namespace healthai {

/// Numbers the distinct values of a target 0, 1, 2, ... in ascending order, and gives each row's number: what
/// partitioners and SoftmaxModel take as labels. For texts (`table.text("diagnosis")`) and for numbers that stand for
/// classes.
/// \tparam Values  a contiguous range of values with `<`, none of them NaN
template <class Values>
[[nodiscard]] std::vector<std::size_t> class_numbers(const Values& values) {
  std::vector<typename Values::value_type> distinct(values.begin(), values.end());
  std::sort(distinct.begin(), distinct.end());
  distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
  std::vector<std::size_t> numbers;
  numbers.reserve(values.size());
  for (const auto& value : values) {
    numbers.push_back(static_cast<std::size_t>(std::lower_bound(distinct.begin(), distinct.end(), value) -
                                               distinct.begin()));
  }
  return numbers;
}

/// Turns a target of regression into `bins` classes of equal size (the sizes differ by at most one where no values
/// are tied): row i is in class floor(r bins / n), where r < n is the number of smaller values. Equal values share a
/// class, so that with many ties some classes are empty. With it, partitioners by label skew the distribution of a
/// continuous target.
/// \throws Error (`invalid_argument`) for no bins, (`not_finite`) naming the row.
[[nodiscard]] inline std::vector<std::size_t> quantile_bins(std::span<const double> target,
                                                            std::size_t bins) {
  if (bins == 0) throw Error(error::invalid_argument, "quantile_bins: expected at least one bin, got none");
  for (std::size_t row = 0; row < target.size(); ++row) {
    if (!is_finite(target[row])) {
      throw Error(error::not_finite, "quantile_bins: the target of row " + std::to_string(row) +
                                         " (counted from 0) is NaN or infinite; leave such rows out");
    }
  }
  std::vector<double> sorted(target.begin(), target.end());
  std::sort(sorted.begin(), sorted.end());
  std::vector<std::size_t> classes;
  classes.reserve(target.size());
  for (const double value : target) {
    const auto smaller =
        static_cast<std::size_t>(std::lower_bound(sorted.begin(), sorted.end(), value) - sorted.begin());
    classes.push_back(smaller * bins / sorted.size());
  }
  return classes;
}

}  // namespace healthai
