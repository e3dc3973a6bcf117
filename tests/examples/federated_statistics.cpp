#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "folders.hpp"
#include "run_example.hpp"

namespace examples_federated_statistics_test {

namespace {

using nlohmann::json;

std::string data(const std::string& name) {
  return " --data \"" + source_folder() + "/examples/data/" + name + "\" ";
}
const std::string lung = "--time-column time --event-column dead ";

ProgramResult run(const std::string& command) {
  return run_example("federated_statistics", command);
}
/// What the program writes to --json.
json result_of(const std::string& command) {
  const ExampleFolder folder;
  const std::string path = folder.path("result.json").string();
  const ProgramResult result = run(command + " --json \"" + path + "\"");
  INFO(command, "\n", result.output);
  REQUIRE(result.status == 0);
  return json::parse(std::ifstream(path));
}
void check_close(const json& got, const std::vector<double>& expected, double relative) {
  REQUIRE(got.size() == expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i)
    CHECK(std::abs(got[i].get<double>() - expected[i]) <= relative * std::abs(expected[i]));
}

// References: R 4.2.2, survival 3.5-3, with tight convergence. Coefficients and log-likelihoods are held to 1e-9, standard errors to
// 1e-8, counts and products of their ratios to 1e-12.

}  // namespace

TEST_CASE("Cox regression, stratified by hospital and of all patients together") {
  const json by_site = result_of("cox " + lung + "--covariates age,sex,ph.ecog --policy none");
  CHECK(by_site.at("terms") == json({"age", "sex", "ph.ecog"}));
  check_close(by_site.at("coefficients"), {0.01218818072396301, -0.5496910046320834, 0.5403424044037637},
              1e-9);
  check_close(by_site.at("standard_errors"), {0.009922805560195055, 0.17516139552622453, 0.12769262114182953},
              1e-8);
  check_close(json{by_site.at("log_likelihood"), by_site.at("log_likelihood_null")},
              {-377.00290503234197, -393.0542897132758}, 1e-9);
  check_close(json{by_site.at("concordance")}, {0.665341146923399}, 1e-12);
  CHECK(by_site.at("n") == 227);
  CHECK(by_site.at("events") == 164);
  CHECK(by_site.at("converged") == true);
  CHECK(by_site.at("sites").size() == 10);
  CHECK(by_site.at("left_out").empty());

  const json pooled =
      result_of("cox " + lung + "--covariates age,sex,ph.ecog --strata none --ties breslow --policy none");
  check_close(pooled.at("coefficients"), {0.011041136385707521, -0.551889569637656, 0.46294704033454986},
              1e-9);
  check_close(pooled.at("standard_errors"), {0.009266770114202268, 0.16774244801782776, 0.11357405206057965},
              1e-8);
}

TEST_CASE("strata by site and a column, as the help says") {
  const json both =
      result_of("cox " + lung + "--covariates age,ph.ecog --strata site,sex --policy none --level 0.999");
  CHECK(both.at("formula") == "Surv(time, dead) ~ age + ph.ecog + strata(site) + strata(sex)");
  CHECK(both.at("terms") == json({"age", "ph.ecog"}));
  const json sex = result_of("cox " + lung + "--covariates age,ph.ecog --strata sex --policy none");
  CHECK(sex.at("n") == both.at("n"));
  CHECK(sex.at("log_likelihood") != both.at("log_likelihood"));
  CHECK(run("cox " + lung + "--covariates age --policy none --level 0.999").says("lower .999"));
}

TEST_CASE("fields between semicolons, names with spaces, and advice for columns of text") {
  const ExampleFolder folder;
  const std::string path = folder.path("semicolons.csv").string();
  {
    std::ofstream file(path);
    file << "days alive;died;body mass;ward;seen\n";
    for (int i = 0; i < 60; ++i)
      file << 10 + i << ';' << (i % 3 == 0 ? "yes" : "no") << ';' << 20 + i * i % 17 << ';'
           << (i % 2 == 0 ? "a" : "b") << ';' << i % 4 % 2 << '\n';
  }
  const std::string flags = " --data \"" + path + "\" --policy none --delimiter ';' ";
  const json fit = result_of("glm" + flags + "--target 'days alive' --covariates 'body mass, C(ward)'");
  CHECK(fit.at("formula") == "days alive ~ body mass + C(ward)");
  CHECK(fit.at("n") == 60);
  const auto fails = [&](const std::string& command, const std::string& why) {
    const ProgramResult result = run(command + flags);
    INFO(command, "\n", result.output);
    CHECK(result.status == 2);
    CHECK(result.says(why));
  };
  fails("glm --target seen --covariates ward", "column \"ward\" is text; write C(ward)");
  fails("glm --target ward --covariates seen", "--target takes a column of numbers");
  fails("glm --target seen --covariates 'body mass' --offset ward", "--offset takes a column of numbers");
  fails("km --time-column ward --event-column seen", "--time-column takes a column of numbers");
  fails("km --time-column 'days alive' --event-column died", "recode it as 0 and 1");
  fails("describe --columns ward", "describe takes --columns of numbers");
  fails("describe --columns seen --delimiter ab", "--delimiter");
}

TEST_CASE("Kaplan-Meier curves by sex") {
  const json result = result_of("km " + lung + "--by sex --at 182.625,365.25 --policy none");
  const json& strata = result.at("strata");
  REQUIRE(strata.size() == 2);
  const json& men = strata[0];
  CHECK(men.at("name") == "sex=1");
  REQUIRE(men.at("time").size() == 119);
  CHECK(men.at("time")[40] == 183);
  CHECK(men.at("at_risk")[40] == 86);
  CHECK(men.at("events")[40] == 1);
  check_close(json{men.at("survival")[40], men.at("std_error")[40], men.at("survival")[118],
                   men.at("std_error")[118]},
              {0.6224946037619492, 0.04132139148639623, 0.0357138702934946, 0.021597766466278884}, 1e-12);
  CHECK(men.at("median") == 270);
  CHECK(men.at("median_lower") == 212);
  CHECK(men.at("median_upper") == 310);
  const json& women = strata[1].at("at")[1];
  CHECK(women.at("at_risk") == 30);
  check_close(json{women.at("survival"), women.at("lower"), women.at("upper")},
              {0.5264630301859056, 0.4214863408291014, 0.6575855379021789}, 1e-12);
}

TEST_CASE("log-rank tests") {
  const json plain = result_of("logrank " + lung + "--by sex --policy none");
  check_close(json{plain.at("chi_square"), plain.at("p")}, {10.326741954885632, 0.0013111645203554882},
              1e-10);
  check_close(plain.at("observed"), {112, 53}, 0);
  check_close(plain.at("expected"), {91.5817390295728, 73.41826097042721}, 1e-12);
  CHECK(plain.at("df") == 1);
  const json strata = result_of("logrank " + lung + "--by sex --strata site --policy none");
  check_close(json{strata.at("chi_square")}, {9.559792765775153}, 1e-10);
  const json peto = result_of("logrank " + lung + "--by sex --rho 1 --policy none");
  check_close(json{peto.at("chi_square")}, {12.714151401157508}, 1e-10);
}

TEST_CASE("logistic and Poisson regression") {
  const json icu = result_of("glm" + data("icu_networks.csv") +
                             "--site-column network --target died --family binomial --covariates "
                             "Age,ApacheIIScore,BMI,male,elective,emergency --policy none");
  check_close(icu.at("coefficients"),
              {-3.4718284889458833, 0.02165814845696598, 0.055648927125122906, -0.012797610059922818,
               0.09780859454022262, -0.7412443530130491, -0.4937909874068079},
              1e-9);
  check_close(icu.at("standard_errors"),
              {0.3770364971222701, 0.0036697685127533054, 0.007407149269762574, 0.008435859321575475,
               0.11892516318115674, 0.1875132260479593, 0.14750316835141902},
              1e-8);
  check_close(json{icu.at("log_likelihood"), icu.at("deviance"), icu.at("null_deviance")},
              {-939.9189595490911, 1879.8379190981823, 2038.1534140778967}, 1e-9);
  CHECK(icu.at("n") == 1985);
  CHECK(icu.at("events") == 416);

  const json epil =
      result_of("glm" + data("epil.csv") +
                "--target y --family poisson --covariates \"lbase,C(trt,placebo),lage,V4\" --policy none");
  CHECK(epil.at("terms") == json({"(Intercept)", "lbase", "trtprogabide", "lage", "V4"}));
  check_close(
      epil.at("coefficients"),
      {1.7463541712214847, 1.2242220185867465, -0.01685394426787349, 0.57882430810306, -0.15976960057667478},
      1e-9);
  check_close(json{epil.at("log_likelihood"), epil.at("deviance")}, {-855.9245596541699, 945.9444416390202},
              1e-9);
}

TEST_CASE("columns by themselves and together") {
  const json described = result_of("describe --columns time,age --policy none");
  check_close(json{described.at("columns")[1].at("mean"), described.at("columns")[1].at("variance")},
              {62.44736842105263, 82.32761418965917}, 1e-12);
  const json quantiles = result_of("quantile --columns age --probabilities 0,0.05,0.25,0.5,1 --policy none");
  check_close(quantiles.at("columns")[0].at("quantiles"), {39, 45.35, 56, 63, 82}, 1e-15);
  const json histogram = result_of("histogram --columns age --bins 6 --range 30,90 --policy none");
  CHECK(histogram.at("columns")[0].at("counts") == json({2, 18, 63, 89, 52, 4}));
  const json table = result_of("crosstab --columns sex,ph.ecog --where 'ph.ecog <= 2' --policy none");
  CHECK(table.at("counts") == json({{36, 71, 29}, {27, 42, 21}}));
  check_close(json{table.at("chi_square_test").at("chi_square")}, {0.6732521008403363}, 1e-12);
  const json test = result_of("ttest --columns age --by sex --policy none");
  check_close(json{test.at("tests")[0].at("welch").at("t"), test.at("tests")[0].at("welch").at("df")},
              {1.8631761513845935, 194.71549828138458}, 1e-10);
  const json together =
      result_of("correlation --columns time,age,ph.ecog,ph.karno,pat.karno,meal.cal,wt.loss --policy none");
  CHECK(together.at("n") == 168);
  check_close(json{together.at("correlation")[0][1]}, {-0.07804512141750373}, 1e-10);
  const json components = result_of("pca --columns age,ph.karno,wt.loss --policy none");
  double sum = 0;
  for (const json& value : components.at("eigenvalues")) sum += value.get<double>();
  CHECK(sum == doctest::Approx(3).epsilon(1e-14));  // of standardised columns
}

TEST_CASE("what each hospital finds alone, combined") {
  const ExampleFolder folder;
  const json result = result_of("meta " + lung + "--covariates age,sex,ph.ecog --policy none --plot \"" +
                                folder.str() + "\"");
  // Weighted by hand from R's fits of each hospital.
  const std::vector<double> expected{0.0191, -0.4606, 0.5514};
  for (std::size_t i = 0; i < 3; ++i)
    CHECK(std::abs(result.at("combined")[i].at("fixed").at("estimate").get<double>() - expected[i]) < 5e-5);
  check_close(json{result.at("combined")[0].at("estimates")[0]}, {0.0316818610649649}, 1e-8);
  CHECK(std::filesystem::file_size(folder.path("meta_sex.png")) > 1000);
  const json logistic = result_of(
      "meta" + data("icu_networks.csv") +
      "--site-column network --target died --family binomial --covariates Age,male --term Age --policy none");
  REQUIRE(logistic.at("combined").size() == 1);
  CHECK(logistic.at("combined")[0].at("studies") == 8);
  CHECK(logistic.at("n").size() == 8);
  const ProgramResult few =
      run("meta --target dead --family binomial --covariates age,ph.ecog --policy none");
  INFO(few.output);
  CHECK(few.status == 0);
  const ProgramResult ruled = run("meta --target wt.loss --covariates age");
  INFO(ruled.output);
  CHECK(ruled.says("site 11 is left out. rows_per_parameter"));
}

TEST_CASE("a status of 1 and 2, rows without a site, and a site that is all of it") {
  const ExampleFolder folder;
  const std::string path = folder.path("status.csv").string();
  {
    std::ifstream original(source_folder() + "/examples/data/lung_hospitals.csv");
    std::ofstream changed(path);
    std::string line;
    std::getline(original, line);
    changed << "site,time,status,sex\n";
    for (std::size_t row = 0; std::getline(original, line); ++row) {
      std::istringstream fields(line);
      std::string inst, hospital, time, dead, age, sex;
      for (std::string* field : {&inst, &hospital, &time, &dead, &age, &sex})
        std::getline(fields, *field, ',');
      changed << (row == 0 ? "" : hospital) << ',' << time << ',' << (dead == "1" ? 2 : 1) << ',' << sex
              << '\n';
    }
  }
  const std::string flags = " --data \"" + path + "\" --time-column time --event-column status ";
  const json all = result_of("logrank" + flags + "--by sex --policy none");
  check_close(json{all.at("chi_square")}, {10.326741954885632}, 1e-10);
  CHECK(all.at("notes")[0].get<std::string>().find("2 is taken for the event") != std::string::npos);
  const json said = result_of("logrank" + flags + "--by sex --policy none --event-value 2");
  CHECK(said.at("chi_square") == all.at("chi_square"));
  CHECK(said.at("notes").empty());
  const json sites = result_of("km" + flags + "--site-column site --policy none");
  CHECK(sites.at("strata")[0].at("n") == 227);
  CHECK(sites.at("notes")[0].get<std::string>().find("1 row names no site") != std::string::npos);
}

TEST_CASE("hospitals protect their patients unless told otherwise, and say which rule left them out") {
  const ProgramResult some = run("glm --target wt.loss --covariates age");
  CAPTURE(some.output);
  CHECK(some.status == 0);
  CHECK(some.says("3 sites"));
  CHECK(some.says("site 11 is left out. rows_per_parameter"));
  const ProgramResult nobody = run("cox " + lung + "--covariates age,sex,ph.ecog");
  CHECK(nobody.status == 2);
  CHECK(nobody.says("no hospital allows this; client 1: smallest_cell"));
  CHECK(run("describe --columns age").says("rule single_values"));
  const json curves = result_of("km " + lung + "--by sex");
  for (const json& time : curves.at("strata")[0].at("time")) CHECK(std::fmod(time.get<double>(), 50) == 0);
}

TEST_CASE("under secure aggregation the same numbers, but for the rounding of what is masked") {
  const json cox = result_of("cox " + lung + "--covariates age,sex,ph.ecog --policy none --secure");
  check_close(cox.at("coefficients"), {0.01218818072396301, -0.5496910046320834, 0.5403424044037637}, 1e-6);
  const json icu =
      result_of("glm" + data("icu_networks.csv") +
                "--site-column network --target died --family binomial --covariates Age,male --policy none");
  const json masked = result_of(
      "glm" + data("icu_networks.csv") +
      "--site-column network --target died --family binomial --covariates Age,male --policy none --secure");
  check_close(masked.at("coefficients"), icu.at("coefficients").get<std::vector<double>>(), 1e-6);
  const json open =
      result_of("km " + lung + "--by sex --grid 100,200,300,400,500,600,700,800,900,1000,1100 --policy none");
  const json hidden = result_of(
      "km " + lung + "--by sex --grid 100,200,300,400,500,600,700,800,900,1000,1100 --policy none --secure");
  CHECK(hidden.at("strata") == open.at("strata"));  // whole numbers are summed exactly
  const ProgramResult one = run("cox " + lung + "--covariates age --secure --data \"" + source_folder() +
                                "/examples/data/lung_hospitals.csv\"");
  CHECK(one.status == 2);
  CHECK(one.says("at least three sites"));
}

TEST_CASE("one baseline hazard for all under secure aggregation, on a public grid") {
  const std::string flags = "cox " + lung + "--covariates age,sex,ph.ecog --strata none --policy none ";
  std::string grid = "--grid 50";
  for (int time = 100; time <= 1050; time += 50) grid += "," + std::to_string(time);
  const json open = result_of(flags + grid);
  const json masked = result_of(flags + grid + " --secure");
  check_close(masked.at("coefficients"), open.at("coefficients").get<std::vector<double>>(), 1e-6);
  check_close(masked.at("standard_errors"), open.at("standard_errors").get<std::vector<double>>(), 1e-6);
  CHECK(masked.at("n") == 227);
  CHECK(masked.at("converged") == true);
  CHECK(masked.at("baseline_hazard")[0].at("time") == open.at("baseline_hazard")[0].at("time"));
  // Without --grid one of round numbers is taken; by a column, whose levels the code book has.
  CHECK(result_of(flags + "--secure").at("coefficients").size() == 3);
  const std::string strata = "cox " + lung + "--covariates age,ph.ecog --strata sex --policy none " + grid;
  check_close(result_of(strata + " --secure").at("coefficients"),
              result_of(strata).at("coefficients").get<std::vector<double>>(), 1e-6);
  // Rules hold each interval at each hospital, whoever adds the sums.
  const ProgramResult refused = run("cox " + lung + "--covariates age --strata none --secure");
  CHECK(refused.status == 2);
  CHECK(refused.says("smallest_cell: in an interval of the grid here are fewer than 5 patients"));
}

TEST_CASE("tables, tests and quantiles under secure aggregation are those of answers in the clear") {
  const auto both = [](const std::string& command) {
    return std::pair(result_of(command + " --policy none"), result_of(command + " --policy none --secure"));
  };
  {
    const auto [open, masked] = both("quantile --columns age,time --by sex --probabilities 0,0.1,0.5,1");
    CHECK(masked.at("columns") == open.at("columns"));  // counts are exact
  }
  {
    const auto [open, masked] = both("histogram --columns age --bins 6 --range 30,90");
    CHECK(masked.at("columns") == open.at("columns"));
  }
  {
    const auto [open, masked] = both("crosstab --columns sex,dead --strata ph.ecog --where 'ph.ecog <= 2'");
    CHECK(masked.at("counts") == open.at("counts"));
    CHECK(masked.at("mantel_haenszel") == open.at("mantel_haenszel"));
  }
  {
    const auto [open, masked] = both("ttest --columns age --by sex");
    check_close(json{masked.at("tests")[0].at("welch").at("t")},
                {open.at("tests")[0].at("welch").at("t").get<double>()}, 1e-6);
  }
  for (const std::string command :
       {"correlation --columns age,time,ph.karno", "pca --columns age,time,ph.karno"}) {
    const auto [open, masked] = both(command);
    CHECK(masked.at("n") == open.at("n"));
    check_close(masked.at("sds"), open.at("sds").get<std::vector<double>>(), 1e-6);
    const char* const key = command[0] == 'p' ? "loadings" : "correlation";
    for (std::size_t i = 0; i < 3; ++i)
      for (std::size_t j = 0; j < 3; ++j)
        CHECK(std::abs(masked.at(key)[i][j].get<double>() - open.at(key)[i][j].get<double>()) < 1e-6);
  }
}

TEST_CASE("under rules masked counts tell no quantile and no cell of few patients") {
  // 101 points from 30 to 90: each quantile is between two of them that at least five patients are between.
  const json exact = result_of("quantile --columns age --probabilities 0,0.25,0.5,1 --policy none");
  const json told = result_of("quantile --columns age --probabilities 0,0.25,0.5,1 --range 30,90 --secure");
  const json& column = told.at("columns")[0];
  const std::string ages = "describe --columns age --policy none --where ";
  for (std::size_t i = 0; i < 4; ++i) {
    const double value = exact.at("columns")[0].at("quantiles")[i];
    const double lower = column.at("lower")[i], upper = column.at("upper")[i];
    CHECK(lower <= value);
    CHECK(value <= upper);
    CHECK(upper - lower < 30);
    std::ostringstream between;
    between << "'age > " << lower << "' --where 'age <= " << upper << "'";
    CHECK(result_of(ages + between.str()).at("columns")[0].at("n").get<int>() >= 5);
  }
  const json histogram = result_of("histogram --columns age --bins 6 --range 30,90 --secure");
  // Two and four patients are in the first and the last bin.
  CHECK(histogram.at("columns")[0].at("counts") == json({0, 18, 63, 89, 52, 0}));
  CHECK(histogram.at("columns")[0].at("hidden_sites") == json({10, 0, 0, 0, 0, 10}));
  const json table = result_of("crosstab --columns sex,hospital --secure");
  CHECK(table.at("chi_square_test").is_null());
  int hidden = 0;
  for (std::size_t i = 0; i < 2; ++i)
    for (std::size_t j = 0; j < 10; ++j) {
      const int n = table.at("counts")[i][j];
      CHECK((n == 0 || n >= 5));
      hidden += table.at("hidden_sites")[i * 10 + j].get<int>() > 0 ? 1 : 0;
    }
  CHECK(hidden > 0);
  CHECK(run("crosstab --columns sex,ph.ecog --secure").says("smallest_cell"));  // one patient has a 3
  CHECK(run("crosstab --columns sex,dead --strata site --secure").says("cannot be a stratum of its own"));
  CHECK(run("meta " + lung + "--covariates age --secure").status == 2);
}

TEST_CASE("sums of too few patients of all hospitals together are not shown") {
  const auto refused = [](const std::string& command, const std::string& rule) {
    const ProgramResult result = run(command + " --secure");
    INFO(command, "\n", result.output);
    CHECK(result.status == 2);
    CHECK(result.says(rule));
  };
  refused("describe --columns age --where 'age >= 77'", "in all hospitals together");
  refused("km " + lung + "--where 'age >= 77'", "in all hospitals together");
  refused("logrank " + lung + "--by sex --strata site --where 'age >= 77'", "in all hospitals together");
  CHECK(run("describe --columns age --secure").status == 0);
}

TEST_CASE("the rules of a policy file hold at every simulated hospital") {
  const ExampleFolder folder;
  const auto policy = [&](const std::string& name, const std::string& statistics) {
    const std::string path = folder.path(name).string();
    std::ofstream(path) << R"({"minimum_cohort": 20, "statistics": {)" << statistics << "}}";
    return " --policy \"" + path + "\"";
  };
  const std::string networks = data("icu_networks.csv") + "--site-column network ";
  const std::string open =
      R"("columns": ["died", "Age", "male", "elective"], "levels": {"died": [0, 1], "male": ["0", "1"]},
      "most_cut_points": {"Age": 101}, "cohorts": {"old": ["Age >= 60"]})";
  const std::string rules = policy("open.json", open);
  const std::string glm = "glm" + networks + "--target died --family binomial --covariates \"Age,C(male)\"";
  const json under_rules = result_of(glm + rules);
  const json without = result_of(glm + " --policy none");
  CHECK(under_rules.at("terms") == json({"(Intercept)", "Age", "male1"}));
  CHECK(under_rules.at("left_out").empty());
  CHECK(under_rules.at("coefficients") == without.at("coefficients"));
  const json old = result_of("describe" + networks + "--columns Age --cohort old" + rules);
  CHECK(old.at("columns")[0].at("n").get<int>() < under_rules.at("n").get<int>());
  CHECK(old.at("columns")[0].at("minimum") == nullptr);  // the value of a single patient
  // The cut points of a public grid, about a quantile that may not leave.
  const json quantile = result_of("quantile" + networks + "--columns Age --probabilities 0.5" + rules);
  const json exact = result_of("quantile" + networks + "--columns Age --probabilities 0.5 --policy none");
  const double median = exact.at("columns")[0].at("quantiles")[0];
  CHECK(quantile.at("columns")[0].at("lower")[0] <= median);
  CHECK(quantile.at("columns")[0].at("upper")[0] >= median);
  CHECK(quantile.at("columns")[0].at("upper")[0] > quantile.at("columns")[0].at("lower")[0]);

