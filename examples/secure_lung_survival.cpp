// The survival model of lung_survival under secure aggregation: the coordinator gets sums over hospitals and no hospital's update,
// although hospitals keep falling silent. What it got of one of them is drawn beside the truth.
//
//     bash examples/run.sh secure_lung_survival
//     bash examples/run.sh secure_lung_survival --silent 0.3 --plot results/secure
#include <CLI/CLI.hpp>
#include <cmath>
#include <cstdio>
#include <exception>
#include <map>

#include "healthai/reporting.hpp"
#include "healthai/secagg/secure_aggregation.hpp"
#include "healthai/secagg/secure_handlers.hpp"
#include "lung_survival/report.hpp"
#include "secure_lung_survival/report.hpp"
#include "secure_lung_survival/seen.hpp"

using namespace healthai;

void run(double silent, std::uint64_t unsteady, const std::string& folder, const std::string& json) {
  lung::Flags study;  // data, columns, seed
  study.rounds = 1000;
  const lung::Hospitals hospitals = lung::admit(study);
  // One scale for all, out of the protocol: a sum of ages of one hospital would be in nobody's masks.
  const Scaling scaling{study.covariates, {60, 1.5, 1}, {10, 0.5, 0.7}};

  // Each hospital makes a key. Everybody has a copy of the public ones, compared by telephone and not over the network.
  std::map<ClientId, SigningKey> keys;
  std::vector<secagg::Member> list;
  for (const Site& site : hospitals.sites) {
    const SigningKey& key = keys.emplace(site.id, SigningKey::make()).first->second;
    list.push_back({site.id, {key.public_key()}});
  }
  const auto members = std::make_shared<const secagg::Members>(list);

  // The hospitals. Their training leaves them only as a masked part of a sum.
  const double clip = 0.5;  // of each number of an update
  secure_lung::Seen seen;
  InProcess line;
  for (const Site& site : hospitals.sites) {
    secure_lung::Unsteady client{LocalTrainer{lung::cox_model(site, study, &scaling)}, silent, unsteady, clip,
                                 line.clients().empty() ? &seen : nullptr};
    secagg::SecureMember self{site.id, keys.at(site.id), members, {}, {}};
    line.add(site.id, secagg::secure_handlers<Train<double>>(std::move(client), std::move(self)));
  }

  // The coordinator: as for lung_survival, but for the transport, which can sum and cannot show.
  const ClientId watched = line.clients().front();
  secure_lung::Eavesdropper wire{line, watched, seen};
  SecureAggregationOptions options;
  options.ranges.update_clip = clip;
  options.ranges.most_examples = 100;
  SecureAggregation secure{wire, members, options};
  Federation federation{FedAvg{},
                        secure,
                        {.rounds = study.rounds,
                         .seed = study.seed,
                         .training = {.local_steps = 1, .learning_rate = 1.0},
                         .quorum = static_cast<std::size_t>(secure.parameters().threshold),
                         .max_failed_rounds = 10,
                         .tolerance = 1e-8}};
  const Parameters<double> zero(CoxModel<double>::layout_for(study.covariates.size()));
  const auto outcome = federation.run(zero, ProgressBar{});
  if (!outcome.message.empty()) throw Error(error::below_quorum, outcome.message);

  // Only a simulation can compare with the pooled fit: it holds everybody's rows.
  const std::vector<CoxModel<double>> models = lung::cox_models(hospitals, study);
  const lung::Fit pooled = lung::newton_fit("pooled", models);
  const std::vector<double> coefficients = scaling.to_original(outcome.parameters.span());
  if (json != "-") {
    secure_lung::print(outcome, secure.parameters(), study.covariates, coefficients);
    std::printf("off the pooled fit by at most %.1e\n", lung::difference(coefficients, pooled.coefficients));
    std::printf("what the coordinator got of hospital %s: %s\n", watched.str().c_str(),
                secure_lung::plot(seen, watched.str(), folder).c_str());
  }
  if (!json.empty()) secure_lung::write_json(json, outcome, coefficients);
}

int main(int argc, char** argv) {
  CLI::App app{"Ten hospitals fit one lung-cancer survival model under secure aggregation, with drop-outs."};
  double silent = 0.2;
  std::uint64_t unsteady = 30;
  std::string folder = "results/secure_lung_survival", json;
  app.add_option("--silent", silent, "how likely a hospital falls silent in one of the first rounds")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  app.add_option("--unsteady", unsteady, "in how many rounds it may")->capture_default_str();
  app.add_option("--plot", folder, "folder for the plot")->capture_default_str();
  app.add_option("--json", json, "file to write the coefficients to; - for standard output");
  CLI11_PARSE(app, argc, argv);
  try {
    run(silent, unsteady, folder, json);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "secure_lung_survival: %s\n", e.what());
    return 2;
  }
  return 0;
}
