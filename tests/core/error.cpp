#include "healthai/core/error.hpp"

#include <doctest/doctest.h>

namespace core_error_test {

TEST_CASE("an error carries a stable id and a sentence") {
  const healthai::Error e(healthai::error::below_quorum, "2 of 5");
  CHECK(e.id() == healthai::error::below_quorum);
  CHECK_FALSE(e.id() == healthai::error::deadline);
  CHECK(e.id().name() == "below_quorum");
  CHECK(std::string(e.what()) == "2 of 5");
}

}  // namespace core_error_test
