#include "compare_strategies/run.hpp"

#include <healthai/transport/in_process.hpp>

#include "compare_strategies/hosts.hpp"
#include "compare_strategies/strategies.hpp"

namespace compare {

Study make_study(const Dataset& data, const Flags& flags, std::uint64_t seed, const Part& part) {
  Study study;
  study.seed = seed;
  const std::vector<SiteRows> sites = divide(data, flags, seed, part.judges);
  const bool flips = flags.attack.starts_with("label_flip");
  const auto last_class = static_cast<double>(flags.task == "logistic" ? 1 : data.classes - 1);
  study.models.resize(sites.size());
  if (flips) study.poisoned.resize(sites.size());
  for (std::size_t i = 0; i < sites.size(); ++i) {
    const SiteRows& site = sites[i];
    study.ids.push_back(site.id);
    study.train_rows.push_back(site.train.count());
    if (part.judges) study.tests.emplace_back(flags, data, site.test);
    if (!part.hosts(i)) continue;
    study.models[i] = make_model(flags, data, site.train);
    if (flips) {
      Rows flipped = site.train;
      for (double& y : flipped.y) y = last_class - y;
      study.poisoned[i] = make_model(flags, data, flipped);
    }
  }
  study.layout = make_model(flags, data, sites.front().train).layout();
  if (part.pools) study.all.push_back(make_model(flags, data, pooled(sites)));
  return study;
}

Evaluation evaluate(Study& study, const Flags& flags, std::uint64_t round, const ModelOfSite& model_of_site) {
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

/// Rounds over clients in this process. One of them serves all sites, several serve one each.
template <class Strategy>
Run run_here(const Strategy& strategy, const std::vector<AnyClient>& clients, Setup setup) {
  healthai::InProcess transport{{.threads = setup.flags.threads}};
  for (std::size_t i = 0; i < clients.size(); ++i) transport.add(setup.study.ids[i], clients[i]);
  setup.models_of_sites = [&clients](const Parameters<double>& global) {
    return [&clients, &global](std::size_t site) {
      return clients[clients.size() == 1 ? 0 : site].model(global);
    };
  };
  Hosts hosts(transport);
  return run_rounds(strategy, hosts, setup);
}
/// The same by a single client.
Run run_one(const Contender& contender, const Flags& flags, Study& study, const AnyModel& model,
            const Watch& watch) {
  const Flags calm = undisturbed(flags);
  return run_here(healthai::BasicFedAvg<Rule>{}, {make_client(contender, model)},
                  {contender, calm, study, 1, {}, watch});
}
}  // namespace

Run run_federated(const Contender& contender, const Flags& flags, Study& study, const Watch& watch) {
  const healthai::AttackPlan attack = attack_plan(flags);
  const std::vector<healthai::ClientId> attackers =
      healthai::choose_attackers(study.ids, attack.share, study.seed);
  std::vector<AnyClient> clients;
  for (std::size_t i = 0; i < study.ids.size(); ++i)
    clients.push_back(client_of_site(contender, study, attackers, i));
  Run run;
  with_strategy(contender, [&](const auto& strategy) {
    run =
        run_here(strategy, clients, {contender, flags, study, clients.size(), {}, watch, attack, attackers});
  });
  return run;
}

Run run_pooled(const Contender& contender, const Flags& flags, Study& study, const Watch& watch) {
  return run_one(contender, flags, study, study.all.front(), watch);
}

Run run_alone(const Contender& contender, const Flags& flags, Study& study, const Watch& watch) {
  Run together;
  for (std::size_t site = 0; site < study.models.size(); ++site) {
    Study one{
        .ids = {study.ids[site]}, .tests = {study.tests[site]}, .layout = study.layout, .seed = study.seed};
    const Run run = run_one(contender, flags, one, study.models[site], watch);
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
