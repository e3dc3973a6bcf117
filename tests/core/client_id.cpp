#include "healthai/core/client_id.hpp"

#include <doctest/doctest.h>

#include <string>

namespace core_client_id_test {

using namespace healthai;

TEST_CASE("ids are short and safe") {
  CHECK(ClientId("north_hospital-2").str() == "north_hospital-2");
  CHECK(ClientId(std::string(64, 'a')).str().size() == 64);
  for (const std::string& bad :
       {std::string(), std::string(65, 'a'), std::string("North"), std::string("a b"), std::string("../etc"),
        std::string("a\0b", 3), std::string("ü")}) {
    CAPTURE(bad);
    CHECK_FALSE(ClientId::valid(bad));
    CHECK_THROWS_AS(ClientId{bad}, Error);
  }
}

TEST_CASE("free text becomes an id") {
  CHECK(ClientId::sanitised("St. Mary's").str() == "st--mary-s");
  CHECK(ClientId::sanitised(std::string(100, 'X')).str() == std::string(64, 'x'));
  CHECK_THROWS_AS(static_cast<void>(ClientId::sanitised("")), Error);
}

TEST_CASE("ids are ordered as text") {
  CHECK(ClientId("a10") < ClientId("a2"));
}

}  // namespace core_client_id_test
