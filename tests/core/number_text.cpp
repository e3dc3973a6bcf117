#include "healthai/core/number_text.hpp"

#include <doctest/doctest.h>

#include <cstdlib>

namespace core_number_text_test {

using healthai::number_text;

TEST_CASE("numbers are short and read back as themselves") {
  CHECK(number_text(0.1) == "0.1");
  CHECK(number_text(1e-8) == "1e-08");
  CHECK(number_text(3) == "3");
  for (const double value : {1.0 / 3, 5e-324, 1.7976931348623157e308, -2.5e-17}) {
    CHECK(std::strtod(number_text(value).c_str(), nullptr) == value);
  }
}

}  // namespace core_number_text_test
