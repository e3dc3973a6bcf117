// Commands about columns by themselves: describe, quantile, histogram.
#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <healthai/reporting/histogram_plot.hpp>
#include <healthai/statistics/describe.hpp>
#include <healthai/statistics/histogram.hpp>
#include <healthai/statistics/quantiles.hpp>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "federated_statistics/commands.hpp"
#include "federated_statistics/secure_hospitals.hpp"
#include "federated_statistics/text.hpp"

namespace study {

namespace {

Json description_to_json(const healthai::ColumnDescription& c) {
  const auto number = [](const std::optional<double>& value) {
    return value ? json_number(*value) : Json(nullptr);
  };
  Json json{{"column", c.column}};
  if (!c.level.empty()) json["level"] = c.level;
  json["n"] = c.n;
  json["missing"] = c.missing;
  json["sum"] = json_number(c.sum);
  json["mean"] = number(c.mean);
  json["variance"] = number(c.variance);
  json["sd"] = number(c.sd);
  json["skewness"] = number(c.skewness);
  json["kurtosis"] = number(c.kurtosis);
  json["minimum"] = number(c.minimum);
  json["maximum"] = number(c.maximum);
  return json;
}

void print_description(Study& study, const healthai::Description& found) {
  TextTable table({"", "n", "missing", "mean", "sd", "min", "max", "skewness"});
  const auto number = [](const std::optional<double>& value) {
    return value ? significant(*value, 6) : std::string("-");
  };
  std::string hidden_extremes;
  for (const healthai::ColumnDescription& c : found.columns) {
    const std::string group = study.flags.by + "=" + c.level;
    table.row({c.level.empty() ? c.column : "  " + group, std::to_string(c.n), std::to_string(c.missing),
               number(c.mean), number(c.sd), number(c.minimum), number(c.maximum), number(c.skewness)});
    if (c.hidden > 0)
      study.note(c.column + " of " + group + " is without " + std::to_string(c.hidden) +
                 " sites, where too few patients are in that group (rule smallest_cell)");
    if (!c.minimum && c.n > 0 && c.level.empty())
      hidden_extremes += (hidden_extremes.empty() ? "" : ", ") + c.column;
  }
  table.print(study.out);
  if (!hidden_extremes.empty())
    study.note("no extremes of " + hidden_extremes +
               ": they are values of single patients (rule single_values)");
}

}  // namespace

void describe(Study& study) {
  const auto work = [&](auto& hospitals) {
    healthai::DescribePlan plan;
    plan.cohort = study.cohort;
    plan.columns = study.flags.columns;
    plan.by = study.flags.by;
    plan.levels = levels_if_known(study, plan.by);
    plan.bounds = public_bounds(study, plan.columns);
    const healthai::Description found = healthai::describe(hospitals, plan, {true, asking(study)});
    study.result["columns"] = Json::array();
    for (const healthai::ColumnDescription& c : found.columns)
      study.result["columns"].push_back(description_to_json(c));
    study.result["per_site"] = Json::array();
    for (const healthai::SiteDescription& site : found.per_site) {
      Json columns = Json::array();
      for (const healthai::ColumnDescription& c : site.columns) columns.push_back(description_to_json(c));
      study.result["per_site"].push_back({{"site", site.site.str()}, {"columns", columns}});
    }
    print_description(study, found);
    tell_sites(study, found.sites, found.left_out);
  };
  if (study.flags.secure) return over_secure_hospitals<healthai::ColumnSums>(study, work);
  over_hospitals<healthai::ColumnSums, healthai::SiteColumns, healthai::ColumnLevels>(study, work);
}

void quantile(Study& study) {
  const Flags& f = study.flags;
  const auto work = [&](auto& hospitals) {
    healthai::QuantilePlan plan;
    plan.cohort = study.cohort;
    plan.columns = f.columns;
    plan.by = f.by;
    plan.levels = levels_if_known(study, plan.by);
    if (cuts_publicly(study)) {
      for (const std::string& column : f.columns) {
        const healthai::ColumnBounds range = range_of(study, column);
        plan.grids.push_back({column, range.lower, range.upper, 101});
      }
    }
    plan.most_rows = most_rows(study);
    healthai::QuantileOptions options;
    options.probabilities = f.probabilities;
    options.asking = asking(study);
    const healthai::QuantileTable found = healthai::quantiles(hospitals, plan, options);
    std::vector<std::string> header{"", "n"};
    for (const double p : f.probabilities) header.push_back(significant(100 * p, 4) + "%");
    TextTable table(header);
    study.result["probabilities"] = json_numbers(f.probabilities);
    study.result["columns"] = Json::array();
    for (const healthai::ColumnQuantiles& c : found.columns) {
      std::vector<std::string> cells{c.level.empty() ? c.column : "  " + f.by + "=" + c.level,
                                     std::to_string(c.n)};
      Json json{{"column", c.column}};
      if (!c.level.empty()) json["level"] = c.level;
      json["n"] = c.n;
      for (const char* key : {"quantiles", "lower", "upper"}) json[key] = Json::array();
      for (const healthai::Quantile& q : c.quantiles) {
        json["quantiles"].push_back(json_number(q.value));
        json["lower"].push_back(json_number(q.lower));
        json["upper"].push_back(json_number(q.upper));
        cells.push_back(
            significant(q.value, 6) +
            (q.lower < q.upper ? " (" + significant(q.lower, 4) + "-" + significant(q.upper, 4) + ")" : ""));
      }
      table.row(cells);
      study.result["columns"].push_back(json);
    }
    study.result["rounds"] = found.rounds;
    table.print(study.out);
    if (!plan.grids.empty())
      study.note(
          "exact quantiles are values of single patients (rule single_values): each is known to be in the "
          "interval beside it");
    tell_sites(study, found.sites, found.left_out);
  };
  if (f.secure) return over_secure_hospitals<healthai::ThresholdCounts>(study, work);
  over_hospitals<healthai::ThresholdCounts, healthai::ColumnLevels>(study, work);
}

namespace {

template <class Hospitals>
void histogram_of(Study& study, Hospitals& hospitals, const std::string& name) {
  const Flags& f = study.flags;
  healthai::HistogramPlan plan;
  plan.cohort = study.cohort;
  plan.column = name;
  plan.most_rows = most_rows(study);
  healthai::HistogramOptions options;
  options.bins = f.bins;
  if (!f.range.empty() || f.secure || cuts_publicly(study)) options.range = range_of(study, name);
  options.asking = asking(study);
  const healthai::Histogram found = healthai::histogram(hospitals, plan, options);
  if (f.secure && found.hidden_outside > 0)
    study.note("not all patients below or above the bins, or without a value, are told (rule smallest_cell)");
  std::vector<double> counts;
  std::size_t hidden = 0;
  TextTable table({name, "patients", ""});
  double most = 1;
  for (const std::size_t n : found.counts) most = (std::max)(most, static_cast<double>(n));
  for (std::size_t i = 0; i < found.counts.size(); ++i) {
    const auto n = static_cast<double>(found.counts[i]);
    const bool is_hidden = found.hidden[i] > 0 && found.counts[i] == 0;
    counts.push_back(is_hidden ? std::numeric_limits<double>::quiet_NaN() : n);
    hidden += found.hidden[i] > 0 ? 1 : 0;
    const bool last = i + 1 == found.counts.size();
    table.row({"[" + significant(found.edges[i], 6) + ", " + significant(found.edges[i + 1], 6) +
                   (last ? "]" : ")"),
               (found.hidden[i] > 0 ? ">= " : "") + std::to_string(found.counts[i]),
               std::string(static_cast<std::size_t>(40 * n / most), '#')});
  }
  table.print(study.out);
  std::fprintf(study.out, "below: %zu, above: %zu, missing: %zu\n\n", found.below, found.above,
               found.missing);
  if (hidden > 0)
    study.note(std::to_string(hidden) + " bins of " + name +
               " are without the sites that have too few patients there (rule smallest_cell)");
  study.result["columns"].push_back({{"column", name},
                                     {"edges", json_numbers(found.edges)},
                                     {"counts", found.counts},
                                     {"hidden_sites", found.hidden},
                                     {"below", found.below},
                                     {"above", found.above},
                                     {"missing", found.missing}});
  tell_sites(study, found.sites, found.left_out);
  if (f.plot.empty()) return;
  healthai::HistogramPlot plot;
  plot.title = name;
  plot.x_label = name;
  plot.edges = found.edges;
  plot.counts = counts;
  const std::filesystem::path picture =
      std::filesystem::path(f.plot) / ("histogram_" + file_name(name) + ".png");
  plot.write(picture);
  std::fprintf(study.out, "written: %s\n", picture.string().c_str());
}

}  // namespace

void histogram(Study& study) {
  const auto work = [&](auto& hospitals) {
    study.result["columns"] = Json::array();
    for (const std::string& name : study.flags.columns) histogram_of(study, hospitals, name);
  };
  if (study.flags.secure) return over_secure_hospitals<healthai::BinCounts>(study, work);
  over_hospitals<healthai::BinCounts, healthai::ColumnSums, healthai::SiteColumns>(study, work);
}

}  // namespace study
