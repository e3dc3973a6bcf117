// Eight networks of intensive care units learn to predict death within 30 days: logistic regression by FedAvg and FedProx,
// judged on patients that no network has trained on.
#include <CLI/CLI.hpp>
#include <cmath>
#include <cstdio>
#include <healthai/healthai.hpp>
#include <healthai/reporting.hpp>
#include <healthai/reporting/line_plot.hpp>
#include <string>
#include <vector>

#include "icu_mortality/auc.hpp"
#include "icu_mortality/networks.hpp"
#include "icu_mortality/reference.hpp"

using namespace healthai;

namespace {

struct Flags {
  int rounds = 100;
  int local_steps = 5;
  std::size_t batch_size = 0;
  double learning_rate = 0.5;
  double mu = 0.1;
  std::uint64_t seed = 1;
  std::string plot{};

  [[nodiscard]] bool like_reference() const { return batch_size == 0 && learning_rate == 0.5; }
};

/// Everything that the runs share.
struct Study {
  std::vector<icu::Network> networks;
  icu::Patients train;  // pooled
  icu::Patients test;   // pooled
  double l2;            // per patient: a penalty of 1/2 ||coefficients||^2 in all
};

Parameters<double> zeros() {
  return Parameters<double>(LogisticModel<double>::layout_for(icu::covariates.size()));
}

/// What one would fit if all patients were in one place: gradient descent to the end.
Parameters<double> pooled_fit(const Study& study) {
  auto model = icu::model_of(study.train, study.l2);
  const double rate = 1 / model.curvature_bound();
  Parameters<double> parameters = zeros();
  Parameters<double> gradient = zeros();
  for (int step = 0; step < 2000; ++step) {
    static_cast<void>(model.loss(parameters, {}, gradient));
    parameters.flat() -= rate * gradient.flat();
  }
  return parameters;
}

double pooled_area(const Study& study, const Parameters<double>& parameters) {
  std::vector<double> scores;
  const auto coefficients = parameters["coefficients"];
  for (std::size_t i = 0; i < study.test.x.rows; ++i) {
    scores.push_back(parameters["intercept"]());
    for (std::size_t j = 0; j < study.test.x.cols; ++j)
      scores.back() += coefficients(j) * study.test.x.row(i)[j];
  }
  return icu::area_under_curve(scores, study.test.died);
}

void print_fit(const Study& study, const Parameters<double>& parameters) {
  std::printf("  network  patients  tested    loss  accuracy\n");
  const auto line = [&](const char* name, std::size_t trained, const icu::Patients& test) {
    const Metrics metrics = icu::model_of(test, 0).evaluate(parameters);
    std::printf("  %-7s  %8zu  %6zu  %.4f    %.4f", name, trained, test.x.rows, metrics["loss"],
                metrics["accuracy"]);
  };
  for (const icu::Network& network : study.networks) {
    line(network.name.c_str(), network.train.x.rows, network.test);
    std::printf("\n");
  }
  line("all", study.train.x.rows, study.test);
  std::printf("   AUC %.5f\n", pooled_area(study, parameters));
}

/// Runs a strategy and prints what came of it. \return the distance from the pooled fit after every round
template <class Strategy>
std::vector<double> run(const char* name, Strategy strategy, double mu, const Flags& flags,
                        const Study& study, const Parameters<double>& pooled) {
  InProcess clients;
  for (const icu::Network& network : study.networks) {
    clients.add(network.id, LocalTrainer{icu::model_of(network.train, study.l2),
                                         {.learning_rate = flags.learning_rate,
                                          .batch_size = flags.batch_size,
                                          .local_steps = static_cast<std::uint64_t>(flags.local_steps)}});
  }
  Federation federation{
      strategy, clients, {.rounds = static_cast<std::uint64_t>(flags.rounds), .seed = flags.seed}};
  std::vector<double> distances;
  const auto outcome = federation.run(zeros(), ProgressBar{}, [&](const RoundReport&) {
    distances.push_back((federation.parameters().flat() - pooled.flat()).norm());
  });

  std::printf("\n%s, %d rounds of %d local steps\n", name, flags.rounds, flags.local_steps);
  print_fit(study, outcome.parameters);
  std::printf("  distance from the pooled coefficients: %.6f\n", distances.back());
  const auto w = outcome.parameters.span();  // coefficients, then the intercept
  const icu::Reference* reference = icu::find_reference(flags.rounds, flags.local_steps, mu);
  if (reference != nullptr && flags.like_reference()) {
    std::printf("  difference from the reference run: coefficients %.1e, AUC %.1e\n",
                icu::largest_difference(*reference, outcome.parameters["intercept"](), w.first(w.size() - 1)),
                std::fabs(pooled_area(study, outcome.parameters) - reference->area));
  }
  return distances;
}

int study_mortality(const Flags& flags) {
  Study study{icu::read_networks(HEALTHAI_EXAMPLE_DATA "/icu_networks.csv"), {}, {}, 0};
  study.train = icu::pooled(study.networks, &icu::Network::train);
  study.test = icu::pooled(study.networks, &icu::Network::test);
  study.l2 = 1.0 / static_cast<double>(study.train.x.rows);

  const Parameters<double> pooled = pooled_fit(study);
  std::printf("All patients in one place\n");
  print_fit(study, pooled);

  LinePlot plot{.title = "Eight ICU networks: distance from the pooled coefficients",
                .x_label = "Round",
                .y_label = "Euclidean distance",
                .log_y = true};
  plot.add("FedAvg", run("FedAvg", FedAvg{}, 0, flags, study, pooled));
  const std::string name = "FedProx, mu " + number_text(flags.mu);
  plot.add(name, run(name.c_str(), FedProx{.mu = flags.mu}, flags.mu, flags, study, pooled));
  if (!flags.plot.empty()) {
    plot.write(flags.plot + "/icu_convergence.png");
    std::printf("\n%s/icu_convergence.png\n", flags.plot.c_str());
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Flags flags;
  const CLI::Range count(1, 1000000);
  CLI::App app{"Death within 30 days in eight networks of intensive care units: FedAvg and FedProx"};
  app.add_option("--rounds", flags.rounds, "rounds")->check(count)->capture_default_str();
  app.add_option("--local-steps", flags.local_steps, "gradient steps of a network in a round")
      ->check(count)
      ->capture_default_str();
  app.add_option("--batch-size", flags.batch_size, "patients a step; 0: all of the network")
      ->capture_default_str();
  app.add_option("--learning-rate", flags.learning_rate, "step size, on standardised covariates")
      ->check(CLI::Range(1e-6, 100.0))
      ->capture_default_str();
  app.add_option("--mu", flags.mu, "proximal term of FedProx")
      ->check(CLI::Range(0.0, 1000.0))
      ->capture_default_str();
  app.add_option("--seed", flags.seed, "of the batches; full batches have nothing random")
      ->capture_default_str();
  app.add_option("--plot", flags.plot, "folder for the convergence plot");
  try {
    app.parse(argc, argv);
    return study_mortality(flags);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  } catch (const Error& e) {
    std::fprintf(stderr, "icu_mortality: %s\n", e.what());
    return 1;
  }
}
