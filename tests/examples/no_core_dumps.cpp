#include "../../examples/no_core_dumps.hpp"

#include <doctest/doctest.h>

namespace examples_no_core_dumps_test {

#if defined(__unix__) || defined(__APPLE__)
TEST_CASE("from then on the process leaves no core dump") {
  no_core_dumps();
  rlimit limit{1, 1};
  REQUIRE(::getrlimit(RLIMIT_CORE, &limit) == 0);
  CHECK(limit.rlim_cur == 0);
  CHECK(limit.rlim_max == 0);
}
#endif

}  // namespace examples_no_core_dumps_test
