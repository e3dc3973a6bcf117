#include "healthai/data/standardise.hpp"

#include <doctest/doctest.h>

#include "healthai/serialization/archive.hpp"

namespace data_standardise_test {

using namespace healthai;

TEST_CASE("a request to standardise is the same for the same scaling, and of another run for another") {
  const Scaling scaling{{"age", "dose"}, {60, 5}, {10, 2}};
  const StandardiseBroadcast request = Standardise::request(scaling);
  CHECK(request.id == Standardise::request(scaling).id);
  CHECK(request.id.run != 0);
  Scaling other = scaling;
  other.sd[1] = 2.5;
  CHECK(Standardise::request(other).id.run != request.id.run);
  other = scaling;
  other.names[0] = "weight";
  CHECK(Standardise::request(other).id.run != request.id.run);
  CHECK(Standardise::bytes(request) == 32);
}

TEST_CASE("it travels, and its sum is the number of rows") {
  const auto request =
      from_bytes<StandardiseBroadcast>(to_bytes(Standardise::request({{"age"}, {60}, {10}})));
  CHECK(request.scaling == Scaling{{"age"}, {60}, {10}});
  CHECK(from_bytes<StandardiseReply>(to_bytes(StandardiseReply{17})).rows == 17);
  CHECK(Standardise::summand({17}).weight == 17);
}

}  // namespace data_standardise_test
