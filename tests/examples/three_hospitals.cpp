// The whole of it, as processes of their own over TLS: a node is killed, the coordinator is killed, and nothing is lost.
#include <doctest/doctest.h>

#include <cstdlib>
#include <string>

#include "folders.hpp"
#include "run_example.hpp"

namespace examples_three_hospitals_test {

TEST_CASE(
    "three hospitals, with a node and the coordinator killed, have the bits of the run in one process") {
  const ExampleFolder folder;
  const ProgramResult result =
      run_command("HEALTHAI_EXAMPLES_DIR=\"" + examples_folder() + "\" ROUNDS=60 bash \"" + source_folder() +
                  "/examples/three_hospitals.sh\" \"" + folder.str() + "/run\"");
  CAPTURE(result.output);
  CHECK(result.status == 0);
  CHECK(result.says("== the node south is killed, and started again"));
  CHECK(result.says("== the coordinator is killed, and started again"));
  CHECK(result.says("60 rounds"));
  CHECK(result.says("The coefficients have the same bits as those of the run in one process."));
  std::size_t intact = 0;
  for (std::size_t at = 0; (at = result.output.find("are intact", at)) != std::string::npos; ++at) ++intact;
  CHECK(intact == 3);  // one audit log a hospital
}

TEST_CASE("three_hospitals.sh says what it does") {
  const ProgramResult result =
      run_command("bash \"" + source_folder() + "/examples/three_hospitals.sh\" --help");
  CHECK(result.status == 0);
  CHECK(result.says("Three hospitals and a coordinator on this machine"));
}

}  // namespace examples_three_hospitals_test
