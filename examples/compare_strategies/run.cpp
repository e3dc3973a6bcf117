#include "compare_strategies/run.hpp"

#include "compare_strategies/strategies.hpp"

namespace compare {

Study make_study(const Dataset& data, const Flags& flags, std::uint64_t seed) {
  Study study;
  study.seed = seed;
  const std::vector<SiteRows> sites = divide(data, flags, seed);
  const bool flips = flags.attack.starts_with("label_flip");
  const auto last_class = static_cast<double>(flags.task == "logistic" ? 1 : data.classes - 1);
  for (const SiteRows& site : sites) {
    study.ids.push_back(site.id);
    study.train_rows.push_back(site.train.count());
    study.models.push_back(make_model(flags, data, site.train));
    if (flips) {
      Rows flipped = site.train;
      for (double& y : flipped.y) y = last_class - y;
      study.poisoned.push_back(make_model(flags, data, flipped));
    }
    study.tests.emplace_back(flags, data, site.test);
  }
  study.all.push_back(make_model(flags, data, pooled(sites)));
  return study;
}

Evaluation evaluate(Study& study, const Flags& flags, std::uint64_t round,
                    const std::function<Parameters<double>(std::size_t)>& model_of_site) {
  Predictions all;
  std::vector<Predictions> each;
  for (std::size_t i = 0; i < study.tests.size(); ++i) {
    each.push_back(study.tests[i].predict(model_of_site(i)));
    all.append(each.back());
  }
  Evaluation result{.round = round};
  for (const std::string& name : metrics_of(flags)) {
    result.pooled.push_back(metric(name, all));
    result.sites.emplace_back();
    for (const Predictions& site : each) result.sites.back().push_back(metric(name, site));
  }
  return result;
}

namespace {
/// Whoever trains in one place has everybody's rows all the time.
Flags undisturbed(Flags flags) {
  flags.selection = "all";
  flags.drop_out = 0;
  return flags;
}
}  // namespace

Run run_federated(const Contender& contender, const Flags& flags, Study& study, const Watch& watch) {
  const healthai::AttackPlan attack =
      flags.attack.empty() ? healthai::AttackPlan{.share = 0} : healthai::parse_attack(flags.attack);
  Run run;
  with_strategy(contender, [&](const auto& strategy) {
    run = run_rounds(strategy, {contender, flags, study, study.models, attack, watch});
  });
  return run;
}

Run run_pooled(const Contender& contender, const Flags& flags, Study& study, const Watch& watch) {
  const Flags calm = undisturbed(flags);
  return run_rounds(healthai::BasicFedAvg<Rule>{}, {contender, calm, study, study.all, {.share = 0}, watch});
}

Run run_alone(const Contender& contender, const Flags& flags, Study& study, const Watch& watch) {
  const Flags calm = undisturbed(flags);
  Run together;
  for (std::size_t site = 0; site < study.models.size(); ++site) {
    Study one{.ids = {study.ids[site]}, .tests = {study.tests[site]}, .seed = study.seed};
    const std::vector<AnyModel> model{study.models[site]};
    const Run run =
        run_rounds(healthai::BasicFedAvg<Rule>{}, {contender, calm, one, model, {.share = 0}, watch});
    together.seconds += run.seconds;
    together.rounds = run.rounds;
    if (!run.problem.empty()) together.problem = run.problem;
    together.evaluations.resize((std::max)(together.evaluations.size(), run.evaluations.size()));
    for (std::size_t e = 0; e < run.evaluations.size(); ++e) {
      Evaluation& all = together.evaluations[e];
      const Evaluation& own = run.evaluations[e];
      all.round = own.round;
      all.pooled.assign(own.pooled.size(), undefined);  // there is no model of all
      all.sites.resize(own.sites.size());
      for (std::size_t m = 0; m < own.sites.size(); ++m) {
        all.sites[m].resize(study.models.size(), undefined);
        all.sites[m][site] = own.sites[m].front();
      }
    }
  }
  return together;
}

}  // namespace compare
