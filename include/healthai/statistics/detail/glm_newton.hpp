#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/data/detail/text.hpp"
#include "healthai/statistics/detail/collinearity.hpp"
#include "healthai/statistics/detail/glm_sums.hpp"
#include "healthai/statistics/glm_fit.hpp"

namespace healthai::detail {

/// How far Newton's method goes.
struct GlmSearch {
  std::size_t most_iterations = 40;
  double tolerance = 1e-10;
  std::vector<std::string> terms{};
  Eigen::VectorXd penalties{};  ///< of the squares of the coefficients of the standardised columns
  double residual_df = 0;       ///< n less coefficients, for a fitted dispersion
  double rows = 0;
  bool fits_dispersion = false;
  bool may_separate = false;
};

/// Where it came to.
struct GlmSolution {
  Eigen::VectorXd coefficients{};
  GlmSums sums{};  ///< there, up to the last step
  std::size_t iterations = 0;
  bool converged = false;
  double gradient_norm = std::numeric_limits<double>::quiet_NaN();
  std::vector<GlmProblem> problems{};
};

/// Fisher scoring with steps that are halved where the deviance, with the penalty, rises or a mean leaves the family's range.
template <class Site>
class GlmNewton {
 public:
  /// \param question  step, or null_step for a model with an intercept only
  GlmNewton(Site& site, GlmSearch search, GlmQuestion question = GlmQuestion::step)
      : site_(&site), search_(std::move(search)), question_(question) {}

  /// \param start  coefficients, with the sums there, which are valid
  /// \throws Error (`invalid_data`) for columns that others explain
  [[nodiscard]] GlmSolution from(Eigen::VectorXd start, GlmSums sums) {
    GlmSolution at{std::move(start), std::move(sums), 0, false, 0, {}};
    if (!at.sums.valid) {
      throw Error(
          error::invalid_data,
          "there is no start at which every row's mean is in the range of the family; take another link");
    }
    require_independent(at.sums);
    double last_length = 0, last_decrement = 0;
    int decays = 0;  // steps in a row like those of separated rows
    while (true) {
      const Eigen::VectorXd gradient = at.sums.score - search_.penalties.cwiseProduct(at.coefficients);
      at.gradient_norm = gradient.norm() / search_.rows;
      const std::optional<Eigen::VectorXd> step = solved(at.sums.information, gradient);
      if (!step) {
        not_converged(at, gradient, "the information has become singular");
        return at;
      }
      const double length = step->cwiseAbs().maxCoeff();
      if (is_short(at, *step, gradient)) {
        at.coefficients += *step;
        at.converged = true;
        return at;
      }
      // Newton's method moves separated rows by about 1 each time, and what is left of the deviance falls by e.
      const double decrement = step->dot(gradient);
      const bool constant = length > 0.7 * last_length && length < 1.4 * last_length;
      decays =
          constant && decrement > 0.25 * last_decrement && decrement < 0.5 * last_decrement ? decays + 1 : 0;
      if (search_.may_separate && at.iterations >= 8 && length > 0.7 * last_length &&
          is_separated(at, *step / length, decays))
        return at;
      last_decrement = decrement;
      if (at.iterations == search_.most_iterations) {
        not_converged(at, *step, "after " + std::to_string(at.iterations) + " iterations");
        return at;
      }
      last_length = length;
      ++at.iterations;
      if (!moved(at, *step)) {
        not_converged(at, *step, "no step along the direction of Newton's method makes the fit better");
        return at;
      }
    }
  }

  /// information^-1 right, with the penalties added to the diagonal, in a scale of its own.
  [[nodiscard]] std::optional<Eigen::VectorXd> solved(Eigen::MatrixXd information,
                                                      const Eigen::VectorXd& right) const {
    information.diagonal() += search_.penalties;
    if (!(information.diagonal().minCoeff() > 0)) return std::nullopt;
    const Eigen::VectorXd scale = information.diagonal().cwiseSqrt().cwiseInverse();
    const Eigen::LLT<Eigen::MatrixXd> cholesky(scale.asDiagonal() * information * scale.asDiagonal());
    if (cholesky.info() != Eigen::Success) return std::nullopt;
    const Eigen::VectorXd scaled = cholesky.solve(scale.cwiseProduct(right));
    Eigen::VectorXd solution = scale.cwiseProduct(scaled);
    if (!solution.allFinite()) return std::nullopt;
    return solution;
  }

