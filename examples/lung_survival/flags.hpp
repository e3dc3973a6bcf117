#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "healthai/aggregation/any_aggregator.hpp"
#include "healthai/aggregation/reproducible_mean.hpp"
#include "healthai/model/cox.hpp"

namespace lung {

/// How the hospitals' updates become one: as --aggregator says.
using Rule = healthai::AnyAggregator<double>;

/// What the command line says.
struct Flags {
  std::string data = HEALTHAI_EXAMPLE_DATA "/lung_hospitals.csv";
  std::string site_column = "hospital";
  std::string time_column = "time";
  std::string event_column = "dead";
  std::vector<std::string> covariates{"age", "sex", "ph.ecog"};
  healthai::Ties ties = healthai::Ties::efron;
  std::string strategy{};  // empty: compare several
  std::uint64_t rounds = 100000;
  std::uint64_t local_steps = 1;
  std::optional<double> learning_rate{};
  double proximal_mu = 1;
  std::string aggregator = "mean";
  double tolerance = 1e-13;
  std::uint64_t seed = 1;
  std::size_t threads = 1;
  std::string checkpoint{};
  bool resume = false;
  std::string json{};
  std::string plot{};

  /// Whether one strategy was asked for rather than the comparison.
  [[nodiscard]] bool single() const { return !strategy.empty(); }
  [[nodiscard]] Rule rule() const {
    return aggregator == "reproducible" ? Rule(healthai::ReproducibleMean{}) : Rule(healthai::WeightedMean{});
  }
};

/// Whose command line it is.
struct Program {
  std::string name = "lung_survival";
  std::string about =
      "Ten hospitals fit one lung-cancer survival model (Cox) without pooling a record. Without --strategy: "
      "compares what each hospital gets alone, their meta-analysis, FedAvg, FedProx and the pooled fit.";
  bool plots = true;
  bool speaks = true;  ///< of many processes with the same command line one does
};

/// Reads the command line. Prints help or the one thing that is wrong, and then returns the exit status.
inline std::optional<int> parse(int argc, char** argv, Flags& flags, const Program& program = {}) {
  using healthai::Ties;
  CLI::App app{program.about};
  app.add_option("--data", flags.data, "CSV file with one patient a row")->capture_default_str();
  app.add_option("--site-column", flags.site_column, "which hospital a row belongs to")
      ->capture_default_str();
  app.add_option("--time-column", flags.time_column, "follow-up time, any unit")->capture_default_str();
  app.add_option("--event-column", flags.event_column, "1: died at that time, 0: censored")
      ->capture_default_str();
  app.add_option("--covariates", flags.covariates, "columns of the model, separated by commas")
      ->delimiter(',')
      ->capture_default_str();
  app.add_option("--ties", flags.ties, "what becomes of deaths at the same time: breslow or efron")
      ->transform(
          CLI::Transformer(std::map<std::string, Ties>{{"breslow", Ties::breslow}, {"efron", Ties::efron}}))
      ->default_str("efron");
  auto* strategy = app.add_option("--strategy", flags.strategy, "run only fedavg or fedprox")
                       ->check(CLI::IsMember({"fedavg", "fedprox"}));
  app.add_option("--rounds", flags.rounds, "the most rounds")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--local-steps", flags.local_steps, "full-batch gradient steps a round at each hospital")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--learning-rate", flags.learning_rate,
                 "step size on standardised covariates; without it each hospital bounds the curvature of its "
                 "own loss by one "
                 "number, and the step is 1 over the mean of these weighted by patients")
      ->check(CLI::PositiveNumber);
  auto* mu = app.add_option("--proximal-mu", flags.proximal_mu,
                            "FedProx: weight of the pull towards the global model")
                 ->check(CLI::NonNegativeNumber)
                 ->capture_default_str();
  app.add_option("--aggregator", flags.aggregator,
                 "mean, or reproducible: the weighted mean whose bits depend on no order and no grouping")
      ->check(CLI::IsMember({"mean", "reproducible"}))
      ->capture_default_str();
  app.add_option("--tolerance", flags.tolerance,
                 "stop once a round moves the (standardised) coefficients by less")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--seed", flags.seed, "of all randomness")->capture_default_str();
  app.add_option("--threads", flags.threads, "hospitals at work at once; 0: one for each processor")
      ->capture_default_str();
  auto* checkpoint =
      app.add_option("--checkpoint", flags.checkpoint, "file to save the run in, every 100 rounds");
  app.add_flag("--resume", flags.resume, "go on from --checkpoint if that file is there")->needs(checkpoint);
  app.add_option("--json", flags.json, "file to write the result of one strategy to; - for standard output");
  if (program.plots)
    app.add_option("--plot", flags.plot, "folder for the plots, the log of rounds and the manifest");
  try {
    app.parse(argc, argv);
    if (mu->count() > 0 && strategy->count() > 0 && flags.strategy != "fedprox") {
      throw CLI::ValidationError("--proximal-mu", "is a setting of FedProx: add --strategy fedprox");
    }
    if (flags.covariates.empty()) throw CLI::ValidationError("--covariates", "names no column");
    if (flags.strategy.empty() && (!flags.json.empty() || !flags.checkpoint.empty()))
      flags.strategy = "fedavg";
    if (!flags.single() && flags.plot.empty()) flags.plot = "results/lung_survival";
  } catch (const CLI::Success& help) {
    return program.speaks ? app.exit(help) : 0;
  } catch (const CLI::Error& e) {
    if (program.speaks) std::cerr << program.name << ": " << e.what() << " (see --help)\n";
    return 2;
  }
  return std::nullopt;
}

}  // namespace lung
