// The main demonstration: ten hospitals fit one survival model without pooling a record.
//
//     bash examples/run.sh                                     everything, on the lung-cancer data that come along
//     bash examples/run.sh lung_survival --strategy fedavg --local-steps 1 --json -
#include <cstdio>
#include <exception>

#include "healthai/reporting.hpp"
#include "healthai/reporting/manifest.hpp"
#include "lung_survival/fits.hpp"
#include "lung_survival/flags.hpp"
#include "lung_survival/report.hpp"

namespace {

using namespace lung;

FederatedFit run_one(Study<healthai::InProcess>& study, const std::string& strategy,
                     std::uint64_t local_steps) {
  const Flags& flags = study.flags;
  const std::string name = name_of(flags, strategy, local_steps);
  if (!flags.single()) std::fprintf(stderr, "%s\n", name.c_str());
  FederatedFit fit = with_strategy(flags, strategy, [&](auto with) {
    if (flags.plot.empty()) return federated_fit(name, study, with, local_steps, healthai::ProgressBar{});
    const std::string log = flags.plot + "/rounds_" + strategy + "_" + std::to_string(local_steps) + ".csv";
    return federated_fit(name, study, with, local_steps, healthai::ProgressBar{}, healthai::CsvLog{log});
  });
  if (!fit.message.empty()) throw healthai::Error(healthai::error::below_quorum, fit.message);
  if (!fit.converged) {
    std::fprintf(stderr, "warning: %s has not converged after %llu rounds; give it more --rounds\n",
                 name.c_str(), static_cast<unsigned long long>(fit.rounds));
  }
  return fit;
}

void run(const Flags& flags, healthai::RunManifest& manifest) {
  if (!flags.plot.empty()) std::filesystem::create_directories(flags.plot);
  const Hospitals hospitals = admit(flags);
  for (const std::string& warning : hospitals.warnings)
    std::fprintf(stderr, "warning: %s\n", warning.c_str());
  const std::vector<CoxModel<double>> models = cox_models(hospitals, flags);
  std::size_t events = 0;
  for (const CoxModel<double>& model : models) events += model.num_events();

  // What the coordinator may ask: sums of columns, bounds of curvature, updates. No row leaves a hospital.
  healthai::InProcess sums = tables(hospitals);
  const healthai::Scaling scaling = healthai::federated_scaling(sums, flags.covariates);
  healthai::InProcess transport = trainers(hospitals, flags, scaling);
  const double rate =
      flags.learning_rate ? *flags.learning_rate : healthai::federated_learning_rate(transport);
  Study<healthai::InProcess> study{flags, scaling, transport, rate};

  // With --json - the result alone goes to standard output.
  std::FILE* const out = flags.json == "-" ? stderr : stdout;
  std::fprintf(out, "%s: %zu hospitals, %zu patients, %zu events; rows dropped for missing values: %zu\n",
               flags.data.c_str(), hospitals.sites.size(), hospitals.patients(), events, hospitals.dropped);
  std::fprintf(out, "learning rate %s (on standardised covariates)\n", healthai::number_text(rate).c_str());

  std::vector<FederatedFit> federated;
  if (flags.single()) {
    federated.push_back(run_one(study, flags.strategy, flags.local_steps));
  } else {
    federated.push_back(run_one(study, "fedavg", 1));
    federated.push_back(run_one(study, "fedavg", 20));
    federated.push_back(run_one(study, "fedprox", 20));
  }
  if (!flags.json.empty()) write_json(flags.json, federated.front(), hospitals, events, flags);
  if (flags.json == "-" && flags.plot.empty()) return;

  // Only a simulation can compare with the pooled fit: it holds everybody's rows.
  const Fit pooled = newton_fit("Pooled, stratified by hospital (Newton)", models);
  std::vector<Fit> local;
  for (std::size_t s = 0; s < models.size(); ++s) {
    local.push_back(newton_fit(hospitals.sites[s].name, std::span(models).subspan(s, 1)));
  }
  const Fit meta = meta_analysis(local, flags.covariates.size());
  for (FederatedFit& fit : federated) fit.standard_errors = standard_errors(models, fit.coefficients);
  if (flags.json != "-") {
    if (!flags.single()) print_hospitals(hospitals, models, local, flags);
    print_fit_header(flags);
    print_fit(pooled, pooled);
    for (const FederatedFit& fit : federated) print_fit(fit, pooled, fit.rounds);
    print_fit(meta, pooled);
  }
  if (flags.plot.empty()) return;

  std::vector<std::string> written;
  if (pooled.problem.empty()) written.push_back(plot_convergence(federated, pooled, flags));
  std::vector<Fit> together{meta, pooled};
  together.insert(together.end(), federated.begin(), federated.end());
  for (std::size_t j = 0; j < flags.covariates.size(); ++j) {
    written.push_back(plot_forest(j, hospitals, local, together, flags));
  }
  manifest.write(flags.plot + "/manifest.json");
  written.push_back(flags.plot + "/manifest.json");
  std::fprintf(out, "\n");
  for (const std::string& path : written) std::fprintf(out, "written: %s\n", path.c_str());
}

}  // namespace

int main(int argc, char** argv) {
  Flags flags;
  if (const auto status = parse(argc, argv, flags)) return *status;
  healthai::RunManifest manifest(argc, argv, flags.seed);
  try {
    run(flags, manifest);
  } catch (const healthai::Error& e) {
    std::fprintf(stderr, "lung_survival: %s\n", e.what());
    return 2;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "lung_survival: %s\n", e.what());
    return 1;
  }
  return 0;
}
