#include "healthai/core/failure.hpp"

#include <doctest/doctest.h>

#include "healthai/serialization/archive.hpp"

namespace core_failure_test {

using namespace healthai;

TEST_CASE("a failure travels, and a name that is no client's is refused on the way") {
  const Failure failure{"north", "deadline", "client north did not reply before the deadline"};
  std::vector<std::byte> bytes = to_bytes(failure);
  CHECK(from_bytes<Failure>(bytes) == failure);
  const auto at = std::find(bytes.begin(), bytes.end(), std::byte{'n'});
  REQUIRE(at != bytes.end());
  *at = std::byte{'/'};
  CHECK_THROWS_AS(static_cast<void>(from_bytes<Failure>(bytes)), Error);
}

}  // namespace core_failure_test