 private:
  [[nodiscard]] double objective(const GlmSums& sums, const Eigen::VectorXd& coefficients) const {
    return sums.deviance + search_.penalties.dot(coefficients.cwiseAbs2());
  }
  [[nodiscard]] bool is_short(const GlmSolution& at, const Eigen::VectorXd& step,
                              const Eigen::VectorXd& gradient) const {
    if (step.cwiseAbs().maxCoeff() <= 1e-14 * at.coefficients.cwiseAbs().maxCoeff()) return true;
    const double dispersion =
        search_.fits_dispersion && search_.residual_df > 0 ? at.sums.pearson / search_.residual_df : 1;
    const double noise = site_->rounding(site_->limits().score);
    const double decrement = std::sqrt((std::max)(step.dot(gradient), 0.0));
    const double weakest = at.sums.weight > 0 ? std::sqrt(at.sums.weight) : 1;
    return decrement <= search_.tolerance * std::sqrt(dispersion) ||
           decrement <= noise * std::sqrt(static_cast<double>(step.size())) / weakest;
  }
  /// Makes the step, or the longest of its halves that makes the fit no worse.
  [[nodiscard]] bool moved(GlmSolution& at, Eigen::VectorXd step) {
    const double now = objective(at.sums, at.coefficients);
    const double most = now + 1e-12 * (std::fabs(now) + 0.1) + site_->rounding(site_->limits().deviance);
    for (int halved = 0; halved < 30; ++halved, step /= 2) {
      const Eigen::VectorXd next = at.coefficients + step;
      GlmSums sums = site_->ask(question_, next);
      if (!sums.valid || !(objective(sums, next) <= most)) continue;
      at.coefficients = next;
      at.sums = std::move(sums);
      return true;
    }
    return false;
  }
  void require_independent(const GlmSums& sums) const {
    if (search_.penalties.size() > 0 && search_.penalties.maxCoeff() > 0)
      return;  // which makes any information regular
    Eigen::VectorXd squares = sums.information.diagonal();
    // With strata, what was taken out is a column's variation between hospitals.
    if (sums.strata > 0) squares = squares.cwiseMax(sums.weight);
    const std::optional<Collinear> found =
        first_collinear(sums.information, squares, (std::max)(1e-10, site_->rounding(4096)));
    if (!found) return;
    std::string text = "column " + detail::quoted(term(found->column));
    if (found->explained_by.empty()) {
      text +=
          sums.strata > 0
              ? " is the same in all rows of each hospital, so that the hospitals' own intercepts explain it"
              : " tells nothing in any row that counts";
    } else {
      std::vector<std::string> others;
      for (const Eigen::Index other : found->explained_by) others.push_back(term(other));
      text += " is collinear: it follows from " + quoted_list(others) +
              (sums.strata > 0 ? " and the hospitals' own intercepts" : "");
    }
    throw Error(error::invalid_data, text + "; leave one of them out, or add a ridge penalty");
  }
  /// The columns that change most along a direction.
  [[nodiscard]] std::vector<std::string> largest(const Eigen::VectorXd& direction) const {
    std::vector<std::string> names;
    const double most = direction.cwiseAbs().maxCoeff();
    for (Eigen::Index j = 0; j < direction.size(); ++j) {
      const bool intercept = term(j) == "(Intercept)" && direction.size() > 1;
      if (!intercept && std::fabs(direction[j]) >= 0.1 * most) names.push_back(term(j));
    }
    if (names.empty()) names.emplace_back("(Intercept)");
    return names;
  }
  [[nodiscard]] bool is_separated(GlmSolution& at, const Eigen::VectorXd& direction, int decays) {
    const double tolerance = (std::max)(1e-6, std::exp(-static_cast<double>(at.iterations) * 0.75));
    const Moved moved = site_->moved_along(direction, tolerance);
    if (moved.worse > 0.5) return false;
    // Where rules hide that nobody fits worse: from how the steps go.
    if (moved.untold > 0.5 ? at.iterations < 12 || decays < 4 : moved.better < 0.5) return false;
    const bool all =
        moved.untold > 0.5 ? at.sums.deviance < 1e-3 * search_.rows : moved.better > search_.rows - 0.5;
    const bool complete = all && at.sums.strata == 0;
    GlmProblem problem{complete ? GlmProblemKind::complete_separation : GlmProblemKind::quasi_separation,
                       largest(direction),
                       {}};
    problem.sentence = std::string(complete ? "complete separation: " : "quasi-complete separation: ") +
                       quoted_list(problem.terms) +
                       (complete ? " tell every row's response without a mistake"
                                 : " tell the response of some rows without a mistake") +
                       ", so that there is no largest likelihood: the coefficients grow for ever, and their "
                       "standard errors mean "
                       "nothing; leave out or merge what separates, or add a ridge penalty";
    if (moved.untold > 0.5)
      problem.sentence += " (seen from how the steps go; hospitals' rules do not let it be counted)";
    at.problems.push_back(std::move(problem));
    return true;
  }
  void not_converged(GlmSolution& at, const Eigen::VectorXd& direction, const std::string& why) const {
    GlmProblem problem{GlmProblemKind::not_converged, largest(direction), {}};
    problem.sentence = "the fit did not converge (" + why + "): still moving are the coefficients of " +
                       quoted_list(problem.terms);
    at.problems.push_back(std::move(problem));
  }
  [[nodiscard]] const std::string& term(Eigen::Index j) const {
    return search_.terms[static_cast<std::size_t>(j)];
  }

  Site* site_;
  GlmSearch search_;
  GlmQuestion question_;
};

}  // namespace healthai::detail
