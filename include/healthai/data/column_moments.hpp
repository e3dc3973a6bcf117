#pragma once

#include <cmath>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/core/finite.hpp"
#include "healthai/core/parameters.hpp"
#include "healthai/core/summand.hpp"
#include "healthai/core/task.hpp"
#include "healthai/data/design_matrix.hpp"
#include "healthai/data/detail/text.hpp"
#include "healthai/data/table.hpp"

namespace healthai {

/// What a coordinator asks: the moments of these columns about these numbers.
struct ColumnMomentsBroadcast {
  std::vector<std::string> names{};
  std::vector<double> shift{};  ///< one number a column, in its unit, near its mean if known; empty: all zero

  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& names& shift;
  }
};

/// What one site answers, or the total over sites.
struct ColumnMomentsReply {
  double n = 0;                          ///< rows
  std::vector<double> sum{};             ///< for each column, the sum over rows of x - shift
  std::vector<double> sum_of_squares{};  ///< for each column, the sum over rows of (x - shift)^2
  friend bool operator==(const ColumnMomentsReply&, const ColumnMomentsReply&) = default;

  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& n& sum& sum_of_squares;
  }
};

/// The task "tell the number of your rows and, for some columns, the sums of x - shift and of (x - shift)^2": all
/// that the pooled means and standard deviations need (see `Scaling`). Additive.
///
/// The shift is a guess at the mean, the same for all sites. It changes nothing on paper and much in floating
/// point: with no shift, the variance of a column is the small difference of two large numbers when its mean is
/// many times its standard deviation (Chan, Golub, LeVeque, Algorithms for Computing the Sample Variance:
/// Analysis and Recommendations, 1983, section 3): with a mean a thousand standard deviations from the shift,
/// about 6 of 16 digits are lost. When that is too many, ask twice, with `recentred` the second time.
///
/// What it tells about a site: its number of rows and two exact sums a column. Under a policy with a minimum
/// cohort or with differential privacy it is a query like any other.
struct ColumnMoments {
  using Scalar = double;
  using Broadcast = ColumnMomentsBroadcast;
  using Reply = ColumnMomentsReply;
  static constexpr std::string_view name = "column_moments.f64";

  /// Weight: n. Vectors: `sum` and `sum_of_squares`, each one tensor `columns` with one number a column, neither
  /// weighted.
  /// \throws Error (`layout_mismatch`) if the reply's two vectors differ in length.
  [[nodiscard]] static Summand<double> summand(const Reply& reply) {
    const Layout layout{{"columns", {reply.sum.size()}}};
    Summand<double> result;
    result.weight = reply.n;
    result.vectors.push_back({"sum", false, Parameters<double>(layout, reply.sum)});
    result.vectors.push_back({"sum_of_squares", false, Parameters<double>(layout, reply.sum_of_squares)});
    return result;
  }
  /// The way back, for a Summand that a transport has summed over sites.
  /// \throws Error (`invalid_reply`) if it is not one of this task.
  [[nodiscard]] static Reply total(const Summand<double>& sums) {
    if (sums.vectors.size() != 2 || sums.vectors[0].name != "sum" ||
        sums.vectors[1].name != "sum_of_squares" ||
        sums.vectors[0].values.size() != sums.vectors[1].values.size()) {
      throw Error(error::invalid_reply,
                  "column_moments.f64: expected the vectors \"sum\" and \"sum_of_squares\" of "
                  "equal length, got another task's summand");
    }
    const auto copy = [](std::span<const double> values) {
      return std::vector<double>(values.begin(), values.end());
    };
    return {sums.weight, copy(sums.vectors[0].values.span()), copy(sums.vectors[1].values.span())};
  }
  /// The size of the names and numbers that a broadcast or a reply carries, for reports and for bounding memory.
  [[nodiscard]] static std::size_t bytes(const Broadcast& broadcast) noexcept {
    std::size_t total = broadcast.shift.size() * sizeof(double);
    for (const std::string& column : broadcast.names) total += column.size();
    return total;
  }
  [[nodiscard]] static std::size_t bytes(const Reply& reply) noexcept {
    return (1 + reply.sum.size() + reply.sum_of_squares.size()) * sizeof(double);
  }
};
static_assert(AdditiveTask<ColumnMoments>);

namespace detail {

/// A running sum whose error does not grow with the number of terms (Neumaier, Rundungsfehleranalyse einiger
/// Verfahren zur Summation endlicher Summen, 1974, algorithm IV).
class CompensatedSum {
 public:
  void add(double term) noexcept {
    const double total = sum_ + term;
    lost_ += std::abs(sum_) >= std::abs(term) ? (sum_ - total) + term : (term - total) + sum_;
    sum_ = total;
  }
  [[nodiscard]] double value() const noexcept { return sum_ + lost_; }

