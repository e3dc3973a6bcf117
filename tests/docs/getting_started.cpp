// The code of docs/getting-started.md.
#include <doctest/doctest.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "../examples/run_example.hpp"
#include "folders.hpp"
#include "healthai/data.hpp"
#include "healthai/healthai.hpp"
#include "healthai/reporting.hpp"
#include "healthai/reporting/line_plot.hpp"

namespace docs_getting_started_test {

using namespace healthai;

namespace {

const std::string data = source_folder() + "/examples/data/icu_networks.csv";

InProcess networks() {
  // [data]
  const Table table = read_csv(data);
  const std::vector<std::string> covariates{"Age", "ApacheIIScore"};
  const Table complete = table.select(table.complete_rows({"Age", "ApacheIIScore", "died"}));
  const std::vector<Site> sites = partition_by(complete, "network");  // a site for each value of the column
  // [/data]

  // [scaling]
  InProcess registries;
  for (const Site& site : sites) {
    const auto moments = [&site](const Request<ColumnMomentsBroadcast>& request, std::stop_token) {
      return column_moments(site.table, *request);
    };
    registries.add(site.id, TaskHandlers{}.offer<ColumnMoments>(moments));
  }
  const Scaling scaling = federated_scaling(registries, covariates);
  // [/scaling]

  // [clients]
  InProcess clients;
  for (const Site& site : sites) {
    const DesignMatrix x = scaling.apply(design_matrix(site.table, covariates));
    LogisticModel<double> model(x.matrix(), binary_target(site.table, "died"), {.l2 = 0.001});
    clients.add(site.id, LocalTrainer{std::move(model), {.learning_rate = 0.5, .local_epochs = 5}});
  }
  // [/clients]
  return clients;
}

}  // namespace

TEST_CASE("a run that is watched, logged and stopped in time") {
  InProcess clients = networks();
  const ExampleFolder folder;
  const std::string log = folder.path("rounds.csv").string();
  // [run]
  FederationOptions options;
  options.rounds = 200;
  options.seed = 1;
  options.quorum = 6;            // fewer updates than that, and the model stays as it was
  options.evaluation.every = 1;  // everyone evaluates the new model after each round
  options.early_stopping = {.metric = "loss", .min_delta = 1e-6, .patience = 5};

  Federation federation{FedProx{.mu = 0.01}, clients, options};
  const Parameters<double> zero(LogisticModel<double>::layout_for(2));
  const auto outcome = federation.run(zero, ProgressBar{}, CsvLog{log});
  // [/run]

  CHECK(outcome.reason == StopReason::early_stopping);
  CHECK(std::filesystem::file_size(log) > 100);
  const auto picture = folder.path("loss.png");
  // [outcome]
  std::printf("stopped: %s; best loss %.4f after round %d\n", std::string(to_string(outcome.reason)).c_str(),
              outcome.best->value, static_cast<int>(outcome.best->round));
  std::vector<double> loss;
  for (const RoundReport& report : outcome.history) {
    loss.push_back(report.evaluation->clients["loss"]);
    for (const Failure& failure : report.failures) std::printf("%s\n", failure.message.c_str());
  }
  LinePlot{.title = "Eight networks", .x_label = "Round", .y_label = "Loss"}
      .add("FedProx", loss)
      .write(picture);
  // [/outcome]
  CHECK(loss.back() < loss.front());
  CHECK(std::filesystem::file_size(picture) > 1000);
}

}  // namespace docs_getting_started_test
