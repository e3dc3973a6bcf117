// Eight networks of intensive care units learn to predict death within 30 days by DP-SGD: what leaves a network tells little of any one of
// its patients, and the smaller epsilon is, the less. It costs accuracy: how much, beside what is spent, is what the plots show.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <healthai/client/private_trainer.hpp>
#include <healthai/crypto/random_bytes.hpp>
#include <healthai/healthai.hpp>
#include <healthai/privacy/calibration.hpp>
#include <healthai/reporting/line_plot.hpp>
#include <string>
#include <vector>

#include "private_training/networks.hpp"

using namespace healthai;
using namespace training;

/// Trains over these clients. \return the area under the curve on the test patients after every round
std::vector<double> accuracies(InProcess& networks, const Flags& flags, const Table& test) {
  Federation federation{FedAvg{}, networks, {.rounds = flags.rounds}};
  std::vector<double> all;
  static_cast<void>(federation.run(
      Parameters<double>(LogisticModel<double>::layout_for(scaling.names.size())),
      [&](const RoundReport&) { all.push_back(area_under_curve(test, federation.parameters())); }));
  return all;
}

int study(const Flags& flags) {
  const Table table = read_csv(flags.data);
  const std::vector<Site> sites = partition_by(every_fifth(table, false), "network");
  const Table test = every_fifth(table, true);
  const std::uint64_t steps = 5;  // of a round
  const double rate = 0.5;

  InProcess plain;
  for (const Site& site : sites)
    plain.add(site.id, LocalTrainer{model_of(site.table), {.learning_rate = rate, .local_steps = steps}});
  const std::vector<double> without_noise = accuracies(plain, flags, test);
  std::printf("without privacy: area under the curve %.4f\n", without_noise.back());

  const std::string observer = "whoever sees all that leaves the patient's network";
  const std::string plain_numbers = "how many patients each network has";
  LinePlot spent{.title = "Privacy of a patient, against " + observer,
                 .x_label = "Round (without noise: " + plain_numbers + ")",
                 .y_label = "epsilon spent so far"};
  LinePlot lost = spent;
  lost.y_label = "Area under the curve lost, on test patients";
  for (const double epsilon : flags.epsilons) {
    // [noise]
    InProcess networks;
    PrivateTraining training{.clip = 1, .sampling_rate = 0.2, .steps = steps, .learning_rate = rate};
    const Epsilon<Patients> target(epsilon, Delta<Patients>(flags.delta, table.rows()));
    training.noise_multiplier =
        smallest_noise(target, {.sampling_rate = training.sampling_rate, .steps = steps * flags.rounds})
            .noise_multiplier;
    for (const Site& site : sites) {
      PrivateTrainer<LogisticModel<double>, ExactNoise<RandomBits>>::Units
          patients;  // empty: each row is one
      if (!flags.patient_column.empty()) patients = rows_by_patient(site.table, flags.patient_column);
      networks.add(site.id, PrivateTrainer{model_of(site.table), training, ExactNoise{RandomBits{}}, nullptr,
                                           std::move(patients)});
    }
    // [/noise]
    std::vector<double> loss = accuracies(networks, flags, test), epsilons;
    Releases<Patients> releases;
    for (std::size_t round = 0; round < flags.rounds; ++round) {
      releases.add({training.noise_multiplier, training.sampling_rate}, steps);
      epsilons.push_back(PrivacyLossAccountant{}.epsilon(releases, target.delta()).value());
      loss[round] = without_noise[round] - loss[round];
    }
    const Guarantee<Patients> guarantee(PrivacyLossAccountant{}.epsilon(releases, target.delta()), observer,
                                        {plain_numbers});
    std::printf("noise of %.2f clips: area lost %.4f\n  %s\n", training.noise_multiplier, loss.back(),
                guarantee.text().c_str());
    spent.add(target.text(), epsilons);
    lost.add(target.text(), loss);
  }
  std::puts("The areas are those of patients that no network has trained on, who are not protected by this.");
  if (!flags.plot.empty()) {
    spent.write(flags.plot + "/privacy_spent.png");
    lost.write(flags.plot + "/accuracy_lost.png");
  }
  return 0;
}

int main(int argc, char** argv) {
  Flags flags;
  CLI::App app{"DP-SGD in eight networks of intensive care units: privacy spent, accuracy lost"};
  app.add_option("--data", flags.data, "CSV file with the columns of icu_networks.csv");
  app.add_option("--patient-column", flags.patient_column,
                 "whose row it is; without it each row is a patient");
  app.add_option("--epsilon", flags.epsilons, "what the whole run may spend, for a patient added or removed")
      ->delimiter(',')
      ->check(CLI::Range(0.01, 100.0))
      ->capture_default_str();
  app.add_option("--delta", flags.delta, "below 1 / patients")->capture_default_str();
  app.add_option("--rounds", flags.rounds, "rounds")->check(CLI::Range(1, 10000))->capture_default_str();
  app.add_option("--plot", flags.plot, "folder for the two plots");
  try {
    app.parse(argc, argv);
    return study(flags);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  } catch (const Error& e) {
    std::fprintf(stderr, "private_training: %s\n", e.what());
    return 1;
  }
}
