#include "healthai/core/local_objective.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "healthai/serialization/archive.hpp"

namespace core_local_objective_test {

using namespace healthai;

TEST_CASE("an objective needs exactly the parts that are set") {
  LocalObjective<double> objective;
  CHECK(objective.needs() == ObjectiveParts{});
  objective.proximal_mu = 0.1;
  objective.local_steps = 5;
  CHECK(objective.needs() == ObjectiveParts{.proximal = true, .local_steps = true});
  objective.linear_correction = Parameters<double>(Layout{{"w", {1}}});
  objective.learning_rate = 0.5;
  objective.initial_loss = true;
  CHECK(objective.needs() == ObjectiveParts::memoryless());
  objective.control_variates = true;
  CHECK(objective.needs().control_variates);
  CHECK_FALSE(objective.needs().dynamic_regularisation);
  CHECK_FALSE(objective.needs().update_clip);
  objective.update_clip = 2;
  CHECK(objective.needs().update_clip);
}

TEST_CASE("what is missing is named") {
  CHECK(ObjectiveParts{.proximal = true}.missing({}).empty());
  CHECK(ObjectiveParts{}.missing(ObjectiveParts::memoryless()) ==
        "proximal mu, linear correction, local steps, learning rate, initial loss");
  CHECK(ObjectiveParts::memoryless().missing({.control_variates = true, .dynamic_regularisation = true}) ==
        "control variates, dynamic regularisation");
  CHECK(ObjectiveParts::memoryless().missing({.update_clip = true}) == "update clip");
  CHECK(ObjectiveParts{.linear_correction = true}.missing({.proximal = true, .linear_correction = true}) ==
        "proximal mu");
}

TEST_CASE("programs of before read an objective without a bound of the update, and refuse one with it") {
  LocalObjective<double> objective;
  objective.proximal_mu = 0.5;
  objective.local_steps = 3;
  // What version 0 was: its number, then mu, no correction, the steps, no rate, and three flags.
  std::vector<std::byte> before = to_bytes(std::uint32_t{0});
  const auto append = [&before](const auto& value) {
    const auto bytes = to_bytes(value);
    before.insert(before.end(), bytes.begin(), bytes.end());
  };
  append(0.5);
  append(false);
  append(true);
  append(std::uint64_t{3});
  for (int i = 0; i < 4; ++i) append(false);
  CHECK(to_bytes(objective) == before);
  const auto read = from_bytes<LocalObjective<double>>(before);
  CHECK(read.local_steps == 3);
  CHECK_FALSE(read.update_clip);
  objective.update_clip = 2;
  const auto now = to_bytes(objective);
  CHECK(now.size() == before.size() + 1 + 8);
  CHECK(now[0] == std::byte{1});  // which those do not know
  CHECK(from_bytes<LocalObjective<double>>(now).update_clip == 2.0);
}

}  // namespace core_local_objective_test
