#pragma once

#include <algorithm>
#include <cstddef>
#include <Eigen/Core>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "healthai/core/client_id.hpp"
#include "healthai/core/error.hpp"
#include "healthai/core/layout.hpp"
#include "healthai/core/parameters.hpp"
#include "healthai/core/summand.hpp"

namespace healthai {

/// What one hospital adds to the sums of a statistic: named vectors, summed as they are. A Summand, built piece by piece:
///
///     return SummandBuilder().add("n", rows).add("sum", sums).take();
class SummandBuilder {
 public:
  SummandBuilder& add(const std::string& name, std::span<const double> values) {
    const Layout layout{{name, {values.size()}}};
    summand_.vectors.push_back({name, false, Parameters<double>(layout, values)});
    return *this;
  }
  SummandBuilder& add(const std::string& name, const std::vector<double>& values) {
    return add(name, std::span<const double>(values));
  }
  SummandBuilder& add(const std::string& name, double value) {
    return add(name, std::span<const double>(&value, 1));
  }
  [[nodiscard]] Summand<double> take() {
    summand_.weight = 1;
    return std::move(summand_);
  }

 private:
  Summand<double> summand_;
};

/// The sums of a statistic over hospitals, by name, and whose they are.
struct Sums {
  std::vector<SummandVector<double>> vectors{};
  std::vector<ClientId> sites{};  ///< in it

  /// The sums of that name. \throws Error (`invalid_reply`) if there are none, or other than `size` of them (0: any number)
  [[nodiscard]] std::span<const double> vector(std::string_view name, std::size_t size = 0) const {
    const auto found =
        std::find_if(vectors.begin(), vectors.end(), [name](const auto& v) { return v.name == name; });
    if (found == vectors.end() || (size != 0 && found->values.size() != size)) {
      throw Error(error::invalid_reply,
                  "the sites' sums: expected " + (size != 0 ? std::to_string(size) : std::string("some")) +
                      " numbers \"" + std::string(name) + "\", got " +
                      (found == vectors.end() ? std::string("none") : std::to_string(found->values.size())));
    }
    return found->values.span();
  }
  [[nodiscard]] double number(std::string_view name) const { return vector(name, 1).front(); }
  /// As a column.
  [[nodiscard]] Eigen::Map<const Eigen::VectorXd> column(std::string_view name, std::size_t size = 0) const {
    const auto values = vector(name, size);
    return {values.data(), static_cast<Eigen::Index>(values.size())};
  }
};

/// The lower triangle of a symmetric matrix, row after row: how matrices travel, and add up.
[[nodiscard]] inline std::vector<double> packed_lower(const Eigen::Ref<const Eigen::MatrixXd>& matrix) {
  std::vector<double> packed;
  packed.reserve(static_cast<std::size_t>(matrix.rows() * (matrix.rows() + 1) / 2));
  for (Eigen::Index row = 0; row < matrix.rows(); ++row) {
    for (Eigen::Index column = 0; column <= row; ++column) packed.push_back(matrix(row, column));
  }
  return packed;
}
/// The whole symmetric matrix again. \param size its rows. \throws Error (`invalid_reply`) for another number of values
[[nodiscard]] inline Eigen::MatrixXd from_packed_lower(std::span<const double> packed, std::size_t size) {
  if (packed.size() != size * (size + 1) / 2) {
    throw Error(error::invalid_reply, "expected the " + std::to_string(size * (size + 1) / 2) +
                                          " numbers of a symmetric matrix of " + std::to_string(size) +
                                          " rows, got " + std::to_string(packed.size()));
  }
  const auto rows = static_cast<Eigen::Index>(size);
  Eigen::MatrixXd matrix(rows, rows);
  std::size_t next = 0;
  for (Eigen::Index row = 0; row < rows; ++row) {
    for (Eigen::Index column = 0; column <= row; ++column)
      matrix(row, column) = matrix(column, row) = packed[next++];
  }
  return matrix;
}

}  // namespace healthai