  const std::string many =
      R"("columns": ["time", "dead", "sex"], "levels": {"sex": [1, 2], "dead": [0, 1]}, "minimum_rows": 5,
      "minimum_events": 5, "time_grid": [200, 400, 600, 800, 1000, 1200])";
  const json curves = result_of("km " + lung + "--by sex" + policy("grid.json", many));
  for (const json& time : curves.at("strata")[0].at("time")) CHECK(std::fmod(time.get<double>(), 200) == 0);

  const auto fails = [&](const std::string& command, const std::string& why) {
    const ProgramResult result = run(command);
    INFO(command, "\n", result.output);
    CHECK(result.status == 2);
    CHECK(result.says(why));
  };
  fails("describe" + networks + "--columns BMI" + rules, "columns: ");
  fails("describe" + networks + "--columns Age --where 'Age >= 60'" + rules, "free_filters: ");
  fails("describe" + networks + "--columns Age --cohort young" + rules, "cohorts: ");
  fails("crosstab" + networks + "--columns died,elective" + rules,
        "tells of any level of column \"elective\"");
  fails("histogram" + networks + "--columns Age --bins 200" + rules, "most_cut_points: ");
  fails("km " + lung + "--grid 100,200" + policy("grid.json", many), "time_grid: ");
  fails("km " + lung + policy("untold.json", R"("columns": ["time", "dead"], "time_grid": [500, 1200])"),
        "say which one means the event with --event-value");
  fails("describe" + networks + "--columns Age" + policy("empty.json", ""), "columns: ");
  fails("describe --columns age" + policy("odd.json", R"("colums": ["age"])"),
        "at /statistics/colums: there is no such setting here");
  fails("describe --columns age --policy no/such.json", "no/such.json");
}

