// Runs the built program on ranks of this machine, and compares with compare_strategies in a single process.
#include <doctest/doctest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "folders.hpp"
#include "ranks.hpp"

namespace examples_mpi_simulation_test {

namespace {

const std::string small =
    "--data \"" + source_folder() +
    "/examples/data/icu_networks.csv\" --target died --features Age,BMI --test-every 5 "
    "--partition dirichlet:0.3 --clients 13 --standardise global --rounds 2 --local-steps 2 --batch 16 "
    "--goal 0.5 ";

/// Results without what differs by its nature.
nlohmann::json results_of(const ProgramResult& result, const std::string& path) {
  INFO(result.output);
  REQUIRE(result.status == 0);
  nlohmann::json results = nlohmann::json::parse(std::ifstream(path));
  results.erase("manifest");
  nlohmann::json contenders;
  for (nlohmann::json& contender : results.at("contenders")) {
    if (contender.at("baseline") == true) continue;
    contender.erase("seconds");
    contenders[contender.at("name")] = contender;
  }
  results["contenders"] = contenders;
  return results;
}

/// On any number of ranks, every number is that of compare_strategies.
void check_same(const std::string& flags) {
  const ExampleFolder folder;
  const std::string path = folder.path("results.json").string();
  const std::string all = flags + " --json \"" + path + "\"";
  const auto expected = results_of(run_example("compare_strategies", all), path);
  for (int ranks = 1; ranks <= 4; ++ranks) {
    const auto results = results_of(run_on_ranks(ranks, "mpi_simulation", all), path);
    INFO(flags, "\non ", ranks, " ranks");
    for (const auto& contender : expected.at("contenders").items()) {
      INFO(contender.key());
      CHECK(results.at("contenders").at(contender.key()) == contender.value());
    }
    CHECK(results == expected);
  }
}

}  // namespace

TEST_CASE("every strategy: folded on the ranks, or in virtual time, with personal models or without") {
  std::string strategies;
  for (const char* name : {"fedavg", "fedprox", "fedavgm", "fedadagrad", "fedadam", "fedyogi", "scaffold",
                           "feddyn", "fednova", "qfedavg", "fedbuff", "cyclic", "ditto", "fedper"})
    strategies += std::string(name) + "+reproducible_mean,";
  check_same(small + "--strategies " + strategies +
             "fedavg+median,fedavg+krum:malicious=7,fedavg+top_k:share=0.5+reproducible_mean,"
             "scaffold+random_k:share=0.5+reproducible_mean");
}

TEST_CASE("attackers, clients that break off, and selections") {
  const std::string strategies =
      "--strategies "
      "fedavg+reproducible_mean,ditto+reproducible_mean,fedbuff+reproducible_mean,scaffold+reproducible_mean+"
      "qsgd ";
  check_same(small + strategies + "--attack sign_flip:0.3 --drop-out 0.3");
  check_same(small + strategies + "--attack label_flip:0.3 --seeds 2");
  check_same(small + strategies + "--attack inner_product:0.3");  // needs whole rounds, which fedbuff has not
  check_same(small +
             "--strategies fedavg+reproducible_mean --selection power_of_choice:candidates=5:clients=3");
}

TEST_CASE("tables are printed once") {
  const ExampleFolder folder;
  const ProgramResult result =
      run_on_ranks(3, "mpi_simulation",
                   "--rounds 2 --strategies fedavg --csv \"" + folder.path("all.csv").string() + "\"");
  CAPTURE(result.output);
  CHECK(result.status == 0);
  CHECK(count_of("1588 rows to train on, 397 to test", result.output) == 1);
  CHECK(count_of("auc at each site", result.output) == 1);
  CHECK(count_of("[1/1] fedavg, seed 0", result.output) == 1);
  CHECK_FALSE(result.says("Goal"));
  CHECK(std::filesystem::file_size(folder.path("all.csv")) > 500);
}

TEST_CASE("help, the list, and wrong flags, which are refused once and before anything runs") {
  const ProgramResult help = run_on_ranks(2, "mpi_simulation", "--help");
  CHECK(help.status == 0);
  CHECK(count_of("--strategies", help.output) == 1);
  const ProgramResult list = run_on_ranks(2, "mpi_simulation", "--list");
  CHECK(list.status == 0);
  CHECK(count_of("centered_clipping   radius, iterations", list.output) == 1);
  const auto refused = [](const std::string& flags, const std::string& message) {
    const ProgramResult result = run_on_ranks(3, "mpi_simulation", flags);
    INFO(flags, "\n", result.output);
    CHECK(result.status == 2);
    CHECK(result.says(message));
    CHECK(count_of("mpi_simulation: ", result.output) == 1);
    CHECK_FALSE(result.says("[1/"));
  };
  refused("--frobnicate", "--frobnicate");
  refused("--strategies fedsgd", "there is no strategy \"fedsgd\"");
  refused("--attack sing_flip:0.2", "did you mean \"sign_flip\"?");
  refused("--data x.csv --target y", "x.csv");
  refused("--partition dirichlet", "dirichlet:ALPHA");
}

}  // namespace examples_mpi_simulation_test
