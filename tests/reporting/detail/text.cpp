#include "healthai/reporting/detail/text.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>
#include <bit>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <string>

namespace reporting_detail_text_test {

using namespace healthai::detail;

TEST_CASE("a number reads back as the same double") {
  CHECK(rc::check([](std::uint64_t bits) {
    const auto value = std::bit_cast<double>(bits);
    const std::string text = shortest(value);
    if (!healthai::is_finite(value)) {
      RC_ASSERT(text == "NaN" || text == "Inf" || text == "-Inf");
      return;
    }
    char* end = nullptr;
    RC_ASSERT(std::bit_cast<std::uint64_t>(std::strtod(text.c_str(), &end)) == bits);
    RC_ASSERT(*end == '\0');
  }));
}

TEST_CASE("numbers are as short as they can be, and named when they are none") {
  CHECK(shortest(0.1) == "0.1");
  CHECK(shortest(-0.0) == "-0");
  CHECK(shortest(std::numeric_limits<double>::quiet_NaN()) == "NaN");
  CHECK(shortest(-std::numeric_limits<double>::quiet_NaN()) == "NaN");
  CHECK(shortest(std::numeric_limits<double>::infinity()) == "Inf");
  CHECK(shortest(-std::numeric_limits<double>::infinity()) == "-Inf");
}

TEST_CASE("rounding for people") {
  CHECK(rounded(0.576, 2, true) == "0.58");
  CHECK(rounded(2, 2, true) == "2.00");
  CHECK(rounded(0.000123456789, 5, false) == "0.00012346");
  CHECK(rounded(1e308, 2, true).size() == 312);
  CHECK(rounded(1e308, 300, true).size() == 350);
}

TEST_CASE("characters are counted and cut whole") {
  CHECK(count_characters("é–x") == 3);
  CHECK(first_characters("é–x", 2) == "é–");
  CHECK(first_characters("é–x", 0).empty());
  CHECK(first_characters("é–x", 9) == "é–x");
}

TEST_CASE("foreign text cannot control a terminal") {
  CHECK(printable("a\x1b[2Jb\x07\x7f") == "a?[2Jb??");
  CHECK(printable("line\r\nfake\tline") == "line  fake line");
  CHECK(printable("\xC2\x9B"
                  "31m") == "?31m");  // C1's one-character escape sequence
  CHECK(printable("Zürich – 5 µm") == "Zürich – 5 µm");
  CHECK(printable("éééé", 2) == "éé...");
  CHECK(rc::check("no control character is left", [](const std::string& text) {
    for (const char c : printable(text)) RC_ASSERT(static_cast<unsigned char>(c) >= 0x20U && c != 0x7f);
  }));
}

}  // namespace reporting_detail_text_test
