#pragma once

#include <cmath>
#include <cstddef>
#include <cstdio>
#include <healthai/statistics/glm.hpp>
#include <string>
#include <vector>

#include "federated_statistics/regression.hpp"
#include "federated_statistics/secure_hospitals.hpp"

namespace study {

inline healthai::GlmPlan glm_plan(const Study& study) {
  const Flags& f = study.flags;
  healthai::GlmPlan plan;
  plan.cohort = study.cohort;
  plan.response = f.target;
  plan.covariates = covariates(study);
  plan.family = healthai::parse_family(f.family);
  if (!f.link.empty()) plan.link = healthai::parse_link(f.link);
  plan.link = healthai::link_of(plan.family, plan.link);
  plan.offset = f.offset;
  plan.l2 = f.l2;
  plan.penalise_standardised = !f.penalise_raw;
  plan.standardise = f.standardise;
  plan.stratify_by_site = f.strata == "site";
  plan.bounds = public_bounds(study, plan.bounded_columns());
  if (is_column(f.strata)) {
    throw healthai::Error(
        healthai::error::invalid_argument,
        "--strata of glm is site or none; write the column among the covariates, as C(" + f.strata + ")");
  }
  return plan;
}

inline std::vector<Coefficient> coefficients_of(const healthai::GlmFit& fit) {
  std::vector<Coefficient> terms;
  for (std::size_t i = 0; i < fit.terms.size(); ++i)
    terms.push_back({fit.terms[i], fit.coefficients[i], fit.standard_errors[i], fit.statistics[i],
                     fit.p_values[i], fit.lower[i], fit.upper[i]});
  return terms;
}

inline void glm_to_json(Json& json, const healthai::GlmFit& fit, const healthai::GlmPlan& plan) {
  json["family"] = healthai::name_of(plan.family);
  json["link"] = healthai::name_of(plan.link);
  coefficients_to_json(json, coefficients_of(fit));
  json["covariance"] = Json::array();
  const std::size_t size = fit.terms.size();
  for (std::size_t i = 0; i < size; ++i) {
    Json row = Json::array();
    for (std::size_t j = 0; j < size; ++j) row.push_back(json_number(fit.covariance.at(i * size + j)));
    json["covariance"].push_back(row);
  }
  json["log_likelihood"] = json_number(fit.log_likelihood);
  json["log_likelihood_null"] = json_number(fit.null_log_likelihood);
  json["deviance"] = json_number(fit.deviance);
  json["null_deviance"] = json_number(fit.null_deviance);
  json["aic"] = json_number(fit.aic);
  json["dispersion"] = json_number(fit.dispersion);
  json["n"] = fit.n;
  const bool binomial = plan.family == healthai::GlmFamily::binomial;
  json["events"] =
      binomial ? json_count(std::round(fit.mean_response * static_cast<double>(fit.n))) : Json(nullptr);
  json["mean_response"] = json_number(fit.mean_response);
  json["df"] = json_count(fit.df);
  json["null_df"] = json_count(fit.null_df);
  json["iterations"] = fit.iterations;
  json["converged"] = fit.converged;
  json["concordance"] = nullptr;
  json["sigma"] = json_number(fit.sigma);
  json["r_squared"] = json_number(fit.r_squared);
  json["adjusted_r_squared"] = json_number(fit.adjusted_r_squared);
  json["f_statistic"] = json_number(fit.f_statistic);
  json["f_df"] = json_count(fit.f_df);
  json["f_p"] = json_number(fit.f_p_value);
  json["problems"] = Json::array();
  for (const healthai::GlmProblem& problem : fit.problems)
    json["problems"].push_back({{"terms", problem.terms}, {"sentence", problem.sentence}});
}

inline void print_glm(const healthai::GlmFit& fit, const healthai::GlmPlan& plan, std::FILE* out) {
  print_coefficients(coefficients_of(fit), fit.t_distributed ? "t" : "z", false, out);
  if (!std::isnan(fit.r_squared)) {
    std::fprintf(out,
                 "Residual standard error: %s on %s degrees of freedom\nMultiple R-squared: %s,  Adjusted "
                 "R-squared: %s\n",
                 significant(fit.sigma, 4).c_str(), count(fit.df).c_str(),
                 significant(fit.r_squared, 4).c_str(), significant(fit.adjusted_r_squared, 4).c_str());
    std::fprintf(out, "F-statistic: %s on %s and %s DF,  p-value: %s\n",
                 significant(fit.f_statistic, 4).c_str(), count(fit.f_df).c_str(), count(fit.df).c_str(),
                 p_value(fit.f_p_value).c_str());
  } else {
    std::fprintf(out, "(Dispersion parameter for the %s family %s %s)\n\n",
                 std::string(healthai::name_of(plan.family)).c_str(),
                 fit.t_distributed ? "is" : "taken to be", significant(fit.dispersion, 6).c_str());
    std::fprintf(out,
                 "    Null deviance: %s  on %s  degrees of freedom\nResidual deviance: %s  on %s  degrees of "
                 "freedom\n",
                 fixed(fit.null_deviance, 2).c_str(), count(fit.null_df).c_str(),
                 fixed(fit.deviance, 2).c_str(), count(fit.df).c_str());
  }
  std::fprintf(out, "AIC: %s, log-likelihood: %s. %zu patients, %zu steps\n", fixed(fit.aic, 2).c_str(),
               fixed(fit.log_likelihood, 4).c_str(), fit.n, fit.iterations);
}

/// `glm`: a table of coefficients as R's summary(glm), for gaussian with the identity link as summary(lm).
void glm(Study& study) {
  const Flags& f = study.flags;
  const healthai::GlmPlan asked = glm_plan(study);
  const auto work = [&](auto& hospitals) {
    healthai::GlmOptions options;
    options.confidence_level = f.level;
    options.pooled = study.rules;
    const healthai::GlmFit fit = healthai::fit_glm(hospitals, asked, options);
    const std::string formula =
        f.target + " ~ " + right_side(f.covariates) + (f.offset.empty() ? "" : " + offset(" + f.offset + ")");
    std::fprintf(study.out, "%s, %s family, %s link, %zu sites\n\n", formula.c_str(),
                 std::string(healthai::name_of(asked.family)).c_str(),
                 std::string(healthai::name_of(asked.link)).c_str(), fit.sites.size());
    print_glm(fit, asked, study.out);
    for (const healthai::GlmProblem& problem : fit.problems) study.note(problem.sentence);
    study.result["formula"] = formula;
    glm_to_json(study.result, fit, asked);
    tell_sites(study, fit.sites, fit.left_out);
    if (f.plot.empty()) return;
    const bool odds = asked.link == healthai::GlmLink::logit;
    const bool ratios = odds || asked.link == healthai::GlmLink::log;
    draw_coefficients(study, coefficients_of(fit), formula,
                      odds     ? "Odds ratio (logarithmic axis)"
                      : ratios ? "Ratio of means (logarithmic axis)"
                               : "Coefficient",
                      odds     ? "OR"
                      : ratios ? "Ratio"
                               : "Difference",
                      ratios, "glm_forest");
  };
  if (f.secure) return over_secure_hospitals<healthai::GlmMoments, healthai::GlmStep>(study, work);
  over_hospitals<healthai::GlmMoments, healthai::GlmStep, healthai::ColumnLevels>(study, work);
}

}  // namespace study
