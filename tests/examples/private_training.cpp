#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "run_example.hpp"

namespace examples_private_training_test {

TEST_CASE("what is spent is what was asked for, and said with all that belongs to it") {
  const ExampleFolder folder;
  const ProgramResult result =
      run_example("private_training", "--epsilon 100,1 --rounds 20 --plot \"" + folder.str() + "\"");
  CAPTURE(result.output);
  REQUIRE(result.status == 0);
  const std::size_t second = result.output.rfind("  epsilon ");
  REQUIRE(second != std::string::npos);
  CHECK(result.output.find("  epsilon 99.") < second);
  const std::string rest =
      "(delta 1e-05; one patient's record added or removed), against whoever sees all that leaves the "
      "patient's network; without noise: how many patients each network has";
  const ProgramResult last{result.output.substr(second), 0};
  CHECK(last.says(rest));
  CHECK(last.number_after("epsilon") > 0.99);
  CHECK(last.number_after("epsilon") <= 1);
  // The reference is deterministic. A hundred is hardly any noise, 0.4 clips on batches of 40; one is much.
  CHECK(result.number_after("area under the curve") == doctest::Approx(0.7204).epsilon(1e-4));
  CHECK(std::abs(result.number_after("area lost")) < 0.05);
  for (const char* name : {"privacy_spent", "accuracy_lost"}) {
    CHECK(std::filesystem::file_size(folder.path(std::string(name) + ".png")) > 1000);
    std::ifstream file(folder.path(std::string(name) + ".gp"));
    const ProgramResult script{{std::istreambuf_iterator<char>(file), {}}, 0};
    CHECK(script.says("epsilon 1 (delta 1e-05; one patient's record added or removed)"));
    CHECK(script.says("without noise: how many patients"));
  }
}

TEST_CASE("rows of one patient are trained on together") {
  const ExampleFolder folder;
  std::ofstream file(folder.path("rows.csv"));
  file << "network,patient,Age,ApacheIIScore,BMI,male,elective,emergency,died\n";
  for (int row = 0; row < 60; ++row) {
    file << (row % 2) << "," << row / 6 << "," << 40 + row << "," << 10 + row % 20 << ",25,1,0,1,"
         << (row % 3 == 0 ? 1 : 0) << "\n";
  }
  file.close();
  const std::string flags = "--rounds 2 --epsilon 5 --data \"" + folder.path("rows.csv").string() + "\"";
  const ProgramResult grouped = run_example("private_training", flags + " --patient-column patient");
  CAPTURE(grouped.output);
  CHECK(grouped.status == 0);
  const ProgramResult unknown = run_example("private_training", flags + " --patient-column person");
  CHECK(unknown.status == 1);
  CHECK(unknown.says("person"));
}

TEST_CASE("help and bad flags") {
  const ProgramResult help = run_example("private_training", "--help");
  CHECK(help.status == 0);
  for (const char* flag : {"--data", "--patient-column", "--epsilon", "--delta", "--rounds", "--plot"})
    CHECK(help.says(flag));
  for (const char* bad : {"--rounds 0", "--epsilon 0", "--epsilon x", "--nonsense 1"}) {
    CAPTURE(bad);
    CHECK(run_example("private_training", bad).status == 2);
  }
  // A delta that would allow publishing a patient.
  const ProgramResult careless = run_example("private_training", "--delta 0.001");
  CHECK(careless.status == 1);
  CHECK(careless.says("delta must be below 1 / 1985 patients"));
}

}  // namespace examples_private_training_test
