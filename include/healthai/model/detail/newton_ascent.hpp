#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <utility>

#include "healthai/core/finite.hpp"
#include "healthai/model/features.hpp"

/// \file
/// Newton's method on a log-likelihood, wherever that comes from. Not part of healthai.hpp: factorisations take long to compile.

namespace healthai::detail {

/// An information matrix, factorised after its diagonal has been scaled to one, so that units do not matter.
class ScaledInformation {
 public:
  using Vector = Eigen::Matrix<double, Eigen::Dynamic, 1>;

  explicit ScaledInformation(const FeatureMatrix<double>& matrix)
      : diagonal_(matrix.diagonal()),
        inverse_roots_(
            diagonal_.unaryExpr([](double value) { return value > 0 ? 1 / std::sqrt(value) : 0.0; })),
        factor_(inverse_roots_.asDiagonal() * matrix * inverse_roots_.asDiagonal()) {}

  /// Per column, what the data say about it while all others are known.
  [[nodiscard]] const Vector& diagonal() const noexcept { return diagonal_; }
  /// A column of which the others explain all but `rest` (or that says nothing at all); -1 if there is none.
  [[nodiscard]] Eigen::Index dependent_column(double rest = 1e-10) const {
    Eigen::VectorXi column(diagonal_.size());
    for (Eigen::Index k = 0; k < column.size(); ++k) column[k] = static_cast<int>(k);
    column = (factor_.transpositionsP() * column).eval();
    for (Eigen::Index k = 0; k < column.size(); ++k) {
      if (!(factor_.vectorD()[k] > rest)) return column[k];
    }
    return -1;
  }
  [[nodiscard]] Vector solve(const Vector& right) const {
    return factor_.solve(right.cwiseProduct(inverse_roots_)).cwiseProduct(inverse_roots_);
  }

 private:
  Vector diagonal_;
  Vector inverse_roots_;
  Eigen::LDLT<FeatureMatrix<double>> factor_;  // pivoted: takes next what is explained least
};

/// A log-likelihood at some coefficients: its value, its gradient and minus its Hessian.
struct AscentPoint {
  using Vector = ScaledInformation::Vector;

  double log_likelihood = 0;
  Vector score{};
  FeatureMatrix<double> information{};
};

struct AscentOptions {
  std::size_t max_iterations = 50;
  double tolerance = 1e-12;  ///< on half the squared Newton decrement, over 1 + |log-likelihood|
  double rounding = 1e-13;   ///< of the log-likelihood, over the same: it may fall by so much in a step
  double noise = 0;          ///< an information of no more than that is none
  double rest = 1e-10;  ///< a column of which the others leave no more unexplained is a combination of them
};

/// Where Newton's method went.
struct Ascent {
  enum class Problem {
    none,
    constant,   ///< the column says nothing at coefficients of 0
    dependent,  ///< there it is a linear combination of others
    no_maximum  ///< its coefficient grows for ever
  };
  AscentPoint::Vector coefficients{};
  AscentPoint start{};  ///< at coefficients of 0
  AscentPoint end{};    ///< at `coefficients`
  std::size_t iterations = 0;
  bool converged = false;
  Problem problem = Problem::none;
  Eigen::Index problem_column = -1;
};

/// Maximises a concave log-likelihood from zeros, with step halving. `evaluate(coefficients)` gives an AscentPoint; a value that is not
/// finite counts as too far.
template <class Evaluate>
[[nodiscard]] Ascent newton_ascent(std::size_t columns, Evaluate evaluate, AscentOptions options = {}) {
  using Vector = AscentPoint::Vector;
  Ascent ascent;
  const auto stop = [&ascent](Ascent::Problem problem, Eigen::Index column) {
    ascent.problem = problem;
    ascent.problem_column = column;
  };
  ascent.coefficients = Vector::Zero(static_cast<Eigen::Index>(columns));
  ascent.start = evaluate(ascent.coefficients);
  ascent.end = ascent.start;
  ScaledInformation information(ascent.end.information);
  const Vector at_zero = information.diagonal();
  for (Eigen::Index k = 0; k < at_zero.size(); ++k) {
    if (!(at_zero[k] > options.noise)) {
      stop(Ascent::Problem::constant, k);
      return ascent;
    }
  }
  if (const Eigen::Index column = information.dependent_column(options.rest); column >= 0) {
    stop(Ascent::Problem::dependent, column);
    return ascent;
  }
  while (!ascent.converged && ascent.iterations < options.max_iterations) {
    const Vector step = information.solve(ascent.end.score);
    const double gain = 0.5 * ascent.end.score.dot(step);  // what the quadratic model promises
    const double size = 1 + std::fabs(ascent.end.log_likelihood);
    double taken = 1;
    bool found = false;
    for (int halvings = 0; !found && halvings < 40; ++halvings, taken /= 2) {
      const Vector next = ascent.coefficients + taken * step;
      AscentPoint there = evaluate(next);
      // Rounding may take away the last digits of an optimum already reached.
      found = is_finite(there.log_likelihood) &&
              there.log_likelihood >= ascent.end.log_likelihood - options.rounding * size;
      if (!found) continue;
      ascent.coefficients = next;
      ascent.end = std::move(there);
    }
    if (!found) break;
    ++ascent.iterations;
    ascent.converged = gain <= options.tolerance * size;
    information = ScaledInformation(ascent.end.information);
    Eigen::Index column = information.dependent_column(options.rest);
    // Where coefficients run away, the information dies out: nobody reports standard errors 10^4 times those at zero.
    for (Eigen::Index k = 0; k < at_zero.size() && column < 0; ++k) {
      if (!(information.diagonal()[k] > (std::max)(1e-8 * at_zero[k], options.noise))) column = k;
    }
    if (column >= 0) {
      // With it the information on others may die out too: named is that which goes farthest.
      at_zero.cwiseSqrt().cwiseProduct(step.cwiseAbs()).maxCoeff(&column);
      stop(Ascent::Problem::no_maximum, column);
      return ascent;
    }
  }
  return ascent;
}

}  // namespace healthai::detail
