#include "healthai/statistics/local_glm_fit.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "healthai/core/random.hpp"
#include "healthai/data/partition.hpp"
#include "healthai/serialization/archive.hpp"
#include "refusals.hpp"
#include "statistics/glm_sites.hpp"

namespace statistics_local_glm_fit_test {

using namespace healthai;
using refusals_test::refuses;
using statistics_glm_support::plan_of;
using statistics_glm_support::table_of;

namespace {

using Named = std::vector<std::pair<std::string, Table>>;

InProcess offering(const Named& tables, const DisclosureRules& rules = DisclosureRules::off()) {
  InProcess all({.threads = 1});
  for (const auto& [name, table] : tables)
    all.add(ClientId(name), StatisticsSite(table, rules).handlers<ColumnLevels, LocalGlmFit>());
  return all;
}
Named networks() {
  Named all;
  for (const Site& site : partition_by(table_of("icu_networks.csv"), "network"))
    all.emplace_back("n" + site.name, site.table);
  return all;
}
/// "y" 0 or 1, "count" 0 to 4, "amount" above 0, "x", and "ward" a, b or c, of `rows` patients.
Table made(std::size_t rows, std::uint64_t seed) {
  Stream stream(seed, Purpose::test);
  const auto uniform = [&] { return static_cast<double>(stream() >> 11U) * 0x1p-53; };
  std::vector<double> x, y, count, amount;
  std::vector<std::string> ward;
  for (std::size_t row = 0; row < rows; ++row) {
    x.push_back(4 * uniform() - 2);
    ward.emplace_back(1, "abc"[stream() % 3]);
    y.push_back(uniform() < 1 / (1 + std::exp(-x.back() / 2)) ? 1 : 0);
    count.push_back(std::floor(5 * uniform()));
    amount.push_back(0.1 + std::exp(x.back() / 3) * uniform());
  }
  Table table("made");
  table.add_numeric("x", x).add_numeric("y", y).add_numeric("count", count).add_numeric("amount", amount);
  table.add_text("ward", ward);
  return table;
}

/// Each hospital's own fit is what `fit_glm` makes of its rows alone.
void check_each(const Named& tables, const GlmPlan& plan) {
  InProcess all = offering(tables);
  const GlmMetaAnalysis result = glm_meta_analysis(all, plan);
  REQUIRE(result.fits.size() == tables.size());
  CHECK(result.without_a_fit.empty());
  for (const auto& [name, table] : tables) {
    const std::string& hospital = name;  // a binding cannot be captured
    CAPTURE(hospital);
    InProcess alone({.threads = 1});
    alone.add(ClientId(name),
              StatisticsSite(table, DisclosureRules::off()).handlers<ColumnLevels, GlmMoments, GlmStep>());
    const GlmFit fit = fit_glm(alone, plan);
    CHECK(result.terms == fit.terms);
    for (const LocalGlmResult& own : result.fits) {
      if (own.site != ClientId(name)) continue;
      CHECK(own.rows == fit.n);
      for (std::size_t i = 0; i < fit.terms.size(); ++i) {
        CHECK(std::fabs(own.coefficients[i] - fit.coefficients[i]) <= 1e-10 * std::fabs(fit.coefficients[i]));
        CHECK(std::fabs(own.standard_errors[i] - fit.standard_errors[i]) <= 1e-10 * fit.standard_errors[i]);
      }
    }
  }
}

}  // namespace

TEST_CASE("each hospital's own fit is the federated one of its rows alone, for every family") {
  check_each(networks(), plan_of(GlmFamily::binomial, "died", "Age,ApacheIIScore,male"));
  const Named three{{"a", made(60, 1)}, {"b", made(45, 2)}, {"c", made(80, 3)}};
  for (const auto& [family, response] :
       {std::pair(GlmFamily::gaussian, "x"), std::pair(GlmFamily::binomial, "y"),
        std::pair(GlmFamily::poisson, "count"), std::pair(GlmFamily::gamma, "amount")})
    check_each(three,
               plan_of(family, response, family == GlmFamily::gaussian ? "amount,C(ward)" : "x,C(ward)"));
  GlmPlan plan = plan_of(GlmFamily::poisson, "count", "amount");
  plan.offset = "x";
  plan.l2 = 0.5;
  check_each(three, plan);
  plan.cohort.filters = {parse_filter("ward == a")};
  plan.intercept = false;
  check_each(three, plan);
}

TEST_CASE("the estimates are combined with inverse variances") {
  const Named all = networks();
  InProcess hospitals = offering(all);
  const GlmMetaAnalysis result = glm_meta_analysis(hospitals, plan_of(GlmFamily::binomial, "died", "Age"));
  REQUIRE(result.combined.size() == 2);
  CHECK(result.terms == std::vector<std::string>{"(Intercept)", "Age"});
  double weights = 0, sum = 0;
  for (const LocalGlmResult& fit : result.fits) {
    CHECK(fit.events > 0);
    const double weight = 1 / (fit.standard_errors[1] * fit.standard_errors[1]);
    weights += weight;
    sum += weight * fit.coefficients[1];
  }
  CHECK(result.combined[1].studies == all.size());
  CHECK(result.combined[1].fixed == doctest::Approx(sum / weights).epsilon(1e-12));
}

TEST_CASE("a hospital without a fit of its own is named, with the reason") {
  const auto two = [](std::vector<double> x, std::vector<double> y) {
    std::vector<double> z = x;
    for (double& value : z) value = value * value;
    Table table("few");
    table.add_numeric("x", std::move(x)).add_numeric("y", std::move(y)).add_numeric("z", std::move(z));
    return table;
  };
  Table good = made(60, 1);
  std::vector<double> squares;
  for (const double x : good.numeric("x")) squares.push_back(x * x);
  good.add_numeric("z", squares);
  const Named all{{"good", good},
                  {"separated", two({1, 2, 3, 4, 5, 6, 7, 8}, {0, 0, 0, 0, 1, 1, 1, 1})},
                  {"collinear", two({1, 1, 1, 2, 2, 2, 1, 2}, {0, 1, 0, 1, 0, 1, 0, 1})},
                  {"constant", two({1, 1, 1, 1}, {0, 1, 0, 1})},
                  {"same", two({1, 2, 3, 4, 5}, {0, 0, 0, 0, 0})},
                  {"few", two({1, 2}, {0, 1})},
                  {"none", two({}, {})}};
  InProcess hospitals = offering(all);
  const GlmMetaAnalysis result = glm_meta_analysis(hospitals, plan_of(GlmFamily::binomial, "y", "x,z"));
  REQUIRE(result.fits.size() == 1);
  CHECK(result.fits[0].site == ClientId("good"));
  REQUIRE(result.without_a_fit.size() == all.size() - 1);
  CHECK(result.left_out.empty());
  const auto why = [&](const std::string& name) {
    for (const Failure& failure : result.without_a_fit) {
      if (failure.client == ClientId(name)) return failure.error + " " + failure.message;
    }
    return std::string();
  };
  const auto says = [&](const std::string& name, const std::string& text) {
    CHECK_MESSAGE(why(name).find(text) != std::string::npos, name, ": ", why(name));
  };
  says("separated", "invalid_data complete separation: ");
  says("collinear", "is collinear: it follows from");
  says("constant", "column \"x\" is constant");
  says("same", "the response \"y\" is constant");
  says("few", "2 complete rows, fewer than the 3 coefficients");
  says("none", "there is no complete row");
}

TEST_CASE("a fit that leaves no degrees of freedom has no standard errors, and none is sent") {
  Table line("line");
  line.add_numeric("x", {1, 2}).add_numeric("y", {3, 7});
  const LocalGlmFit::Broadcast request{plan_of(GlmFamily::gaussian, "y", "x")};
  const auto reply =
      LocalGlmFit::answer(LocalGlmFit::prepare(request.plan, line), request, DisclosureRules::off());
  CHECK(reply.problem.find("standard errors") != std::string::npos);
  CHECK(reply.rows == 2);
  CHECK(reply.coefficients.empty());
  InProcess one = offering({{"line", line}});
  refuses([&] { return glm_meta_analysis(one, request.plan).fits.size(); }, error::invalid_data,
          "no hospital has a fit of its own rows to combine; client line: ");
}

TEST_CASE(
    "rules let a fit through, forbid it by the rule's name, and let a failure say nothing of the data") {
  DisclosureRules rules;
  rules.columns = {"x", "y", "ward"};
  rules.levels["ward"] = {"a", "b", "c"};
  const GlmPlan plan = plan_of(GlmFamily::binomial, "y", "x,C(ward)");
  InProcess hospitals = offering({{"large", made(400, 4)}, {"small", made(39, 5)}}, rules);
  const GlmMetaAnalysis result = glm_meta_analysis(hospitals, plan);
  REQUIRE(result.fits.size() == 1);
  CHECK(result.fits[0].site == ClientId("large"));
  REQUIRE(result.left_out.size() == 1);
  CHECK(result.left_out[0].client == ClientId("small"));
  CHECK(result.left_out[0].message.find("rows_per_parameter") != std::string::npos);  // 39 rows, 4 parameters

  const auto forbidden = [&](const GlmPlan& asked, const std::string& rule) {
    InProcess one = offering({{"large", made(400, 4)}}, rules);
    refuses([&] { return glm_meta_analysis(one, asked).fits.size(); }, error::disclosure, rule);
  };
  forbidden(plan_of(GlmFamily::poisson, "count", "x"), "columns: the column \"count\"");
  GlmPlan others = plan;
  others.covariates[1].levels = {"a", "b", "c", "d"};
  forbidden(others, "levels: ");
  rules.minimum_events = 300;
  forbidden(plan, "minimum_events: ");
  rules.minimum_events = 10;
  rules.smallest_cell = 90;
  forbidden(plan, "smallest_cell: ");

  // Nobody is told who is on which side of x.
  Table separated("separated");
  std::vector<double> x, y;
  for (int i = 0; i < 60; ++i) {
    x.push_back(i);
    y.push_back(i < 30 ? 0 : 1);
  }
  separated.add_numeric("x", x).add_numeric("y", y);
  rules.smallest_cell = 5;
  const LocalGlmFit::Broadcast request{plan_of(GlmFamily::binomial, "y", "x")};
  const auto reply = LocalGlmFit::answer(LocalGlmFit::prepare(request.plan, separated), request, rules);
  CHECK(reply.problem == "its own rows do not support a fit of their own");
  CHECK(reply.coefficients.empty());
  CHECK(reply.standard_errors.empty());
}

TEST_CASE("what an answer tells, and how a request travels") {
  GlmPlan plan = plan_of(GlmFamily::binomial, "y", "x");
  plan.covariates.push_back({"ward", true, {"a", "b", "c"}});
  const Table table = made(50, 6);
  const auto prepared = LocalGlmFit::prepare(plan, table);
  const Disclosure what = LocalGlmFit::disclosure(plan, prepared);
  CHECK(what.rows == 50);
  CHECK(what.parameters == 4);
  CHECK(what.columns == plan.columns());
  CHECK(what.levels.at("ward").size() == 3);
  double events = 0;
  for (const double y : table.numeric("y")) events += y;
  std::vector<double> cells = detail::glm_groups(plan, table, table.numeric(plan.response)).cells();
  cells.insert(cells.end(), {events, 50 - events});
  CHECK(what.cells == cells);
  CHECK(what.events == static_cast<std::size_t>(events));
  CHECK(LocalGlmFit::question(plan).levels == what.levels);
  plan.family = GlmFamily::gaussian;
  CHECK_FALSE(LocalGlmFit::disclosure(plan, prepared).events.has_value());
  CHECK(from_bytes<LocalGlmFit::Broadcast>(to_bytes(LocalGlmFit::Broadcast{plan})).plan == plan);
}

TEST_CASE("a fit of another model is refused, as is a plan that nobody can answer") {
  TaskHandlers handlers;
  handlers.offer<LocalGlmFit>([](const Request<LocalGlmFit::Broadcast>&, std::stop_token) {
    return LocalGlmFit::Reply{9, 3, {1, 2}, {1, 0}, {}};
  });
  InProcess one({.threads = 1});
  one.add(ClientId("liar"), std::move(handlers));
  const GlmPlan plan = plan_of(GlmFamily::binomial, "y", "x");
  refuses([&] { return glm_meta_analysis(one, plan).fits.size(); }, error::invalid_reply,
          "client liar sent a fit that is not 2 finite coefficients");
  refuses([&] { return glm_meta_analysis(one, plan_of(GlmFamily::binomial, "y", "x,x")).fits.size(); },
          "named twice");
}

}  // namespace statistics_local_glm_fit_test
