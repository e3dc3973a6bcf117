// Commands that fit generalised linear models, and combine fits of each site: glm, meta.
#include <algorithm>
#include <boost/math/distributions/normal.hpp>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <healthai/statistics/local_cox_fit.hpp>
#include <healthai/statistics/local_glm_fit.hpp>
#include <healthai/statistics/meta_analysis.hpp>
#include <string>
#include <utility>
#include <vector>

#include "federated_statistics/commands.hpp"
#include "federated_statistics/glm.hpp"

namespace study {

namespace {

/// One site's own estimates.
struct SiteFit {
  std::string site{};
  std::size_t n = 0;
  std::vector<double> coefficients{};
  std::vector<double> standard_errors{};
};
/// What is combined.
struct SiteFits {
  std::vector<std::string> terms{};
  std::vector<SiteFit> fits{};
  std::vector<healthai::Failure> without{};   ///< sites without a fit of their own
  std::vector<healthai::Failure> left_out{};  ///< by their rules
};

template <class TransportType>
SiteFits cox_fits(Study& study, TransportType& hospitals) {
  const Flags& f = study.flags;
  healthai::LocalCoxFit::Plan plan;
  plan.cohort = study.cohort;
  plan.outcome = {f.time_column, f.event_column, event_value(study, hospitals)};
  plan.covariates = covariates(study);
  plan.ties = f.ties == "efron" ? healthai::Ties::efron : healthai::Ties::breslow;
  const healthai::CoxMetaAnalysis found = healthai::cox_meta_analysis(hospitals, plan);
  SiteFits all{found.terms, {}, found.without_a_fit, found.left_out};
  for (const healthai::LocalCoxResult& fit : found.fits)
    all.fits.push_back({fit.site.str(), fit.rows, fit.coefficients, fit.standard_errors});
  return all;
}

template <class TransportType>
SiteFits glm_fits(Study& study, TransportType& hospitals) {
  const healthai::GlmMetaAnalysis found = healthai::glm_meta_analysis(hospitals, glm_plan(study));
  SiteFits all{found.terms, {}, found.without_a_fit, found.left_out};
  for (const healthai::LocalGlmResult& fit : found.fits)
    all.fits.push_back({fit.site.str(), fit.rows, fit.coefficients, fit.standard_errors});
  return all;
}

struct Combined {
  std::string term{};
  healthai::MetaAnalysis result{};
  std::vector<double> estimates{};
  std::vector<double> standard_errors{};
};

Json combined_to_json(const Combined& c, double z) {
  const healthai::MetaAnalysis& r = c.result;
  const auto effect = [z](double estimate, double error) {
    return Json{{"estimate", json_number(estimate)},
                {"standard_error", json_number(error)},
                {"lower", json_number(estimate - z * error)},
                {"upper", json_number(estimate + z * error)}};
  };
  return {{"term", c.term},
          {"studies", r.studies},
          {"estimates", json_numbers(c.estimates)},
          {"standard_errors", json_numbers(c.standard_errors)},
          {"fixed", effect(r.fixed, r.fixed_standard_error)},
          {"random", effect(r.random, r.random_standard_error)},
          {"q", json_number(r.q)},
          {"i_squared", json_number(r.i_squared)},
          {"tau_squared", json_number(r.tau_squared)}};
}

void print_combined(const Combined& c, const SiteFits& all, double z, bool ratios, std::FILE* out) {
  const auto forth = [ratios](double x) { return ratios ? std::exp(x) : x; };
  std::fprintf(out, "\n%s\n", c.term.c_str());
  TextTable table({"", "n", "Estimate", "Std. Error", ratios ? "exp(Estimate)" : "", "interval"});
  const auto row = [&](const std::string& name, const std::string& n, double estimate, double error) {
    table.row({name, n, fixed(estimate, 4), fixed(error, 4), ratios ? fixed(forth(estimate), 4) : "",
               fixed(forth(estimate - z * error), 3) + " to " + fixed(forth(estimate + z * error), 3)});
  };
  for (std::size_t i = 0; i < all.fits.size(); ++i)
    row("site " + all.fits[i].site, std::to_string(all.fits[i].n), c.estimates[i], c.standard_errors[i]);
  row("fixed effect", "", c.result.fixed, c.result.fixed_standard_error);
  row("random effects", "", c.result.random, c.result.random_standard_error);
  table.print(out);
  std::fprintf(out, "Q = %s on %zu df, I^2 = %s, tau^2 = %s\n", significant(c.result.q, 4).c_str(),
               c.result.studies - 1, fixed(c.result.i_squared, 3).c_str(),
               significant(c.result.tau_squared, 4).c_str());
}

void draw_combined(Study& study, const Combined& c, const SiteFits& all, double z, bool ratios) {
  const bool cox = study.flags.target.empty();
  healthai::ForestPlot plot;
  plot.title = c.term;
  plot.x_label = !ratios ? "Coefficient"
                 : cox   ? "Hazard ratio (logarithmic axis)"
                         : "Ratio (logarithmic axis)";
  plot.label_header = "Site";
  plot.note_header = "Patients";
  plot.estimate_header = !ratios ? "Difference" : cox ? "HR" : "Ratio";
  plot.log_x = ratios;
  plot.reference = ratios ? 1 : 0;
  const auto forth = [ratios](double x) { return ratios ? std::exp(x) : x; };
  const auto add = [&](const std::string& label, double estimate, double error, const std::string& note,
                       bool summary) {
    plot.add({.label = label,
              .estimate = forth(estimate),
              .lower = forth(estimate - z * error),
              .upper = forth(estimate + z * error),
              .weight = 1 / (error * error),
              .note = note,
              .emphasised = summary});
  };
  for (std::size_t i = 0; i < all.fits.size(); ++i)
    add(all.fits[i].site, c.estimates[i], c.standard_errors[i], std::to_string(all.fits[i].n), false);
  add("fixed effect", c.result.fixed, c.result.fixed_standard_error, "", true);
  add("random effects", c.result.random, c.result.random_standard_error, "", true);
  const std::filesystem::path picture =
      std::filesystem::path(study.flags.plot) / ("meta_" + file_name(c.term) + ".png");
  plot.write(picture);
  std::fprintf(study.out, "written: %s\n", picture.string().c_str());
}

void combine(Study& study, const SiteFits& all, bool ratios) {
  const Flags& f = study.flags;
  if (!f.term.empty() && std::find(all.terms.begin(), all.terms.end(), f.term) == all.terms.end()) {
    throw healthai::Error(healthai::error::unknown_name,
                          "there is no term " + healthai::detail::quoted(f.term) + "; the terms are " +
                              healthai::detail::quoted_list(all.terms));
  }
  const double z = boost::math::quantile(boost::math::complement(boost::math::normal(), (1 - f.level) / 2));
  study.result["combined"] = Json::array();
  for (std::size_t t = 0; t < all.terms.size(); ++t) {
    if (!f.term.empty() && all.terms[t] != f.term) continue;
    Combined c{all.terms[t], {}, {}, {}};
    for (const SiteFit& fit : all.fits) {
      c.estimates.push_back(fit.coefficients[t]);
      c.standard_errors.push_back(fit.standard_errors[t]);
    }
    c.result = healthai::meta_analysis(c.estimates, c.standard_errors);
    print_combined(c, all, z, ratios, study.out);
    study.result["combined"].push_back(combined_to_json(c, z));
    if (!f.plot.empty() && c.term != "(Intercept)") draw_combined(study, c, all, z, ratios);
  }
  std::fprintf(study.out, "\n");
}

}  // namespace

void meta(Study& study) {
  const Flags& f = study.flags;
  const bool cox = f.target.empty();
  const auto work = [&](auto& hospitals) {
    const SiteFits all = cox ? cox_fits(study, hospitals) : glm_fits(study, hospitals);
    const healthai::GlmLink link = cox ? healthai::GlmLink::log : glm_plan(study).link;
    const std::string formula = (cox ? "Surv(" + f.time_column + ", " + f.event_column + ")" : f.target) +
                                " ~ " + right_side(f.covariates);
    std::fprintf(study.out, "%s at each of %zu sites alone\n", formula.c_str(), all.fits.size());
    study.result["formula"] = formula;
    combine(study, all, link == healthai::GlmLink::log || link == healthai::GlmLink::logit);
    for (const healthai::Failure& failure : all.without)
      study.note("site " + failure.client.str() + " has no fit of its own: " + failure.message);
    std::vector<healthai::ClientId> sites;
    study.result["n"] = Json::array();
    for (const SiteFit& fit : all.fits) {
      sites.emplace_back(fit.site);
      study.result["n"].push_back(fit.n);
    }
    tell_sites(study, sites, all.left_out);
    study.result["without_a_fit"] = Json::array();
    for (const healthai::Failure& failure : all.without)
      study.result["without_a_fit"].push_back({{"site", failure.client.str()}, {"message", failure.message}});
  };
  over_hospitals<healthai::ColumnLevels, healthai::LocalCoxFit, healthai::LocalGlmFit>(study, work);
}

}  // namespace study
