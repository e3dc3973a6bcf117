#pragma once

#include <CLI/CLI.hpp>
#include <cstddef>
#include <healthai/data/detail/text.hpp>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

namespace study {

/// What the command line says.
struct Flags {
  std::string command{};  ///< "describe", "glm", ...

  std::string data{};
  std::string delimiter = ",";
  std::string site_column{};
  std::vector<std::string> where{};
  std::string cohort{};
  std::string policy{};
  bool secure = false;
  std::string coordinator{};         ///< file of settings; empty: hospitals are simulated
  std::vector<std::string> sites{};  ///< ids of hospitals, or how many

  std::vector<std::string> columns{};
  std::string by{};
  std::vector<double> probabilities{0, 0.25, 0.5, 0.75, 1};
  std::size_t bins = 10;
  std::vector<double> range{};
  bool welch = true;
  bool covariance = false;

  std::string target{};
  std::string covariates{};
  std::string family = "gaussian";
  std::string link{};
  std::string offset{};
  double l2 = 0;
  bool penalise_raw = false;
  bool standardise = false;

  std::string time_column{};
  std::string event_column{};
  std::optional<double> event_value{};
  std::string ties = "efron";
  std::string strata{};
  double rho = 0;
  std::vector<double> at{};
  std::vector<double> grid{};
  bool baseline = false;
  std::string term{};

  double level = 0.95;
  std::string json{};
  std::string plot{};
};

namespace detail {

/// Adds options to the subcommands, and knows which has which.
class Options {
 public:
  Options(CLI::App& app, Flags& flags) : app_(&app), f_(&flags) {}

