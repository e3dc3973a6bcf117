#pragma once

#include <cmath>
#include <cstddef>
#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <string>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/core/number_text.hpp"
#include "healthai/data/detail/text.hpp"
#include "healthai/model/detail/newton_ascent.hpp"
#include "healthai/statistics/cox_plan.hpp"

namespace healthai::detail {

/// \throws Error (`invalid_argument`) for a plan that nobody can answer
inline void require_possible(const CoxPlan& plan) {
  const auto fail = [](const std::string& why) {
    throw Error(error::invalid_argument, "a Cox regression: " + why);
  };
  if (plan.outcome.time.empty() || plan.outcome.event.empty())
    fail("expected the columns of the time and of the event, got no name");
  if (plan.outcome.time == plan.outcome.event)
    fail("the column " + detail::quoted(plan.outcome.time) + " cannot be both time and event");
  if (plan.covariates.empty()) fail("expected at least one covariate, got none");
  for (std::size_t i = 0; i < plan.covariates.size(); ++i) {
    const std::string& column = plan.covariates[i].column;
    if (column == plan.outcome.time || column == plan.outcome.event)
      fail("the column " + detail::quoted(column) + " of the outcome is among its own covariates");
    if (column == plan.strata)
      fail("the column " + detail::quoted(column) +
           " is a covariate and makes strata: within these it is constant");
    for (std::size_t j = 0; j < i; ++j) {
      if (plan.covariates[j].column == column)
        fail("the covariate " + detail::quoted(column) + " is named twice");
    }
  }
}

/// Among whom a covariate has to vary.
[[nodiscard]] inline std::string cox_comparison(const CoxPlan& plan, bool within_sites) {
  std::string text = "among the patients at risk at an event";
  if (within_sites && plan.stratify_by_site) text += ", within each hospital";
  if (!plan.strata.empty())
    text += std::string(within_sites && plan.stratify_by_site ? " and" : ", within each") + " level of " +
            detail::quoted(plan.strata);
  return text;
}

/// The terms that make up a dependent one, with their coefficients beyond rounding.
[[nodiscard]] inline std::vector<std::size_t> partners_of(const FeatureMatrix<double>& information,
                                                          Eigen::Index column) {
  const Eigen::Index terms = information.rows();
  const Eigen::VectorXd roots = information.diagonal().cwiseSqrt();
  Eigen::MatrixXd others(terms - 1, terms - 1);
  Eigen::VectorXd right(terms - 1);
  const auto at = [column](Eigen::Index k) { return k < column ? k : k + 1; };
  for (Eigen::Index j = 0; j + 1 < terms; ++j) {
    right[j] = information(at(j), column) / (roots[at(j)] * roots[column]);
    for (Eigen::Index k = 0; k + 1 < terms; ++k)
      others(j, k) = information(at(j), at(k)) / (roots[at(j)] * roots[at(k)]);
  }
  const Eigen::VectorXd weights = others.ldlt().solve(right);
  std::vector<std::size_t> partners;
  for (Eigen::Index j = 0; j + 1 < terms; ++j) {
    if (std::fabs(weights[j]) > 1e-4) partners.push_back(static_cast<std::size_t>(at(j)));
  }
  return partners;
}

/// \throws Error (`invalid_data`) for what kept Newton's method from a maximum, if anything did, in words
inline void require_solved(const Ascent& ascent, const ScaledCoxPlan& plan, bool within_sites) {
  if (ascent.problem == Ascent::Problem::none) return;
  const std::vector<std::string> terms = term_names(plan.covariates);
  const auto column = static_cast<std::size_t>(ascent.problem_column);
  const std::string term = "covariate " + detail::quoted(terms[column]);
  const std::string among = cox_comparison(plan, within_sites);
  switch (ascent.problem) {
    case Ascent::Problem::none:
      return;
    case Ascent::Problem::constant:
      throw Error(error::invalid_data, "Cox regression: " + term + " is constant " + among +
                                           ", so that they say nothing about it; leave it out");
    case Ascent::Problem::dependent: {
      std::vector<std::string> names;
      for (const std::size_t partner : partners_of(ascent.start.information, ascent.problem_column))
        names.push_back(terms[partner]);
      throw Error(error::invalid_data,
                  "Cox regression: " + term + " is a linear combination of " +
                      (names.empty() ? std::string("the others") : detail::quoted_list(names)) + " " + among +
                      "; leave one of them out");
    }
    case Ascent::Problem::no_maximum:
      throw Error(
          error::invalid_data,
          "Cox regression: the likelihood has no maximum (monotone likelihood): the coefficient of " + term +
              " reached " + number_text(ascent.coefficients[ascent.problem_column] / plan.scales[column]) +
              " and grows for ever, as nobody, or everybody, on one side of it has the event first; leave it "
              "out, join levels, or wait for more events");
  }
}

}  // namespace healthai::detail