 private:
  double sum_ = 0;
  double lost_ = 0;
};

/// The shift of each column. \throws Error (`invalid_argument`) if there is another number of them, or one is not
/// finite.
[[nodiscard]] inline std::vector<double> full_shift(const ColumnMomentsBroadcast& request) {
  if (request.shift.empty()) return std::vector<double>(request.names.size(), 0.0);
  if (request.shift.size() != request.names.size() || !all_finite(std::span<const double>(request.shift))) {
    throw Error(error::invalid_argument,
                "ColumnMoments: expected no shift or " + std::to_string(request.names.size()) +
                    " finite ones, one a column, got " + std::to_string(request.shift.size()));
  }
  return request.shift;
}

/// \throws Error (`invalid_reply`) unless `reply` answers a request for `columns` columns.
inline void require_moments(const ColumnMomentsReply& reply, std::size_t columns, const std::string& whose) {
  const bool whole = is_finite(reply.n) && reply.n >= 0 && reply.n == std::floor(reply.n);
  const bool finite = all_finite(std::span<const double>(reply.sum)) &&
                      all_finite(std::span<const double>(reply.sum_of_squares));
  bool positive = true;
  for (const double square : reply.sum_of_squares) positive = positive && square >= 0;
  if (whole && finite && positive && reply.sum.size() == columns && reply.sum_of_squares.size() == columns)
    return;
  throw Error(error::invalid_reply,
              whose + ": expected a whole number of rows and " + std::to_string(columns) +
                  " finite sums and sums of squares (not negative), got n = " + plain_number(reply.n) + ", " +
                  std::to_string(reply.sum.size()) + " sums and " +
                  std::to_string(reply.sum_of_squares.size()) + " sums of squares" +
                  (finite ? "" : ", some not finite") + (positive ? "" : ", some negative"));
}

}  // namespace detail

/// One site's answer, from the matrix that it will train on. No rows give zeros.
/// \throws Error (`invalid_argument`) if the matrix has other columns than the request, or the request's shift
/// does not fit; (`overflow`) naming a column whose squares are too large to add up.
[[nodiscard]] inline ColumnMomentsReply column_moments(const DesignMatrix& x,
                                                       const ColumnMomentsBroadcast& request) {
  if (x.names != request.names) {
    throw Error(error::invalid_argument, "column moments of " + detail::quoted_list(request.names) +
                                             " were asked for, but the matrix has the columns " +
                                             detail::quoted_list(x.names) + "; build it from request.names");
  }
  const std::vector<double> shift = detail::full_shift(request);
  std::vector<detail::CompensatedSum> sums(x.cols);
  std::vector<detail::CompensatedSum> squares(x.cols);
  for (std::size_t i = 0; i < x.rows; ++i) {
    const std::span<const double> row = x.row(i);
    for (std::size_t j = 0; j < x.cols; ++j) {
      const double centred = row[j] - shift[j];
      sums[j].add(centred);
      squares[j].add(centred * centred);
    }
  }
  ColumnMomentsReply reply;
  reply.n = static_cast<double>(x.rows);
  for (std::size_t j = 0; j < x.cols; ++j) {
    reply.sum.push_back(sums[j].value());
    reply.sum_of_squares.push_back(squares[j].value());
    if (!is_finite(reply.sum[j]) || !is_finite(reply.sum_of_squares[j])) {
      throw Error(error::overflow,
                  "column " + detail::quoted(x.names[j]) +
                      ": the sum of its squares is too large for a double; use a larger unit");
    }
  }
  return reply;
}

/// The same from a table. \throws Error as `design_matrix` does too: a missing value is an error, so select the
/// rows that training will use first.
[[nodiscard]] inline ColumnMomentsReply column_moments(const Table& table,
                                                       const ColumnMomentsBroadcast& request) {
  return column_moments(design_matrix(table, request.names), request);
}

/// Adds one site's answer to a total, which may be new and empty. `whose` begins the error message.
/// \throws Error (`invalid_reply`) if the reply is not finite or of another number of columns; the total is
/// unchanged then.
inline void add_moments(ColumnMomentsReply& total, const ColumnMomentsReply& reply,
                        const std::string& whose) {
  const bool first = total.sum.empty() && total.n == 0;
  detail::require_moments(reply, first ? reply.sum.size() : total.sum.size(), whose);
  if (first) {
    total = reply;
    return;
  }
  total.n += reply.n;
  for (std::size_t j = 0; j < total.sum.size(); ++j) {
    total.sum[j] += reply.sum[j];
    total.sum_of_squares[j] += reply.sum_of_squares[j];
  }
}

/// The request for a second, more accurate pass: the same columns about the means that `total` gives.
/// \throws Error (`invalid_reply`) if `total` does not answer `request`, (`invalid_data`) if it has no rows.
[[nodiscard]] inline ColumnMomentsBroadcast recentred(const ColumnMomentsBroadcast& request,
                                                      const ColumnMomentsReply& total) {
  detail::require_moments(total, request.names.size(), "column moments, total");
  if (total.n == 0) {
    throw Error(error::invalid_data, "column moments: expected at least one row at any site, got none");
  }
  ColumnMomentsBroadcast second{request.names, detail::full_shift(request)};
  for (std::size_t j = 0; j < second.shift.size(); ++j) second.shift[j] += total.sum[j] / total.n;
  return second;
}

}  // namespace healthai
