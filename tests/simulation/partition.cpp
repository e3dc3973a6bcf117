#include "healthai/simulation/partition.hpp"

#include <doctest/doctest.h>

#include "partitions.hpp"

namespace simulation_partition_test {

using namespace healthai;

TEST_CASE("each text form is its partition") {
  const auto labels = cycled_labels(60, 3);
  const auto same = [&](const char* text, const Groups& expected) {
    CHECK_MESSAGE(partition_rows(parse_partition(text), labels, 5, 9) == expected, text);
  };
  same("iid", partition_rows(Iid{}, 60, 5, 9));
  same("dirichlet:0.3", partition_rows(DirichletLabels{0.3}, labels, 5, 9));
  same("dirichlet_shares:0.3", partition_rows(DirichletShares{0.3, 1}, labels, 5, 9));
  same("dirichlet_shares:0.3:4", partition_rows(DirichletShares{0.3, 4}, labels, 5, 9));
  same("shards:2", partition_rows(Shards{2}, labels, 5, 9));
  same("quantity:0.5", partition_rows(QuantitySkew{0.5}, 60, 5, 9));
  same("quantity:0.5:4", partition_rows(QuantitySkew{0.5, 4}, 60, 5, 9));
}

TEST_CASE("other texts are refused with a list of what is known") {
  const std::string known =
      " Known are: iid, dirichlet:ALPHA, dirichlet_shares:ALPHA[:MINIMUM_ROWS], shards:PER_CLIENT, "
      "quantity:ALPHA[:MINIMUM_ROWS]";
  const auto refused = [](const char* text) { return error_of([&] { (void)parse_partition(text); }); };
  CHECK(refused("dirichelt:1") ==
        "unknown_name: no partition is called \"dirichelt\"; did you mean \"dirichlet\"?" + known);
  CHECK(refused("") == "unknown_name: no partition is called \"\"." + known);
  CHECK(refused("dirichlet") ==
        "invalid_argument: partition \"dirichlet\": a number is missing; write dirichlet:ALPHA." + known);
  CHECK(refused("iid:1") ==
        "invalid_argument: partition \"iid:1\": there are too many numbers; write iid." + known);
  CHECK(refused("shards:two") ==
        "invalid_argument: partition \"shards:two\": \"two\" is not a number; write shards:PER_CLIENT." +
            known);
  CHECK(refused("dirichlet:").find("\"\" is not a number") != std::string::npos);
  CHECK(refused("dirichlet:-1") ==
        "invalid_argument: partition: alpha must be positive and finite, but is -1");
  CHECK(refused("shards:1.5") ==
        "invalid_argument: partition \"shards:1.5\": expected a whole number of at least 1, got 1.5");
  CHECK(refused("quantity:1:0").find("at least 1, got 0") != std::string::npos);
}

}  // namespace simulation_partition_test
