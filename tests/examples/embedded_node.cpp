#include <doctest/doctest.h>

#include <fstream>
#include <string>

#include "folders.hpp"
#include "run_example.hpp"

namespace examples_embedded_node_test {

TEST_CASE("an application with a loop and threads of its own takes part") {
  const ProgramResult result = run_example("embedded_node");
  CAPTURE(result.output);
  CHECK(result.status == 0);
  CHECK(result.says("[window] connected to localhost:"));
  CHECK(result.says("says that the federation is over"));
  CHECK(result.says("[window] south has heard that it is over"));
  CHECK(result.number_after("the coordinator tells: mean dose") ==
        doctest::Approx(60));  // (60 + 66 + 70 + 50 + 54) / 5
}

TEST_CASE("what it takes is less than 30 lines") {
  std::ifstream file(source_folder() + "/examples/embedded_node.cpp");
  int lines = -1;
  bool inside = false;
  for (std::string line; std::getline(file, line);) {
    if (line == "// [client]") inside = true;
    if (line == "// [/client]") inside = false;
    lines += inside ? 1 : 0;
  }
  CHECK(lines > 10);
  CHECK(lines < 30);
}

}  // namespace examples_embedded_node_test