TEST_CASE("plots are drawn where they were asked for") {
  const ExampleFolder folder;
  const std::string plot = " --policy none --plot \"" + folder.str() + "\"";
  CHECK(run("km " + lung + "--by sex" + plot).status == 0);
  CHECK(run("cox " + lung + "--covariates age,sex" + plot).status == 0);
  CHECK(run("histogram --columns age" + plot).status == 0);
  for (const char* name : {"survival.png", "cox_forest.png", "histogram_age.png"})
    CHECK(std::filesystem::file_size(folder.path(name)) > 1000);
}

TEST_CASE("errors say what to write instead") {
  const auto fails = [](const std::string& command, const std::string& why) {
    const ProgramResult result = run(command);
    CAPTURE(command);
    CAPTURE(result.output);
    CHECK(result.status == 2);
    CHECK(result.says(why));
  };
  fails("", "expected a command first: describe, quantile");
  fails("descrbe", "did you mean describe?");
  fails("describe --columns agee", "did you mean \"age\"?");
  fails("describe --colums age", "did you mean --columns?");
  fails("describe --columns age --ties efron", "which is one of cox, meta");
  fails("describe", "--columns is required");
  fails("glm --target dead --covariates age --family binomal", "binomial");
  fails("glm --target dead --covariates age,age", "named twice");
  fails("glm --target dead --covariates \"C(sex\"", "bracket is not closed");
  fails("cox " + lung + "--covariates age --where 'sex'", "expected a filter such as");
  fails("cox --time-column time --event-column ph.ecog --covariates age --policy none", "--event-value");
  fails("describe --columns age --data no/such.csv", "no/such.csv");
  fails("describe --columns age --site-column hospitl --data \"" + source_folder() +
            "/examples/data/lung_hospitals.csv\"",
        "did you mean \"hospital\"?");
  fails("meta --covariates age", "--target");
  fails("crosstab --columns sex", "two columns");
  const ProgramResult help = run("cox --help");
  CHECK(help.status == 0);
  for (const char* option : {"--strata", "--ties", "--policy", "--where", "--json"}) CHECK(help.says(option));
}

}  // namespace examples_federated_statistics_test
