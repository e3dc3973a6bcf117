#pragma once

#include <cstddef>
#include <Eigen/Core>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/data/detail/text.hpp"
#include "healthai/data/table.hpp"

namespace healthai {

/// The covariates of a model as one contiguous row-major matrix of doubles: row i is patient i, column j is
/// `names[j]`. A value; reading is safe from any thread.
struct DesignMatrix {
  using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

  std::size_t rows = 0;
  std::size_t cols = 0;
  std::vector<double> values{};      ///< rows * cols numbers, one row after the other; all finite
  std::vector<std::string> names{};  ///< cols names

  /// All values as an Eigen matrix, without a copy. Valid as long as `values` is neither resized, moved nor
  /// destroyed.
  [[nodiscard]] Eigen::Map<RowMajor> matrix() noexcept {
    return {values.data(), static_cast<Eigen::Index>(rows), static_cast<Eigen::Index>(cols)};
  }
  [[nodiscard]] Eigen::Map<const RowMajor> matrix() const noexcept {
    return {values.data(), static_cast<Eigen::Index>(rows), static_cast<Eigen::Index>(cols)};
  }
  /// The covariates of one patient, `cols` numbers.
  [[nodiscard]] std::span<const double> row(std::size_t i) const noexcept {
    return std::span<const double>(values).subspan(i * cols, cols);
  }
};

namespace detail {

/// The numbers of a column that must miss none. \throws Error as `design_matrix` does.
[[nodiscard]] inline std::span<const double> complete_column(const Table& table, std::string_view name) {
  const std::span<const double> numbers = table.numeric(name);
  for (std::size_t row = 0; row < numbers.size(); ++row) {
    if (numbers[row] != numbers[row]) {
      throw Error(error::invalid_data,
                  table.where(row, name) +
                      ": expected a number, but the value is missing; keep only the complete rows first: "
                      "table.select(table.complete_rows(the columns used))");
    }
  }
  return numbers;
}

[[noreturn]] inline void refuse_value(const Table& table, std::string_view name, std::size_t row,
                                      double value, const std::string& expected) {
  throw Error(error::invalid_data,
              table.where(row, name) + ": expected " + expected + ", got " + plain_number(value));
}

}  // namespace detail

/// The named columns of all rows of a table, in the order of `covariates`, as they are: not scaled, without a
/// column of ones. To leave out rows with missing values, select the complete rows of *all* the columns that the
/// model uses first, so that covariates and targets keep the same rows:
///
///     const Table used = table.select(table.complete_rows({"time", "dead", "age", "sex"}));
///     const DesignMatrix x = design_matrix(used, {"age", "sex"});
///     const std::vector<double> died = binary_target(used, "dead");
///
/// \throws Error (`unknown_name`) for an unknown column; (`csv`) for a column of text and (`invalid_data`) for a
/// missing value, naming file, line and column; (`invalid_argument`) for a covariate that is named twice.
[[nodiscard]] inline DesignMatrix design_matrix(const Table& table,
                                                const std::vector<std::string>& covariates) {
  DesignMatrix x;
  x.rows = table.rows();
  x.cols = covariates.size();
  x.names = covariates;
  x.values.resize(x.rows * x.cols);
  for (std::size_t j = 0; j < x.cols; ++j) {
    for (std::size_t k = 0; k < j; ++k) {
      if (covariates[k] == covariates[j]) {
        throw Error(error::invalid_argument, "covariates: expected each column once, got " +
                                                 detail::quoted(covariates[j]) + " twice; remove one");
      }
    }
    const std::span<const double> numbers = detail::complete_column(table, covariates[j]);
    for (std::size_t i = 0; i < x.rows; ++i) x.values[i * x.cols + j] = numbers[i];
  }
  return x;
}

/// The column that a regression predicts, one number a row.
/// \throws Error (`unknown_name`, `csv`, `invalid_data`) as `design_matrix` does.
[[nodiscard]] inline std::vector<double> numeric_target(const Table& table, std::string_view name) {
  const std::span<const double> numbers = detail::complete_column(table, name);
  return {numbers.begin(), numbers.end()};
}

/// A column of times under observation or of counts: no value may be negative. Zero is allowed.
/// \throws Error (`invalid_data`) naming file, line and column, and as `numeric_target` does.
[[nodiscard]] inline std::vector<double> nonnegative_target(const Table& table, std::string_view name) {
  std::vector<double> numbers = numeric_target(table, name);
  for (std::size_t row = 0; row < numbers.size(); ++row) {
    if (numbers[row] < 0) detail::refuse_value(table, name, row, numbers[row], "a value of 0 or more");
  }
  return numbers;
}

/// A column of yes or no: every value is 1 (the event, the class) or 0 (censored, not the class).
/// \throws Error (`invalid_data`) naming file, line and column, and as `numeric_target` does.
[[nodiscard]] inline std::vector<double> binary_target(const Table& table, std::string_view name) {
  std::vector<double> numbers = numeric_target(table, name);
  for (std::size_t row = 0; row < numbers.size(); ++row) {
    if (numbers[row] != 0 && numbers[row] != 1) {
      detail::refuse_value(table, name, row, numbers[row], "0 (no) or 1 (yes)");
    }
  }
  return numbers;
}

}  // namespace healthai
