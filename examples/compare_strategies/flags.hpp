#pragma once

#include <CLI/CLI.hpp>
#include <cstddef>
#include <cstdint>
#include <healthai/core/rate_schedule.hpp>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

namespace compare {

/// How clients train, and the server's rate: the same for all strategies unless one of them overrides it.
struct Training {
  std::optional<std::uint64_t> local_steps{};
  std::uint64_t local_epochs = 1;
  std::size_t batch = 0;  ///< 0: all rows
  healthai::RateSchedule learning_rate = 0.1;
  std::optional<healthai::RateSchedule> server_learning_rate{};
  double momentum = 0;
  double weight_decay = 0;
};

/// What the command line says.
struct Flags {
  std::string data = HEALTHAI_EXAMPLE_DATA "/icu_networks.csv";
  std::string labels{};
  std::string test_data{};
  std::string test_labels{};
  double scale = 1;  ///< what the numbers of arrays are divided by
  std::string target{};
  std::vector<std::string> features{};
  std::string task = "logistic";
  std::string time_column{};
  std::string event_column{};
  std::string site_column{};
  std::string partition{};
  std::size_t clients = 10;
  std::string standardise = "none";
  std::optional<std::size_t> test_every{};
  std::string test_column{};
  std::vector<std::size_t> hidden{32};
  std::vector<std::size_t> channels{16, 32};
  std::string ties = "efron";
  double l2 = 0;
  std::vector<std::string> strategies{"fedavg"};
  std::string attack{};
  std::string selection = "all";
  std::uint64_t rounds = 50;
  Training training{};
  std::uint64_t evaluate_every = 1;
  std::optional<double> goal{};
  double client_deviation = 0.5;
  double drop_out = 0;
  std::uint64_t seeds = 1;
  std::uint64_t first_seed = 0;
  std::size_t threads = 0;
  std::string json{};
  std::string csv{};
  std::string plot{};
  bool list = false;
};

inline bool is_classification(const Flags& flags) {
  return flags.task == "softmax" || flags.task == "mlp" || flags.task == "conv";
}

/// The demonstration, where the command line does not say otherwise.
inline void demonstrate(const CLI::App& app, Flags& f) {
  const auto unless_given = [&app](const char* option, auto& value, auto demonstration) {
    if (app.get_option(option)->count() == 0) value = demonstration;
  };
  unless_given("--target", f.target, "died");
  unless_given("--features", f.features,
               std::vector<std::string>{"Age", "ApacheIIScore", "BMI", "male", "elective", "emergency"});
  if (f.partition.empty()) unless_given("--site-column", f.site_column, "network");
  if (f.test_column.empty()) unless_given("--test-every", f.test_every, 5);
  unless_given("--standardise", f.standardise, "global");
  unless_given("--strategies", f.strategies,
               std::vector<std::string>{"fedavg", "fedprox:mu=0.1", "scaffold", "fedadam", "fedavg+median"});
  if (app.get_option("--local-epochs")->count() == 0)
    unless_given("--local-steps", f.training.local_steps, 5);
}

/// What no single option can tell. \throws CLI::ValidationError naming the option that is missing
inline void check(const Flags& f) {
  const auto require = [](bool good, const char* option, const std::string& why) {
    if (!good) throw CLI::ValidationError(option, why);
  };
  if (f.task == "cox") {
    require(!f.time_column.empty() && !f.event_column.empty(), "--time-column",
            "and --event-column are what --task cox predicts");
    require(f.target.empty(), "--target",
            "is not for --task cox, which has --time-column and --event-column");
  } else if (f.labels.empty()) {
    require(!f.target.empty(), "--target", "names the column that --task " + f.task + " predicts");
  }
  require(f.labels.empty() || is_classification(f), "--labels", "are for --task softmax, mlp or conv");
  require(f.task != "conv" || !f.labels.empty(), "--task",
          "conv needs an array of images in --data, and --labels");
  require(f.test_data.empty() == f.test_labels.empty(), "--test-data", "and --test-labels go together");
  require(f.task == "logistic" || is_classification(f) || !f.attack.starts_with("label_flip"), "--attack",
          "label_flip needs a task with classes");
}

/// Whose command line it is.
struct Program {
  std::string name = "compare_strategies";
  std::string about =
      "Compares federated strategies on the same data, splits and seeds, beside training on all data in one "
      "place and training alone. Without flags: mortality in eight networks of intensive care units.";
  std::string default_goal = "0.01 short of the pooled training";
  std::string threads = "clients at work at once; 0: one for each processor. Changes no result";
  bool speaks = true;  ///< of many processes with the same command line one does
};

/// Reads the command line. Prints help or the one thing that is wrong, and then returns the exit status.
inline std::optional<int> parse(int argc, char** argv, Flags& f, const Program& program = {}) {
  CLI::App app{program.about};
  const auto positive = CLI::PositiveNumber;
  app.add_option("--data", f.data, "CSV with a header; or an array: .npy, IDX, FILE.npz:NAME. Also .gz")
      ->capture_default_str()
      ->group("Data");
  app.add_option("--labels", f.labels, "labels of the array in --data")->group("Data");
  app.add_option("--test-data", f.test_data,
                 "rows for testing, of an array in --data; dealt out like the others")
      ->group("Data");
  app.add_option("--test-labels", f.test_labels, "their labels")->group("Data");
  app.add_option("--scale", f.scale, "what an array's numbers are divided by: 255 makes bytes 0 to 1")
      ->check(positive)
      ->capture_default_str()
      ->group("Data");
  app.add_option("--target", f.target, "the column to predict")->group("Data");
  app.add_option("--features", f.features,
                 "columns to predict from, separated by commas; default: all others")
      ->delimiter(',')
      ->group("Data");
  app.add_option("--task", f.task, "linear, logistic, softmax, mlp, conv (arrays of images) or cox")
      ->check(CLI::IsMember({"linear", "logistic", "softmax", "mlp", "conv", "cox"}))
      ->capture_default_str()
      ->group("Data");
  app.add_option("--time-column", f.time_column, "cox: time under observation")->group("Data");
  app.add_option("--event-column", f.event_column, "cox: 1 if it ended with the event, 0 if censored")
      ->group("Data");
  auto* site = app.add_option("--site-column", f.site_column, "one client for each value of this column")
                   ->group("Data");
  app.add_option(
         "--partition", f.partition,
         "or split rows at random: iid, dirichlet:ALPHA, dirichlet_shares:ALPHA, shards:N, quantity:ALPHA")
      ->excludes(site)
      ->group("Data");
  app.add_option("--clients", f.clients, "how many clients --partition makes")
      ->check(positive)
      ->capture_default_str()
      ->group("Data");
  app.add_option("--standardise", f.standardise,
                 "features to mean 0 and sd 1 of the training rows of all sites (global), of each site "
                 "(site), or none")
      ->check(CLI::IsMember({"none", "global", "site"}))
      ->capture_default_str()
      ->group("Data");
  auto* every = app.add_option("--test-every", f.test_every,
                               "every so many rows one is for testing, the first included")
                    ->check(CLI::Range(2, 1000000))
                    ->group("Data");
  app.add_option("--test-column", f.test_column, "or this column says it: 1 (or \"test\") is for testing")
      ->excludes(every)
      ->group("Data");

  app.add_option("--hidden", f.hidden, "mlp, conv: sizes of the hidden layers")
      ->delimiter(',')
      ->capture_default_str()
      ->group("Model");
  app.add_option("--channels", f.channels, "conv: filters of each convolution of 3 by 3")
      ->delimiter(',')
      ->capture_default_str()
      ->group("Model");
  app.add_option("--ties", f.ties, "cox: efron or breslow")
      ->check(CLI::IsMember({"efron", "breslow"}))
      ->capture_default_str()
      ->group("Model");
  app.add_option("--l2", f.l2, "weight of l2/2 ||weights||^2 in the loss")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str()
      ->group("Model");

  app.add_option("--strategies", f.strategies,
                 "separated by commas, each NAME[:key=value...][+RULE[:key=value...]]; --list shows all")
      ->delimiter(',')
      ->capture_default_str()
      ->group("Strategies");
  app.add_option("--attack", f.attack,
                 "sign_flip:SHARE, gaussian:SHARE[:SD], inner_product:SHARE[:EPS], little:SHARE[:Z] or "
                 "label_flip:SHARE")
      ->group("Strategies");
  app.add_option("--selection", f.selection,
                 "all, fraction:share=F, poisson:probability=P or power_of_choice:candidates=D:clients=M")
      ->capture_default_str()
      ->group("Strategies");
  app.add_option("--rounds", f.rounds, "rounds of federated training")
      ->check(positive)
      ->capture_default_str()
      ->group("Strategies");
  auto* steps =
      app.add_option("--local-steps", f.training.local_steps, "gradient steps of a client in a round")
          ->check(positive)
          ->group("Strategies");
  app.add_option("--local-epochs", f.training.local_epochs, "or passes over its rows")
      ->excludes(steps)
      ->check(positive)
      ->capture_default_str()
      ->group("Strategies");
  app.add_option("--batch", f.training.batch, "rows a gradient step; 0: all")
      ->capture_default_str()
      ->group("Strategies");
  const auto rate = [&app](const char* name, const char* what, auto& value) {
    const auto read = [name, &value](const std::string& text) {
      try {
        value = healthai::parse_rate_schedule(text);
      } catch (const healthai::Error& e) {
        throw CLI::ValidationError(name, e.what());
      }
    };
    app.add_option_function<std::string>(name, read, what)->type_name("RATE")->group("Strategies");
  };
  rate("--learning-rate",
       "of the clients: 0.1, or a schedule: 0.1/step:0.5:20, 0.1/cosine:100, 0.1/inverse:10, ...",
       f.training.learning_rate);
  rate("--server-learning-rate", "of strategies that have one, likewise; default: the strategy's own",
       f.training.server_learning_rate);
  app.add_option("--momentum", f.training.momentum, "of the clients' steps")
      ->capture_default_str()
      ->group("Strategies");
  app.add_option("--client-deviation", f.client_deviation,
                 "virtual time: sd of the logarithm of the clients' training times")
      ->capture_default_str()
      ->group("Strategies");
  app.add_option("--drop-out", f.drop_out, "probability that a client breaks off in a round")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str()
      ->group("Strategies");

  app.add_option("--evaluate-every", f.evaluate_every, "rounds between two evaluations on the test rows")
      ->check(positive)
      ->capture_default_str()
      ->group("Results");
  app.add_option("--goal", f.goal,
                 "count rounds until the first metric is this good; default: " + program.default_goal)
      ->group("Results");
  app.add_option("--seeds", f.seeds, "how many seeds: partition, start, batches, attackers, times")
      ->check(positive)
      ->capture_default_str()
      ->group("Results");
  app.add_option("--seed", f.first_seed, "the first one")->capture_default_str()->group("Results");
  app.add_option("--threads", f.threads, program.threads)->capture_default_str()->group("Results");
  app.add_option("--json", f.json, "file for everything, with the run manifest; - for standard output")
      ->group("Results");
  app.add_option("--csv", f.csv, "file for every metric, round and seed, one a row")->group("Results");
  app.add_option("--plot", f.plot, "folder for a plot of each metric and the run manifest")->group("Results");
  app.add_flag("--list", f.list, "show all strategies, rules and their settings");
  try {
    app.parse(argc, argv);
    if (app.get_option("--data")->count() == 0) demonstrate(app, f);
    if (!f.list) check(f);
  } catch (const CLI::Success& help) {
    return program.speaks ? app.exit(help) : 0;
  } catch (const CLI::Error& e) {
    if (program.speaks) std::cerr << program.name << ": " << e.what() << " (see --help)\n";
    return 2;
  }
  return std::nullopt;
}

}  // namespace compare
