#pragma once

#include <cmath>
#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <healthai/reporting/forest_plot.hpp>
#include <string>
#include <vector>

#include "federated_statistics/study.hpp"
#include "federated_statistics/text.hpp"

namespace study {

/// One coefficient of any regression.
struct Coefficient {
  std::string name{};
  double value = 0;
  double standard_error = 0;
  double statistic = 0;  ///< z or t
  double p = 1;
  double lower = 0;  ///< of its confidence interval
  double upper = 0;
};

/// "age + sex + C(celltype)", or 1 for none.
inline std::string right_side(const std::string& covariates) {
  std::string text;
  for (const healthai::Covariate& covariate : healthai::parse_covariates(covariates)) {
    text += text.empty() ? "" : " + ";
    if (!covariate.categorical) {
      text += covariate.column;
    } else {
      text +=
          "C(" + covariate.column + (covariate.levels.empty() ? "" : "," + covariate.levels.front()) + ")";
    }
  }
  return text.empty() ? "1" : text;
}

inline void coefficients_to_json(Json& json, const std::vector<Coefficient>& terms) {
  for (const char* key : {"terms", "coefficients", "standard_errors", "statistics", "p", "lower", "upper"})
    json[key] = Json::array();
  for (const Coefficient& term : terms) {
    json["terms"].push_back(term.name);
    json["coefficients"].push_back(json_number(term.value));
    json["standard_errors"].push_back(json_number(term.standard_error));
    json["statistics"].push_back(json_number(term.statistic));
    json["p"].push_back(json_number(term.p));
    json["lower"].push_back(json_number(term.lower));
    json["upper"].push_back(json_number(term.upper));
  }
}

/// One column of a table of coefficients.
template <class Get>
std::vector<double> column(const std::vector<Coefficient>& terms, Get get) {
  std::vector<double> values;
  for (const Coefficient& term : terms) values.push_back(get(term));
  return values;
}

/// As R's summary prints them. \param ratio  the header of exp(coefficient); empty: without
inline void print_coefficients(const std::vector<Coefficient>& terms, const std::string& statistic,
                               bool with_ratio, std::FILE* out) {
  std::vector<std::vector<std::string>> columns(1);
  for (const Coefficient& term : terms) columns[0].push_back(term.name);
  std::vector<std::string> header{
      "", "Estimate", "Std. Error", statistic + " value", "Pr(>|" + statistic + "|)", ""};
  columns.push_back(aligned(column(terms, [](const Coefficient& t) { return t.value; }), 5));
  if (with_ratio) {
    header = {"", "coef", "exp(coef)", "se(coef)", statistic, "Pr(>|" + statistic + "|)", ""};
    columns.push_back(aligned(column(terms, [](const Coefficient& t) { return std::exp(t.value); }), 5));
  }
  columns.push_back(aligned(column(terms, [](const Coefficient& t) { return t.standard_error; }), 5));
  columns.emplace_back();
  columns.emplace_back();
  columns.emplace_back();
  for (const Coefficient& term : terms) {
    columns[columns.size() - 3].push_back(fixed(term.statistic, 3));
    columns[columns.size() - 2].push_back(p_value(term.p));
    columns[columns.size() - 1].push_back(stars(term.p));
  }
  TextTable(header).columns(columns).print(out);
  std::fprintf(out, "---\n%s\n\n", meaning_of_stars);
}

/// Ratios with their intervals.
inline void print_ratios(const std::vector<Coefficient>& terms, double level, std::FILE* out) {
  const auto ratio = [&](double Coefficient::*member, double sign) {
    return aligned(column(terms, [&](const Coefficient& t) { return std::exp(sign * (t.*member)); }), 4);
  };
  std::vector<std::vector<std::string>> columns(1);
  for (const Coefficient& term : terms) columns[0].push_back(term.name);
  for (auto& values : {ratio(&Coefficient::value, 1), ratio(&Coefficient::value, -1),
                       ratio(&Coefficient::lower, 1), ratio(&Coefficient::upper, 1)})
    columns.push_back(values);
  const std::string share = level_text(level);
  TextTable({"", "exp(coef)", "exp(-coef)", "lower " + share, "upper " + share}).columns(columns).print(out);
}

/// A picture of ratios (hazard, odds, rates), or of differences.
inline void draw_coefficients(Study& study, const std::vector<Coefficient>& terms, const std::string& title,
                              const std::string& x_label, const std::string& header, bool ratios,
                              const std::string& name) {
  healthai::ForestPlot plot{.title = title,
                            .x_label = x_label,
                            .estimate_header = header,
                            .log_x = ratios,
                            .reference = ratios ? 1.0 : 0.0};
  const auto forth = [ratios](double x) { return ratios ? std::exp(x) : x; };
  for (const Coefficient& term : terms) {
    if (term.name == "(Intercept)" || !std::isfinite(term.value)) continue;
    plot.add({.label = term.name,
              .estimate = forth(term.value),
              .lower = forth(term.lower),
              .upper = forth(term.upper)});
  }
  if (plot.rows.empty()) return;
  const std::filesystem::path picture = std::filesystem::path(study.flags.plot) / (name + ".png");
  plot.write(picture);
  std::fprintf(study.out, "written: %s\n", picture.string().c_str());
}

}  // namespace study
