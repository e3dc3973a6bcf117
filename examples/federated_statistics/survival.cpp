// Commands about times until an event: cox, km, logrank.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <healthai/reporting/survival_plot.hpp>
#include <healthai/statistics/kaplan_meier.hpp>
#include <healthai/statistics/log_rank.hpp>
#include <optional>
#include <string>
#include <vector>

#include "federated_statistics/commands.hpp"
#include "federated_statistics/cox.hpp"
#include "federated_statistics/one_site.hpp"
#include "federated_statistics/secure_hospitals.hpp"

namespace study {

namespace {

std::string surv(const Flags& f) {
  return "Surv(" + f.time_column + ", " + f.event_column + ")";
}

}  // namespace

void cox(Study& study) {
  const Flags& f = study.flags;
  const auto work = [&](auto& hospitals) {
    const Strata strata = parse_strata(f.strata, "site");
    healthai::CoxPlan plan;
    plan.cohort = study.cohort;
    plan.outcome = outcome(study, hospitals);
    plan.covariates = covariates(study);
    plan.stratify_by_site = strata.by_site;
    plan.strata = strata.column;
    plan.strata_levels = levels_if_known(study, strata.column);
    plan.ties = f.ties == "efron" ? healthai::Ties::efron : healthai::Ties::breslow;
    plan.time_grid = strata.by_site && !f.baseline ? f.grid : time_grid(study);
    plan.bounds = public_bounds(study, healthai::columns_of(plan.covariates));
    healthai::CoxFitOptions options;
    options.asking = asking(study);
    options.confidence_level = f.level;
    options.baseline_hazards = f.baseline;
    const healthai::CoxFit fit = healthai::fit_cox(hospitals, plan, options);
    if (f.secure && !strata.by_site)
      study.note(
          "the sums for each interval of the grid are seen by whoever opens them; masks hide of which "
          "hospital "
          "a patient is");
    const std::string formula = surv(f) + " ~ " + right_side(f.covariates) +
                                (strata.by_site ? " + strata(site)" : "") +
                                (strata.column.empty() ? "" : " + strata(" + strata.column + ")");
    std::fprintf(study.out, "%s, ties by %s, %zu sites\n", formula.c_str(), f.ties.c_str(), fit.sites.size());
    print_cox(fit, study.out);
    study.result["formula"] = formula;
    study.result["ties"] = f.ties;
    cox_to_json(study.result, fit);
    tell_sites(study, fit.sites, fit.left_out);
    if (!f.plot.empty())
      draw_coefficients(study, coefficients_of(fit), formula, "Hazard ratio (logarithmic axis)", "HR", true,
                        "cox_forest");
  };
  if (f.secure)
    return over_secure_hospitals<healthai::CoxMoments, healthai::CoxSiteStep, healthai::CoxConcordance,
                                 healthai::CoxEventCounts, healthai::CoxRiskSets>(study, work);
  over_hospitals<healthai::ColumnLevels, healthai::DistinctTimes, healthai::CoxMoments, healthai::CoxSiteStep,
                 healthai::CoxConcordance, healthai::CoxEventCounts, healthai::CoxRiskSets,
                 healthai::CoxBaseline>(study, work);
}

namespace {

template <class TransportType>
healthai::SurvivalPlan survival_plan(Study& study, TransportType& hospitals, const Strata& strata) {
  healthai::SurvivalPlan plan;
  plan.cohort = study.cohort;
  plan.outcome = outcome(study, hospitals);
  plan.by = {study.flags.by, levels_if_known(study, study.flags.by)};
  plan.strata = {strata.column, levels_if_known(study, strata.column)};
  return plan;
}

/// "hospital=1, sex=2", or "all".
std::string curve_name(const Study& study, const Strata& strata, const healthai::SurvivalCurve& curve,
                       const std::string& site) {
  std::string name = site.empty() ? "" : "site=" + site;
  if (!strata.column.empty()) name += (name.empty() ? "" : ", ") + strata.column + "=" + curve.stratum;
  if (!study.flags.by.empty()) name += (name.empty() ? "" : ", ") + study.flags.by + "=" + curve.group;
  return name.empty() ? "all" : name;
}

struct NamedCurve {
  std::string name{};
  healthai::SurvivalCurve curve{};
};

Json optional_number(const std::optional<double>& value) {
  return value ? json_number(*value) : Json(nullptr);
}

Json curve_to_json(const NamedCurve& named) {
  const healthai::SurvivalCurve& curve = named.curve;
  Json json{{"name", named.name}};
  for (const char* key : {"time", "at_risk", "events", "censored", "survival", "std_error", "lower", "upper"})
    json[key] = Json::array();
  for (const healthai::CurvePoint& point : curve.points) {
    json["time"].push_back(json_number(point.time));
    json["at_risk"].push_back(point.at_risk);
    json["events"].push_back(point.events);
    json["censored"].push_back(point.censored);
    json["survival"].push_back(json_number(point.estimate.survival));
    json["std_error"].push_back(optional_number(point.estimate.standard_error));
    json["lower"].push_back(optional_number(point.estimate.lower));
    json["upper"].push_back(optional_number(point.estimate.upper));
  }
  json["n"] = curve.patients;
  json["n_events"] = curve.events;
  json["median"] = optional_number(curve.median.time);
  json["median_lower"] = optional_number(curve.median.lower);
  json["median_upper"] = optional_number(curve.median.upper);
  json["restricted_mean"] = {{"horizon", json_number(curve.restricted_mean.horizon)},
                             {"mean", json_number(curve.restricted_mean.mean)},
                             {"std_error", json_number(curve.restricted_mean.standard_error)}};
  json["at"] = Json::array();
  for (const healthai::CurveValue& value : curve.at) {
    json["at"].push_back({{"time", json_number(value.time)},
                          {"at_risk", value.at_risk},
                          {"survival", json_number(value.estimate.survival)},
                          {"std_error", optional_number(value.estimate.standard_error)},
                          {"lower", optional_number(value.estimate.lower)},
                          {"upper", optional_number(value.estimate.upper)}});
  }
  return json;
}

void print_curves(const Study& study, const std::vector<NamedCurve>& curves) {
  const auto number = [](const std::optional<double>& value, int digits) {
    return value ? significant(*value, digits) : std::string("NA");
  };
  const std::string share = level_text(study.flags.level);
  TextTable table({"", "n", "events", "median", "lower " + share, "upper " + share});
  for (const auto& [name, curve] : curves)
    table.row({name, std::to_string(curve.patients), std::to_string(curve.events),
               number(curve.median.time, 6), number(curve.median.lower, 6), number(curve.median.upper, 6)});
  table.print(study.out);
  for (const auto& [name, curve] : curves) {
    std::fprintf(study.out, "\n%s\n", name.c_str());
    TextTable rows({"time", "at risk", "survival", "std.err", "lower " + share, "upper " + share}, 0);
    for (const healthai::CurveValue& value : curve.at) {
      rows.row({significant(value.time, 6), std::to_string(value.at_risk), fixed(value.estimate.survival, 4),
                value.estimate.standard_error ? fixed(*value.estimate.standard_error, 4) : "NA",
                value.estimate.lower ? fixed(*value.estimate.lower, 4) : "NA",
                value.estimate.upper ? fixed(*value.estimate.upper, 4) : "NA"});
    }
    rows.print(study.out);
  }
}

void draw_curves(Study& study, const std::vector<NamedCurve>& curves) {
  healthai::SurvivalPlot plot;
  plot.title = surv(study.flags);
  plot.x_label = study.flags.time_column;
  const bool bands = curves.size() <= 3;
  for (const auto& [name, curve] : curves) {
    healthai::SurvivalSeries series;
    series.name = name;
    for (const healthai::CurvePoint& point : curve.points) {
      series.time.push_back(point.time);
      series.survival.push_back(point.estimate.survival);
      series.at_risk.push_back(static_cast<double>(point.at_risk));
      series.censored.push_back(static_cast<double>(point.censored));
      if (!bands) continue;
      series.lower.push_back(point.estimate.lower.value_or(0));
      series.upper.push_back(point.estimate.upper.value_or(series.upper.empty() ? 1 : series.upper.back()));
    }
    plot.add(std::move(series));
  }
  const std::filesystem::path picture = std::filesystem::path(study.flags.plot) / "survival.png";
  plot.write(picture);
  std::fprintf(study.out, "written: %s\n", picture.string().c_str());
}

/// Where curves are printed without --at: about eight round times.
std::vector<double> times_to_print(const std::vector<NamedCurve>& curves) {
  double last = 0;
  for (const auto& [name, curve] : curves)
    last = curve.points.empty() ? last : (std::max)(last, curve.points.back().time);
  const std::vector<double> all = round_grid(last * 4);  // every one of whose times is about an eighth
  std::vector<double> times;
  for (const double time : all) {
    if (time <= last) times.push_back(time);
  }
  return times;
}

}  // namespace

void km(Study& study) {
  const Flags& f = study.flags;
  const Strata strata = parse_strata(f.strata, "none");
  const auto work = [&](auto& hospitals) {
    healthai::SurvivalPlan plan = survival_plan(study, hospitals, strata);
    plan.times = time_grid(study);
    if (study.rules.enforced)
      study.note(
          "intervals in which few patients leave are joined at each hospital, and these patients spread over "
          "them "
          "(rule smallest_cell): where hospitals are small, curves are smoothed");
    const healthai::KaplanMeierOptions options{asking(study), f.level, f.at, {}};
    std::vector<NamedCurve> curves;
    std::vector<healthai::ClientId> sites;
    std::vector<healthai::Failure> left_out;
    const auto take = [&](const healthai::KaplanMeierResult& found, const std::string& site) {
      for (const healthai::SurvivalCurve& curve : found.curves)
        curves.push_back({curve_name(study, strata, curve, site), curve});
      sites.insert(sites.end(), found.sites.begin(), found.sites.end());
      left_out.insert(left_out.end(), found.left_out.begin(), found.left_out.end());
    };
    using Hospitals = std::remove_reference_t<decltype(hospitals)>;
    if constexpr (healthai::Transport<Hospitals, healthai::LifeTable>) {
      if (strata.by_site) {
        for (const healthai::ClientId& id : hospitals.clients()) {
          OneSite<Hospitals> site(hospitals, id);
          try {
            take(healthai::kaplan_meier(site, plan, options), id.str());
          } catch (const healthai::Error& e) {
            left_out.push_back({id, std::string(e.id().name()), e.what()});
          }
        }
      }
    }
    if (strata.by_site && f.secure)
      throw healthai::Error(
          healthai::error::invalid_argument,
          "--strata site shows each hospital's curve, and --secure shows none; leave out one of them");
    if (!strata.by_site) take(healthai::kaplan_meier(hospitals, plan, options), "");
    if (curves.empty())
      throw healthai::Error(healthai::error::disclosure,
                            left_out.empty() ? "no hospital has a patient" : left_out.front().message);
    if (f.at.empty()) {
      const std::vector<double> times = times_to_print(curves);
      for (NamedCurve& named : curves) {
        for (const double time : times)
          named.curve.at.push_back(healthai::curve_at(named.curve.points, named.curve.patients, time));
      }
    }
    std::fprintf(study.out, "%s, Kaplan-Meier, %zu sites\n\n", surv(f).c_str(), sites.size());
    print_curves(study, curves);
    study.result["level"] = f.level;
    study.result["strata"] = Json::array();
    for (const NamedCurve& named : curves) study.result["strata"].push_back(curve_to_json(named));
    tell_sites(study, sites, left_out);
    if (!f.plot.empty()) draw_curves(study, curves);
  };
  if (f.secure) return over_secure_hospitals<healthai::LifeTable>(study, work);
  over_hospitals<healthai::ColumnLevels, healthai::DistinctTimes, healthai::LifeTable>(study, work);
}

void logrank(Study& study) {
  const Flags& f = study.flags;
  const Strata strata = parse_strata(f.strata, "none");
  const auto work = [&](auto& hospitals) {
    healthai::SurvivalPlan plan = survival_plan(study, hospitals, strata);
    plan.times = strata.by_site && !study.rules.enforced ? f.grid : time_grid(study);
    const healthai::LogRankResult found =
        healthai::log_rank(hospitals, plan, {asking(study), f.rho, strata.by_site});
    const std::string formula = surv(f) + " ~ " + f.by + (strata.by_site ? " + strata(site)" : "") +
                                (strata.column.empty() ? "" : " + strata(" + strata.column + ")");
    std::fprintf(study.out, "%s, rho = %s, %zu sites\n\n", formula.c_str(), significant(f.rho, 4).c_str(),
                 found.sites.size());
    TextTable table({"", "N", "Observed", "Expected", "(O-E)^2/E", "(O-E)^2/V"});
    const std::size_t groups = found.groups.size();
    Json& json = study.result;
    json["formula"] = formula;
    for (const char* key : {"groups", "n", "observed", "expected", "variance"}) json[key] = Json::array();
    for (std::size_t g = 0; g < groups; ++g) {
      const healthai::LogRankGroup& group = found.groups[g];
      const double square = (group.observed - group.expected) * (group.observed - group.expected);
      const std::string name = f.by + "=" + group.group;
      table.row({name, std::to_string(group.patients), significant(group.observed, 5),
                 significant(group.expected, 5), significant(square / group.expected, 4),
                 significant(square / found.variance[g * groups + g], 4)});
      json["groups"].push_back(name);
      json["n"].push_back(group.patients);
      json["observed"].push_back(json_number(group.observed));
      json["expected"].push_back(json_number(group.expected));
      Json row = Json::array();
      for (std::size_t h = 0; h < groups; ++h) row.push_back(json_number(found.variance[g * groups + h]));
      json["variance"].push_back(row);
    }
    table.print(study.out);
    std::fprintf(study.out, "\nChisq= %s  on %zu degrees of freedom, p= %s\n",
                 significant(found.chi_square, 5).c_str(), found.df, p_value(found.p_value).c_str());
    json["rho"] = f.rho;
    json["chi_square"] = json_number(found.chi_square);
    json["df"] = found.df;
    json["p"] = json_number(found.p_value);
    tell_sites(study, found.sites, found.left_out);
  };
  if (f.secure) return over_secure_hospitals<healthai::LifeTable, healthai::SiteLogRank>(study, work);
  over_hospitals<healthai::ColumnLevels, healthai::DistinctTimes, healthai::LifeTable, healthai::SiteLogRank>(
      study, work);
}

}  // namespace study