  CLI::App* command(const std::string& name, const std::string& about) {
    CLI::App* sub = app_->add_subcommand(name, about);
    sub->option_defaults()->always_capture_default(false);
    return sub;
  }
  void data(CLI::App* sub) {
    sub->add_option("--data", f_->data,
                    "CSV file with a header; without it, the lung cancer data by hospital")
        ->group("Data");
    sub->add_option("--delimiter", f_->delimiter,
                    "between the fields of the CSV file: one character, such as ';', or tab")
        ->capture_default_str()
        ->group("Data");
    sub->add_option("--site-column", f_->site_column,
                    "one simulated hospital for each value of this column; without it, one has all rows")
        ->group("Data");
    sub->add_option("--where", f_->where,
                    "only rows like this, as 'age >= 60' or 'sex == 2'; may be repeated")
        ->allow_extra_args(false)
        ->group("Data");
    sub->add_option("--cohort", f_->cohort, "the cohort of this name in the hospitals' policies")
        ->group("Data");
    sub->add_option("--policy", f_->policy,
                    "what every simulated hospital lets out: the \"statistics\" rules of a node's policy "
                    "file; none: everything, for "
                    "comparisons on data that are nobody's secret. Without it: the columns of the command "
                    "and their levels may be "
                    "used, with any filter, but every hospital needs 10 rows, 10 events and 10 rows for each "
                    "parameter, counts "
                    "of 1 to 4 patients are hidden, times are rounded to a grid, and no value of a single "
                    "patient leaves")
        ->group("Data");
    if (may_be_secure(sub->get_name()))
      sub->add_flag("--secure", f_->secure,
                    "secure aggregation: the coordinator gets sums and nobody's part; at least 3 sites")
          ->group("Data");
  }
  void network(CLI::App* sub) {
    sub->add_option(
           "--coordinator", f_->coordinator,
           "asks hospitals over a network instead, each of which runs statistics_node: a TOML file of where "
           "to listen, with settings such as port, certificate, key, authorities, roster, wait")
        ->group("Network");
    sub->add_option("--sites", f_->sites,
                    "whom to wait for and ask: ids, separated by commas, or how many hospitals; without it, "
                    "all on the roster")
        ->delimiter(',')
        ->group("Network");
  }
  void results(CLI::App* sub, bool plots) {
    sub->add_option("--json", f_->json, "file for the result; - for standard output")->group("Results");
    if (plots) sub->add_option("--plot", f_->plot, "folder for the plots")->group("Results");
  }
  void columns(CLI::App* sub, const char* what) {
    sub->add_option("--columns", f_->columns, what)->delimiter(',')->required();
  }
  void range(CLI::App* sub, const char* what) { sub->add_option("--range", f_->range, what)->delimiter(','); }
  void by(CLI::App* sub, const char* what, bool required = false) {
    sub->add_option("--by", f_->by, what)->required(required);
  }
  void covariates(CLI::App* sub, bool required) {
    sub->add_option("--covariates", f_->covariates,
                    "columns of the model: age,sex,C(celltype); C(...) has a term for each level but the "
                    "first, or but that of "
                    "C(celltype,squamous)")
        ->required(required);
  }
  void survival(CLI::App* sub, bool required) {
    sub->add_option("--time-column", f_->time_column, "how long each patient was followed")
        ->required(required);
    sub->add_option("--event-column", f_->event_column,
                    "whether that ended in the event: 0 no, 1 yes; or 1 no, 2 yes, if the hospitals have a 2")
        ->required(required);
    sub->add_option("--event-value", f_->event_value,
                    "the number that means the event, without asking the hospitals");
  }
  void glm(CLI::App* sub, bool required) {
    sub->add_option("--target", f_->target, "the column that is explained")->required(required);
    sub->add_option("--family", f_->family, "gaussian, binomial, poisson or gamma")
        ->check(CLI::IsMember({"gaussian", "binomial", "poisson", "gamma"}))
        ->capture_default_str();
    sub->add_option(
        "--link", f_->link,
        "identity, logit, probit, log or inverse, as the family allows; without it, the family's own");
    sub->add_option("--offset", f_->offset,
                    "a column that is added on the scale of the link, such as a logarithm of time");
  }
  void l2(CLI::App* sub) {
    sub->add_option("--l2", f_->l2,
                    "minimises deviance/2 + l2/2 ||b||^2, b per standard deviation of its column and without "
                    "the intercept")
        ->check(CLI::NonNegativeNumber)
        ->capture_default_str();
    sub->add_flag("--penalise-raw", f_->penalise_raw, "b in the units of the data instead");
    sub->add_flag("--standardise", f_->standardise, "results per standard deviation of each column");
  }
  void ties(CLI::App* sub) {
    sub->add_option("--ties", f_->ties, "breslow or efron")
        ->check(CLI::IsMember({"breslow", "efron"}))
        ->capture_default_str();
  }
  void strata(CLI::App* sub, const char* what) { sub->add_option("--strata", f_->strata, what); }
  void level(CLI::App* sub) {
    sub->add_option("--level", f_->level, "of confidence intervals")
        ->check(CLI::Range(0.01, 0.9999))
        ->capture_default_str();
  }
  void grid(CLI::App* sub) {
    sub->add_option("--grid", f_->grid,
                    "the times, ascending, to which all are rounded up: public, and the same for every "
                    "hospital. Without it: exact "
                    "times where all policies allow that, else 30 steps of a round length")
        ->delimiter(',');
  }

  /// The command that has an option, if another than `command` has it.
  [[nodiscard]] std::string owner(const std::string& option, const std::string& command) const {
    std::string owners;
    for (const CLI::App* sub : app_->get_subcommands(nullptr)) {
      if (sub->get_name() != command && sub->get_option_no_throw(option) != nullptr)
        owners += (owners.empty() ? "" : ", ") + sub->get_name();
    }
    return owners;
  }

  [[nodiscard]] static bool may_be_secure(const std::string& command) {
    return command != "meta";  // which shows each hospital's own fit
  }

