// Ten hospitals fit one survival model of lung cancer together, and no patient's record leaves its hospital.
#include <cmath>
#include <cstdio>
#include <healthai/data.hpp>
#include <healthai/healthai.hpp>
#include <healthai/reporting.hpp>

using namespace healthai;

int main() {
  const std::vector<std::string> covariates{"age", "sex", "ph.ecog"};
  const Table table = read_csv(HEALTHAI_EXAMPLE_DATA "/lung_hospitals.csv");
  const Table complete = table.select(table.complete_rows({"time", "dead", "age", "sex", "ph.ecog"}));
  const std::vector<Site> sites = partition_by(complete, "hospital");

  // One scale for all: each hospital tells its number of patients and two sums a covariate.
  InProcess registries;
  for (const Site& site : sites) {
    const auto moments = [&site](const Request<ColumnMomentsBroadcast>& request, std::stop_token) {
      return column_moments(site.table, *request);
    };
    registries.add(site.id, TaskHandlers{}.offer<ColumnMoments>(moments));
  }
  const Scaling scaling = federated_scaling(registries, covariates);

  // A client a hospital: Cox regression on its own patients.
  InProcess hospitals;
  for (const Site& site : sites) {
    const DesignMatrix x = scaling.apply(design_matrix(site.table, covariates));
    hospitals.add(site.id, LocalTrainer{CoxModel<double>(x.matrix(), nonnegative_target(site.table, "time"),
                                                         binary_target(site.table, "dead"))});
  }

  // Rounds of federated averaging, until the model moves no more.
  const double learning_rate = federated_learning_rate(hospitals);
  const Parameters<double> zero(CoxModel<double>::layout_for(covariates.size()));
  Federation federation{
      FedAvg{}, hospitals, {.rounds = 500, .training = {.learning_rate = learning_rate}, .tolerance = 1e-8}};
  const auto outcome = federation.run(zero, ProgressBar{});

  std::printf("%s after %d rounds\n", std::string(to_string(outcome.reason)).c_str(),
              static_cast<int>(outcome.completed_rounds));
  const std::vector<double> log_hazards = scaling.to_original(outcome.parameters.span());
  for (std::size_t j = 0; j < covariates.size(); ++j) {
    std::printf("%-8s hazard ratio %.4f\n", covariates[j].c_str(), std::exp(log_hazards[j]));
  }
}
