#include "healthai/statistics/local_cox_fit.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

#include "healthai/data/partition.hpp"
#include "healthai/serialization/archive.hpp"
#include "refusals.hpp"
#include "statistics/survival_data.hpp"

namespace statistics_local_cox_fit_test {

using namespace healthai;
using refusals_test::refuses;

namespace {

LocalCoxFit::Plan plan() {
  return {{}, {"time", "dead"}, parse_covariates("age, sex, ph.ecog"), Ties::efron};
}
InProcess lung(const DisclosureRules& rules = DisclosureRules::off()) {
  InProcess all({.threads = 1});
  for (const Site& site : partition_by(survival_test::table_of("lung"), "hospital"))
    all.add(ClientId("h" + site.name),
            StatisticsSite(site.table, rules).handlers<ColumnLevels, LocalCoxFit>());
  return all;
}
/// Patients of a hospital where men all die first: the likelihood has no maximum.
Table separated() {
  Table table("separated");
  table.add_numeric("time", {1, 2, 3, 4, 5, 6, 7, 8})
      .add_numeric("dead", {1, 1, 1, 1, 0, 0, 0, 0})
      .add_numeric("age", {50, 61, 47, 55, 52, 60, 49, 58})
      .add_numeric("sex", {1, 1, 1, 1, 2, 2, 2, 2})
      .add_numeric("ph.ecog", {0, 1, 2, 1, 0, 1, 2, 0});
  return table;
}

}  // namespace

TEST_CASE("each hospital's own fit is that of R's coxph") {
  struct Fit {
    const char* site;
    std::size_t rows, events;
    std::vector<double> coefficients, errors;
  };
  const std::vector<Fit> expected{{"h1",
                                   36,
                                   27,
                                   {0.0316818610649649, -0.47143926144011467, 0.8017969283284151},
                                   {0.026409579348773093, 0.4802720262084726, 0.2743190620883176}},
                                  {"h21",
                                   12,
                                   10,
                                   {0.10234296639199991, 1.8799190359703273, -1.8943906123589764},
                                   {0.06337141075003218, 1.1919644511519385, 1.1331179596877656}},
                                  {"h99",
                                   52,
                                   34,
                                   {-0.007128099908555135, -0.6208760715112294, 0.68120402725466},
                                   {0.020220905240088287, 0.37807420876576975, 0.2505894914247794}}};
  InProcess all = lung();
  const CoxMetaAnalysis result = cox_meta_analysis(all, plan());
  CHECK(result.terms == std::vector<std::string>{"age", "sex", "ph.ecog"});
  CHECK(result.fits.size() == 10);
  std::size_t compared = 0;
  for (const LocalCoxResult& fit : result.fits) {
    for (const Fit& reference : expected) {
      if (fit.site.str() != reference.site) continue;
      ++compared;
      CHECK(fit.rows == reference.rows);
      CHECK(fit.events == reference.events);
      for (std::size_t i = 0; i < 3; ++i) {
        CHECK(survival_test::near(fit.coefficients[i], reference.coefficients[i], 1e-9));
        CHECK(survival_test::near(fit.standard_errors[i], reference.errors[i], 1e-8));
      }
    }
  }
  CHECK(compared == 3);
}

TEST_CASE("combined with inverse variances they are not the stratified fit") {
  InProcess all = lung();
  const CoxMetaAnalysis result = cox_meta_analysis(all, plan());
  // Four digits are known of the combination of R's ten fits; the fit stratified by hospital has .0122, -.5497, .5403.
  CHECK(std::fabs(result.combined[0].fixed - 0.0191) < 5e-5);
  CHECK(std::fabs(result.combined[1].fixed - -0.4606) < 5e-5);
  CHECK(std::fabs(result.combined[2].fixed - 0.5514) < 5e-5);
  CHECK(result.combined[2].studies == 10);
  CHECK(result.combined[2].tau_squared > 0);
}

TEST_CASE("a hospital whose own fit fails is named, with the column, and left out") {
  InProcess all = lung();
  all.add(ClientId("north"), StatisticsSite(separated(), DisclosureRules::off()).handlers<LocalCoxFit>());
  Table quiet("quiet");
  quiet.add_numeric("time", {1, 2})
      .add_numeric("dead", {0, 0})
      .add_numeric("age", {50, 60})
      .add_numeric("sex", {1, 2})
      .add_numeric("ph.ecog", {0, 1});
  all.add(ClientId("quiet"), StatisticsSite(quiet, DisclosureRules::off()).handlers<LocalCoxFit>());
  all.add(ClientId("void"), StatisticsSite(quiet.select(std::vector<std::size_t>{}), DisclosureRules::off())
                                .handlers<LocalCoxFit>());
  const CoxMetaAnalysis result = cox_meta_analysis(all, plan());
  CHECK(result.fits.size() == 10);
  CHECK(std::fabs(result.combined[0].fixed - 0.0191) < 5e-5);
  REQUIRE(result.without_a_fit.size() == 3);
  CHECK(result.without_a_fit[0].client == ClientId("north"));
  CHECK(result.without_a_fit[0].error == "invalid_data");
  CHECK(result.without_a_fit[0].message.find("column \"sex\"") != std::string::npos);
  CHECK(result.without_a_fit[1].message.find("at least one event") != std::string::npos);
  CHECK(result.without_a_fit[2].message.find("no complete row") != std::string::npos);
  CHECK(result.left_out.empty());
}

TEST_CASE("under rules such a failure tells nothing of the data") {
  const LocalCoxFit::Broadcast request{plan()};
  DisclosureRules rules;
  const auto reply = LocalCoxFit::answer(LocalCoxFit::prepare(request.plan, separated()), request, rules);
  CHECK(reply.problem == "its own rows do not support a fit of their own");
  CHECK(reply.coefficients.empty());
}

TEST_CASE("no hospital with a fit") {
  InProcess one({.threads = 1});
  one.add(ClientId("north"), StatisticsSite(separated(), DisclosureRules::off()).handlers<LocalCoxFit>());
  refuses([&] { return cox_meta_analysis(one, plan()).fits.size(); }, error::invalid_data, "client north: ");
  refuses([&] { return cox_meta_analysis(one, {}).fits.size(); }, "at least one covariate");
}

TEST_CASE("levels of a category are agreed; what an answer tells") {
  InProcess all = lung();
  LocalCoxFit::Plan question{{}, {"time", "dead"}, parse_covariates("age, C(sex)"), Ties::breslow};
  CHECK(cox_meta_analysis(all, question).terms == std::vector<std::string>{"age", "sex2"});
  CHECK(from_bytes<LocalCoxFit::Broadcast>(to_bytes(LocalCoxFit::Broadcast{question})).plan == question);
  question.covariates[1].levels = {"1", "2"};
  const Disclosure what = LocalCoxFit::disclosure(question, LocalCoxFit::prepare(question, separated()));
  CHECK(what.rows == 8);
  CHECK(what.events == 4);
  CHECK(what.parameters == 2);
  CHECK(what.columns == std::vector<std::string>{"age", "sex", "time", "dead"});
  CHECK(what.levels.at("sex").size() == 2);
  // Four and four by sex; of those with the event all of one sex, and they are four, and so for those without.
  CHECK(what.cells == std::vector<double>{4, 4, 4, 0, 4, 0, 4, 4});
}

TEST_CASE("a fit that is not what was asked for is refused") {
  TaskHandlers handlers;
  handlers.offer<LocalCoxFit>([](const Request<LocalCoxFit::Broadcast>&, std::stop_token) {
    return LocalCoxFit::Reply{9, 3, {1, 2, 3}, {1, 0, 1}, {}};
  });
  InProcess one({.threads = 1});
  one.add(ClientId("liar"), std::move(handlers));
  refuses([&] { return cox_meta_analysis(one, plan()).fits.size(); }, error::invalid_reply,
          "client liar sent a fit that is not 3 finite coefficients");
}

}  // namespace statistics_local_cox_fit_test