 private:
  CLI::App* app_;
  Flags* f_;
};

/// "did you mean --ties?", or which command has that option.
[[nodiscard]] inline std::string advice(const Options& options, CLI::App& app) {
  for (CLI::App* sub : app.get_subcommands()) {
    for (const std::string& word : sub->remaining()) {
      if (word.substr(0, 2) != "--")
        return "unexpected \"" + word + "\"; lists take commas without spaces, and filters quotes";
      const std::string option = word.substr(0, word.find('='));
      std::vector<std::string> names;
      for (const CLI::Option* known : sub->get_options()) names.push_back("--" + known->get_single_name());
      const std::string owners = options.owner(option, sub->get_name());
      std::string text = sub->get_name() + " has no option " + option;
      if (!owners.empty()) return text + ", which is one of " + owners;
      if (const std::string* close = healthai::detail::closest(option, names))
        return text + "; did you mean " + *close + "?";
      return text;
    }
  }
  return {};
}

/// Which commands there are, or which one was meant.
[[nodiscard]] inline std::string commands(const CLI::App& app, int argc, char** argv) {
  std::vector<std::string> names;
  std::string list;
  for (const CLI::App* sub : app.get_subcommands(nullptr)) {
    names.push_back(sub->get_name());
    list += (list.empty() ? "" : ", ") + names.back();
  }
  const std::string word = argc > 1 ? argv[1] : "";
  const std::string* close = healthai::detail::closest(word, names);
  if (close != nullptr) return "there is no command \"" + word + "\"; did you mean " + *close + "?";
  return "expected a command first: " + list;
}

}  // namespace detail

/// What no single option can tell. \throws CLI::ValidationError naming the option
inline void check(Flags& f) {
  const auto require = [](bool good, const char* option, const std::string& why) {
    if (!good) throw CLI::ValidationError(option, why);
  };
  if (f.command == "quantile" && f.probabilities.empty()) f.probabilities = {0, 0.25, 0.5, 0.75, 1};
  require(f.sites.empty() || !f.coordinator.empty(), "--sites",
          "is of hospitals over a network: see --coordinator");
  if (!f.coordinator.empty()) {
    require(f.data.empty() && f.delimiter == ",", f.data.empty() ? "--delimiter" : "--data",
            "is not for --coordinator: each hospital's node has a file of its own");
    require(f.site_column.empty(), "--site-column",
            "is not for --coordinator: there each node is a hospital; see --sites");
    require(f.policy.empty(), "--policy",
            "is not for --coordinator: there each hospital has a policy of its own");
    require(!f.secure, "--secure",
            "is not for --coordinator: nodes that mask need keys and a list of members, see "
            "docs/secure-aggregation.md");
  } else if (f.data.empty()) {
    f.data = HEALTHAI_EXAMPLE_DATA "/lung_hospitals.csv";
    if (f.site_column.empty()) f.site_column = "hospital";
  }
  if (f.command == "meta") {
    require(f.time_column.empty() != f.target.empty(), "--time-column",
            "and --event-column make a Cox regression of each site, --target another regression: give one of "
            "them");
    require(f.time_column.empty() == f.event_column.empty(), "--event-column",
            "and --time-column go together");
  }
  if (f.delimiter == "tab" || f.delimiter == "\\t") f.delimiter = "\t";
  require(f.delimiter.size() == 1 && f.delimiter != "\"" && f.delimiter != "\n" && f.delimiter != "\r",
          "--delimiter", "is one character, such as ';', or tab");
  for (const double p : f.probabilities) require(p >= 0 && p <= 1, "--probabilities", "are from 0 to 1");
  require(f.range.empty() || (f.range.size() == 2 && f.range[0] < f.range[1]), "--range",
          "is LOW,HIGH with LOW < HIGH");
  for (std::size_t i = 1; i < f.grid.size(); ++i) require(f.grid[i - 1] < f.grid[i], "--grid", "must ascend");
}

/// Reads the command line. Prints help or the one thing that is wrong, and then returns the exit status.
inline std::optional<int> parse(int argc, char** argv, Flags& f) {
  CLI::App app{
      "Statistics over hospitals that equal those of the pooled records, although no record leaves a "
      "hospital: sums, counts and "
      "gradients do. Hospitals are simulated in this process, from the sites of a CSV file, or connect over "
      "a network. "
      "federated_statistics COMMAND --help tells the options of a command."};
  app.require_subcommand(1);
  detail::Options add(app, f);
  const auto begin = [&add](const char* name, const char* about) { return add.command(name, about); };
  const auto end = [&add](CLI::App* sub, bool plots) {
    add.data(sub);
    add.network(sub);
    add.results(sub, plots);
  };
  {
    auto* sub = begin("describe", "patients, missing values, mean, standard deviation, extremes of columns");
    add.columns(sub, "columns, separated by commas");
    add.by(sub, "one table for each value of this column");
    end(sub, false);
  }
  {
    auto* sub = begin("quantile", "quantiles, as R's type 7");
    add.columns(sub, "columns, separated by commas");
    sub->add_option("--probabilities", f.probabilities, "from 0 to 1, separated by commas")
        ->delimiter(',')
        ->capture_default_str();
    add.by(sub, "also for each value of this column");
    add.range(sub, "LOW,HIGH of the cut points where exact quantiles may not leave");
    end(sub, false);
  }
  {
    auto* sub = begin("histogram", "how many patients are in each bin");
    add.columns(sub, "columns, separated by commas");
    sub->add_option("--bins", f.bins, "of equal width")->check(CLI::Range(1, 100000))->capture_default_str();
    add.range(sub,
              "LOW,HIGH of the bins; without it, from the hospitals' extremes, or round ones where these may "
              "not leave");
    end(sub, true);
  }
  {
    auto* sub =
        begin("crosstab", "how many patients have which values of two columns, and a chi-squared test");
    add.columns(sub, "two columns, separated by a comma");
    add.strata(sub, "site, or a third column: the Mantel-Haenszel test over tables of two by two");
    add.level(sub);
    end(sub, false);
  }
  {
    auto* sub =
        begin("ttest", "whether groups differ in their means: t test of two, analysis of variance of more");
    add.columns(sub, "columns, separated by commas");
    add.by(sub, "the column that makes the groups", true);
    sub->add_flag("!--equal-variances", f.welch, "Student's test instead of Welch's");
    add.level(sub);
    end(sub, false);
  }
  {
    auto* sub = begin("correlation", "Pearson's correlations of complete rows");
    add.columns(sub, "columns, separated by commas");
    end(sub, false);
  }
  {
    auto* sub = begin("pca", "principal components of complete rows");
    add.columns(sub, "columns, separated by commas");
    sub->add_flag("--covariance", f.covariance,
                  "of the columns as they are, not divided by their standard deviations");
    end(sub, false);
  }
  {
    auto* sub = begin("glm", "linear, logistic, Poisson and gamma regression");
    add.glm(sub, true);
    add.covariates(sub, false);
    add.l2(sub);
    add.strata(sub,
               "site: an intercept of its own for each hospital, which it keeps to itself; none (default)");
    add.level(sub);
    end(sub, true);
  }
  {
    auto* sub = begin("cox", "Cox regression");
    add.survival(sub, true);
    add.covariates(sub, true);
    add.ties(sub);
    add.strata(sub,
               "site (default): each hospital compares its own patients only; a column: those with the same "
               "value; site,COLUMN: both; none: all");
    sub->add_flag("--baseline", f.baseline, "also the cumulative baseline hazards, in --json");
    add.level(sub);
    add.grid(sub);
    end(sub, true);
  }
  {
    auto* sub = begin("km", "Kaplan-Meier curves");
    add.survival(sub, true);
    add.by(sub, "one curve for each value of this column");
    add.strata(sub,
               "a column: one curve for each of its values too, as with --by; site: one for each hospital; "
               "site,COLUMN: both; none (default)");
    sub->add_option("--at", f.at, "times to print, separated by commas; without it, all")->delimiter(',');
    add.level(sub);
    add.grid(sub);
    end(sub, true);
  }
  {
    auto* sub = begin("logrank", "whether survival differs between groups");
    add.survival(sub, true);
    add.by(sub, "the column that makes the groups", true);
    add.strata(
        sub,
        "site: compares the patients of each hospital; a column: those with the same value; none (default)");
    sub->add_option("--rho", f.rho, "weights S(t)^rho: 0 the log-rank test, 1 that of Peto and Peto")
        ->check(CLI::NonNegativeNumber)
        ->capture_default_str();
    add.grid(sub);
    end(sub, false);
  }
  {
    auto* sub = begin("meta", "a regression at each site alone, and its estimates combined");
    add.survival(sub, false);
    add.ties(sub);
    add.glm(sub, false);
    add.covariates(sub, true);
    sub->add_option("--term", f.term, "the one coefficient to combine; without it, each");
    add.level(sub);
    end(sub, true);
  }
  try {
    app.parse(argc, argv);
    f.command = app.get_subcommands().front()->get_name();
    check(f);
  } catch (const CLI::Success& help) {
    return app.exit(help);
  } catch (const CLI::Error& e) {
    std::string what = detail::advice(add, app);
    if (what.empty() && app.get_subcommands().empty()) what = detail::commands(app, argc, argv);
    std::cerr << "federated_statistics: " << (what.empty() ? e.what() : what) << " (see --help)\n";
    return 2;
  }
  return std::nullopt;
}

}  // namespace study
