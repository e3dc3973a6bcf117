// Runs the built program as a person would: under masks, with drop-outs, it must find what the plain run finds.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "run_example.hpp"

namespace examples_secure_lung_survival_test {

namespace {

nlohmann::json json_of(const ProgramResult& result, const std::string& path) {
  CAPTURE(result.output);
  REQUIRE(result.status == 0);
  return nlohmann::json::parse(std::ifstream(path));
}

/// The y of every point of one series of a gnuplot script.
std::vector<double> series(const std::string& script, int number) {
  std::ifstream file(script);
  std::vector<double> values;
  bool inside = false;
  for (std::string line; std::getline(file, line);) {
    if (line == "$series" + std::to_string(number) + " << END") {
      inside = true;
    } else if (line == "END") {
      inside = false;
    } else if (inside) {
      std::istringstream numbers(line);
      double x = 0, y = 0;
      numbers >> x >> y;
      values.push_back(y);
    }
  }
  return values;
}

}  // namespace

TEST_CASE("the coefficients are those of the plain run and of R, although hospitals fell silent") {
  const ExampleFolder folder;
  const std::string path = folder.path("fit.json").string();
  const auto plain = json_of(
      run_example("lung_survival", "--strategy fedavg --local-steps 1 --json \"" + path + "\""), path);
  const auto secure = json_of(
      run_example("secure_lung_survival", "--json \"" + path + "\" --plot \"" + folder.str() + "\""), path);
  CHECK(secure.at("converged") == true);
  CHECK(secure.at("rounds_with_silence").get<int>() > 5);
  CHECK(secure.at("silent_hospitals").get<int>() > 5);
  // coxph(Surv(time, dead) ~ age + sex + ph.ecog + strata(hospital)) of R 4.2.2, survival 3.5-3.
  const double expected[] = {0.01218818072396301, -0.5496910046320834, 0.5403424044037637};
  for (std::size_t j = 0; j < 3; ++j) {
    const double found = secure.at("coefficients").at(j).get<double>();
    CHECK(std::fabs(found - plain.at("coefficients").at(j).get<double>()) < 1e-5);
    CHECK(std::fabs(found - expected[j]) < 1e-5);
  }
}

TEST_CASE("it says what happened, and draws what the coordinator got beside the truth") {
  const ExampleFolder folder;
  const ProgramResult result = run_example("secure_lung_survival", "--plot \"" + folder.str() + "\"");
  CAPTURE(result.output);
  REQUIRE(result.status == 0);
  CHECK(result.says("10 hospitals, of whom 6 must stay"));
  CHECK(result.says("sums opened without some"));
  CHECK(result.number_after("off the pooled fit by at most") < 1e-5);
  CHECK(result.number_after("sex      log hazard ratio") == doctest::Approx(-0.54969).epsilon(1e-4));
  std::string picture(4, ' ');
  std::ifstream(folder.path("seen.png"), std::ios::binary).read(picture.data(), 4);
  CHECK(picture.substr(1) == "PNG");

  const std::vector<double> updates = series(folder.path("seen.gp").string(), 1);
  const std::vector<double> masked = series(folder.path("seen.gp").string(), 2);
  REQUIRE(updates.size() == 16);
  REQUIRE(masked.size() == 16);
  // Updates are small and lie together; masked words lie anywhere. Four words a round, of 40 rounds at least: shares of 1/16 with a
  // standard deviation of at most sqrt(15 / 16^2 / 160) = 0.019, of which here are eight.
  CHECK(*std::max_element(updates.begin(), updates.end()) > 0.25);
  CHECK(std::count(updates.begin(), updates.end(), 0.0) >= 8);
  CHECK(*std::max_element(masked.begin(), masked.end()) < 1.0 / 16 + 8 * 0.019);
}

TEST_CASE("help, wrong flags, and a study in which too many fall silent") {
  const ProgramResult help = run_example("secure_lung_survival", "--help");
  CHECK(help.status == 0);
  CHECK(help.says("under secure aggregation, with drop-outs"));
  CHECK(help.says("--silent"));
  CHECK(run_example("secure_lung_survival", "--silent 2").status != 0);
  CHECK(run_example("secure_lung_survival", "--frobnicate").says("--frobnicate"));
  const ProgramResult nobody = run_example("secure_lung_survival", "--silent 1");
  CHECK(nobody.status == 2);
  CHECK(nobody.says("secure_lung_survival: "));
  CHECK(nobody.says("the line is down"));
}

}  // namespace examples_secure_lung_survival_test
