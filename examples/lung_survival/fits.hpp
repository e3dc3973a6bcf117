#pragma once

#include <cmath>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <Eigen/Cholesky>

#include "healthai/data.hpp"
#include "healthai/healthai.hpp"
#include "healthai/model/newton.hpp"
#include "lung_survival/hospitals.hpp"

namespace lung {

/// Coefficients in the data's own units, however they were found.
struct Fit {
  std::string name{};
  std::string problem{};  ///< why there are none
  std::vector<double> coefficients{};
  std::vector<double> standard_errors{};
};

/// A federated fit, and how it went.
struct FederatedFit : Fit {
  double log_likelihood = 0;
  double log_likelihood_null = 0;
  std::uint64_t rounds = 0;
  bool converged = false;
  std::string message{};
  double seconds = 0;
  std::vector<std::vector<double>> path{};  ///< the coefficients after every round
};

inline Fit newton_fit(std::string name, std::span<const CoxModel<double>> strata) {
  try {
    healthai::NewtonResult result = healthai::fit_newton(strata);
    return {std::move(name), {}, std::move(result.coefficients), std::move(result.standard_errors)};
  } catch (const healthai::Error& e) {
    return {std::move(name), e.what(), {}, {}};
  }
}

/// Fixed-effect meta-analysis: the mean of the hospitals' own coefficients, weighted by 1 / variance.
inline Fit meta_analysis(const std::vector<Fit>& local, std::size_t covariates) {
  Fit meta{"Meta-analysis of the hospitals' own fits", {}, {}, {}};
  for (std::size_t j = 0; j < covariates; ++j) {
    double weights = 0;
    double sum = 0;
    for (const Fit& fit : local) {
      if (!fit.problem.empty()) continue;
      const double weight = 1 / (fit.standard_errors[j] * fit.standard_errors[j]);
      weights += weight;
      sum += weight * fit.coefficients[j];
    }
    if (weights == 0) return {meta.name, "no hospital has a fit of its own", {}, {}};
    meta.coefficients.push_back(sum / weights);
    meta.standard_errors.push_back(1 / std::sqrt(weights));
  }
  return meta;
}

/// Standard errors at given coefficients, from the information of all hospitals summed: empty where it is singular.
inline std::vector<double> standard_errors(std::span<const CoxModel<double>> models,
                                           const std::vector<double>& at) {
  const healthai::Parameters<double> parameters(models.front().layout(), at);
  const auto columns = static_cast<Eigen::Index>(at.size());
  healthai::FeatureMatrix<double> information = healthai::FeatureMatrix<double>::Zero(columns, columns);
  for (const CoxModel<double>& model : models) {
    const std::vector<double> part = model.information(parameters);
    information += Eigen::Map<const healthai::FeatureMatrix<double>>(part.data(), columns, columns);
  }
  const healthai::FeatureMatrix<double> covariance =
      information.ldlt().solve(healthai::FeatureMatrix<double>::Identity(columns, columns));
  std::vector<double> errors;
  for (Eigen::Index j = 0; j < columns; ++j) errors.push_back(std::sqrt(covariance(j, j)));
  return errors;
}

/// What a federated run needs besides a strategy.
template <class TransportType>
struct Study {
  const Flags& flags;
  healthai::Scaling scaling;
  TransportType& hospitals;
  double learning_rate;
};

/// The strategy that --strategy names, to a person.
inline std::string name_of(const Flags& flags, const std::string& strategy, std::uint64_t local_steps) {
  const std::string steps = std::to_string(local_steps) + (local_steps == 1 ? " local step" : " local steps");
  return strategy == "fedprox" ? "FedProx, mu " + healthai::number_text(flags.proximal_mu) + ", " + steps
                               : "FedAvg, " + steps;
}
/// Calls `run(strategy)` with that strategy. \return what it returns
template <class Run>
FederatedFit with_strategy(const Flags& flags, const std::string& strategy, Run run) {
  if (strategy == "fedprox")
    return run(healthai::BasicFedProx<Rule>{.mu = flags.proximal_mu, .aggregator = flags.rule()});
  return run(healthai::BasicFedAvg<Rule>{.aggregator = flags.rule()});
}

/// Minus the sum over hospitals of their log partial likelihoods: one evaluation over all of them.
template <class TransportType>
double log_likelihood(TransportType& hospitals, const healthai::Parameters<double>& at) {
  const auto sums = healthai::ask_everyone<healthai::Evaluate<double>>(hospitals, {{}, at});
  for (const healthai::Metric& metric : healthai::metrics_of(sums.scalars)) {
    if (metric.name == "loss") return -metric.numerator;
  }
  return 0;
}

template <class TransportType, class Strategy, class... Observers>
FederatedFit federated_fit(std::string name, Study<TransportType>& study, Strategy strategy,
                           std::uint64_t local_steps, Observers&&... observers) {
  const Flags& flags = study.flags;
  const healthai::Parameters<double> zero(CoxModel<double>::layout_for(flags.covariates.size()));
  healthai::Federation federation{
      strategy,
      study.hospitals,
      {.rounds = flags.rounds,
       .seed = flags.seed,
       .training = {.local_steps = local_steps, .learning_rate = study.learning_rate},
       .quorum = study.hospitals.clients().size(),
       .tolerance = flags.tolerance,
       .checkpoint = flags.checkpoint,
       .checkpoint_every = 100,
       .resume = flags.resume,
       .keep_history = false}};
  FederatedFit fit;
  const auto outcome =
      federation.run(zero, std::forward<Observers>(observers)..., [&](const healthai::RoundReport&) {
        fit.path.push_back(study.scaling.to_original(federation.parameters().span()));
      });
  fit.name = std::move(name);
  fit.coefficients = study.scaling.to_original(outcome.parameters.span());
  fit.log_likelihood = log_likelihood(study.hospitals, outcome.parameters);
  fit.log_likelihood_null = log_likelihood(study.hospitals, zero);
  fit.rounds = outcome.completed_rounds;
  fit.converged = outcome.converged();
  fit.message = outcome.message;
  fit.seconds = outcome.seconds;
  return fit;
}

}  // namespace lung
