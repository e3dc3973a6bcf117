#include "healthai/core/hash.hpp"

#include <doctest/doctest.h>

namespace core_hash_test {

TEST_CASE("FNV-1a gives its published values") {
  // Fowler, Noll, Vo: The FNV Non-Cryptographic Hash Algorithm, test vectors.
  static_assert(healthai::stable_hash("") == 0xcbf29ce484222325U);
  CHECK(healthai::stable_hash("a") == 0xaf63dc4c8601ec8cU);
  CHECK(healthai::stable_hash("foobar") == 0x85944171f73967e8U);
}

}  // namespace core_hash_test
