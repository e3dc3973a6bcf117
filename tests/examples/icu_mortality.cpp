#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

#include "../../examples/icu_mortality/auc.hpp"
#include "run_example.hpp"

namespace examples_icu_mortality_test {

TEST_CASE("FedAvg reproduces the coefficients and the AUC of an independent implementation") {
  const ProgramResult result = run_example("icu_mortality");
  CAPTURE(result.output);
  CHECK(result.status == 0);
  CHECK(result.says("0.7809   AUC 0.72655"));  // all patients in one place
  CHECK(result.says("0.7783   AUC 0.72658"));  // FedAvg
  // Two programs that add up in different orders, 500 steps: some hundred units in the last place.
  CHECK(result.number_after("difference from the reference run: coefficients") < 1e-12);
  CHECK(result.number_after(", AUC ") == 0);
}

TEST_CASE("so does FedProx") {
  const ProgramResult result = run_example("icu_mortality", "--rounds 200 --local-steps 10 --mu 0.1");
  CAPTURE(result.output);
  CHECK(result.status == 0);
  const std::size_t proximal = result.output.find("FedProx, mu 0.1");
  REQUIRE(proximal != std::string::npos);
  const ProgramResult second{result.output.substr(proximal), 0};
  CHECK(second.number_after("difference from the reference run: coefficients") < 1e-12);
  CHECK(second.number_after(", AUC ") == 0);
}

TEST_CASE("one local step of all patients is gradient descent on the pooled loss, and local steps leave it") {
  // After 300 rounds with a rate of 1 the distance is that of gradient descent, which converges; with 5 steps it is not.
  const ProgramResult one = run_example("icu_mortality", "--rounds 300 --local-steps 1 --learning-rate 1");
  const ProgramResult five = run_example("icu_mortality", "--rounds 300 --local-steps 5");
  CHECK(one.number_after("distance from the pooled coefficients:") < 1e-6);
  CHECK(five.number_after("distance from the pooled coefficients:") > 1e-3);
}

TEST_CASE("the plot is drawn where it was asked for") {
  const ExampleFolder folder;
  const ProgramResult result = run_example("icu_mortality", "--rounds 3 --plot \"" + folder.str() + "\"");
  CAPTURE(result.output);
  CHECK(result.status == 0);
  CHECK(std::filesystem::file_size(folder.path("icu_convergence.png")) > 1000);
}

TEST_CASE("mini-batches depend on the seed and on nothing else") {
  const std::string flags = "--rounds 3 --batch-size 16 --seed ";
  const auto fit = [](const ProgramResult& result) {  // without the progress display, which shows times
    return result.output.substr(result.output.find("\nFedAvg,"), 600);
  };
  const std::string first = fit(run_example("icu_mortality", flags + "1"));
  CHECK(first == fit(run_example("icu_mortality", flags + "1")));
  CHECK(first != fit(run_example("icu_mortality", flags + "2")));
}

TEST_CASE("help and bad flags") {
  const ProgramResult help = run_example("icu_mortality", "--help");
  CHECK(help.status == 0);
  for (const char* flag : {"--rounds", "--local-steps", "--learning-rate", "--mu", "--seed", "--plot"}) {
    CHECK(help.says(flag));
  }
  for (const char* bad : {"--rounds 0", "--rounds x", "--mu -1", "--learning-rate 0", "--nonsense 1"}) {
    CAPTURE(bad);
    CHECK(run_example("icu_mortality", bad).status == 2);
  }
}

TEST_CASE("the area under the curve is the share of pairs in the right order") {
  const std::vector<double> scores{0.1, 0.4, 0.35, 0.8, 0.4, 0.4};
  const std::vector<double> died{0, 0, 1, 1, 1, 0};
  double wins = 0;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    for (std::size_t j = 0; j < scores.size(); ++j) {
      if (died[i] == 1 && died[j] == 0)
        wins += scores[i] > scores[j] ? 1.0 : scores[i] == scores[j] ? 0.5 : 0.0;
    }
  }
  CHECK(icu::area_under_curve(scores, died) == doctest::Approx(wins / 9).epsilon(1e-15));
}

}  // namespace examples_icu_mortality_test
