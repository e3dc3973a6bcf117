// Runs the built program on ranks of this machine, and compares with the one in a single process.
#include <doctest/doctest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "ranks.hpp"

namespace examples_mpi_lung_survival_test {

namespace {

nlohmann::json json_of(const ProgramResult& result, const std::string& path) {
  CAPTURE(result.output);
  REQUIRE(result.status == 0);
  return nlohmann::json::parse(std::ifstream(path));
}

}  // namespace

TEST_CASE("on any number of ranks: the bits of the run in one process") {
  const ExampleFolder folder;
  const std::string path = folder.path("fit.json").string();
  for (const std::string strategy : {"fedavg", "fedprox --local-steps 20 --ties breslow"}) {
    const std::string flags = "--strategy " + strategy + " --json \"" + path + "\"";
    auto expected = json_of(run_example("lung_survival", "--aggregator reproducible " + flags), path);
    REQUIRE(expected.at("converged") == true);
    expected.erase("seconds");
    for (int ranks = 1; ranks <= 4; ++ranks) {
      CAPTURE(ranks);
      auto fit = json_of(run_on_ranks(ranks, "mpi_lung_survival", flags), path);
      fit.erase("seconds");
      CHECK(fit == expected);  // every digit
    }
  }
}

TEST_CASE("the plain mean is as good but for the last bits; more ranks than hospitals do no harm") {
  const ExampleFolder folder;
  const std::string path = folder.path("fit.json").string();
  const std::string flags = "--aggregator mean --json \"" + path + "\"";
  const auto expected = json_of(run_example("lung_survival", flags), path);
  const auto fit = json_of(run_on_ranks(3, "mpi_lung_survival", flags), path);
  for (std::size_t j = 0; j < 3; ++j) {
    CHECK(std::fabs(fit.at("coefficients").at(j).get<double>() -
                    expected.at("coefficients").at(j).get<double>()) < 1e-10);
  }
  std::ofstream(folder.path("data.csv"))
      << "site,time,dead,x\na,1,1,1\na,2,1,2\na,3,0,1\nb,3,1,5\nb,4,1,2\nb,5,1,1\n";
  const ProgramResult small = run_on_ranks(
      3, "mpi_lung_survival",
      "--covariates x --site-column site --rounds 5 --data \"" + folder.path("data.csv").string() + "\"");
  CAPTURE(small.output);
  CHECK(small.status == 0);
  CHECK(small.says("2 hospitals on 3 ranks, 6 patients"));
  CHECK(small.says("not converged after 5 rounds"));
}

TEST_CASE("what is wrong is said once, and the exit status is 2") {
  const auto refused = [](const std::string& flags, const std::string& word) {
    const ProgramResult result = run_on_ranks(3, "mpi_lung_survival", flags);
    INFO(flags, "\n", result.output);
    CHECK(result.status == 2);
    CHECK(result.says(word));
    CHECK(count_of("mpi_lung_survival: ", result.output) == 1);
  };
  refused("--strategy fedmagic", "fedmagic");
  refused("--plot folder", "--plot");
  refused("--aggregator median", "median");
  refused("--data /no/such/file.csv", "/no/such/file.csv");
  refused("--covariates age,sexx", "sexx");
  const ExampleFolder folder;
  std::ofstream(folder.path("data.csv")) << "site,time,dead,x\na,1,1,7\na,2,1,7\nb,3,1,7\nb,4,1,7\n";
  refused("--covariates x --site-column site --data \"" + folder.path("data.csv").string() + "\"",
          "constant");  // which rank 0 finds out while the others serve
  const ProgramResult help = run_on_ranks(2, "mpi_lung_survival", "--help");
  CHECK(help.status == 0);
  CHECK(count_of("--aggregator", help.output) == 1);
}

}  // namespace examples_mpi_lung_survival_test
