#include "healthai/data/detail/text.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

namespace data_detail_text_test {

namespace detail = healthai::detail;

TEST_CASE("a number is the whole of a text, finite, without spaces") {
  CHECK(detail::parse_number("12") == 12.0);
  CHECK(detail::parse_number("-0.5") == -0.5);
  CHECK(detail::parse_number("1e-3") == 0.001);
  CHECK(detail::parse_number(".5") == 0.5);
  for (const char* text : {"", "-", "12a", " 12", "12 ", "+12", "1,5", "0x10", "inf", "-inf", "infinity",
                           "nan", "NaN", "nan(1)", "1e400", "NA", "1e"}) {
    CAPTURE(text);
    CHECK_FALSE(detail::parse_number(text).has_value());
  }
}

TEST_CASE("a number is written as a person would write it, and reads back the same") {
  CHECK(detail::plain_number(3) == "3");
  CHECK(detail::plain_number(100000) == "100000");
  CHECK(detail::plain_number(-12) == "-12");
  CHECK(detail::plain_number(-0.0) == "0");
  CHECK(detail::plain_number(0.1) == "0.1");
  CHECK(detail::plain_number(1e300) == "1e+300");
  CHECK(detail::plain_number(std::numeric_limits<double>::infinity()) == "inf");
  CHECK(detail::rounded_number(0.1 + 0.2) == "0.3");
  CHECK(detail::rounded_number(100000) == "100000");
  CHECK(detail::rounded_number(-1e300 / 3) == "-3.33333e+299");
  CHECK(rc::check([](double number) {
    RC_PRE(std::isfinite(number) && (number == 0 || std::isnormal(number)));
    RC_ASSERT(detail::parse_number(detail::plain_number(number)) == number);
  }));
}

TEST_CASE("what goes into a message is one line of bounded length") {
  CHECK(detail::quoted("a\nb\r\t\x01\x7f") == R"("a\nb\r\t\x01\x7f")");
  CHECK(detail::quoted(std::string(100, 'x')) == '"' + std::string(60, 'x') + "...\"");
  CHECK(detail::escaped("Z\xC3\xBCrich") == "Z\xC3\xBCrich");
  CHECK(detail::escaped("aaa\xC3\xBC"
                        "b",
                        4) == "aaa\xC3\xBC...");  // not cut inside a character
  CHECK(detail::escaped(std::string(1000, '\x80'), 10).size() < 20);
  CHECK(rc::check([](const std::string& text) {
    const std::string line = detail::escaped(text);
    for (const char c : line) RC_ASSERT(static_cast<unsigned char>(c) >= 0x20);
    RC_ASSERT(line.size() <= 220U);
  }));
  CHECK(detail::quoted_list(std::vector<std::string>{"a", "b"}) == R"("a", "b")");
  CHECK(detail::quoted_list(std::vector<std::string>{}) == "none");
  const std::string many = detail::quoted_list(std::vector<std::string>(1000, "column"));
  CHECK(many.size() < 400);
  CHECK(many.find("(1000 in all)") != std::string::npos);
}

TEST_CASE("the closest name") {
  const std::vector<std::string> names{"age", "sex", "ph.ecog", "ph.karno"};
  const auto suggest = [&names](const char* wanted) {
    const std::string* found = detail::closest(wanted, names);
    return found == nullptr ? std::string("(none)") : *found;
  };
  CHECK(suggest("aeg") == "age");
  CHECK(suggest("agee") == "age");
  CHECK(suggest("AGE") == "age");
  CHECK(suggest("ph_ecog") == "ph.ecog");
  CHECK(suggest("karno") == "ph.karno");
  CHECK(suggest("hospital") == "(none)");
  CHECK(suggest("q") == "(none)");
  CHECK(suggest("") == "(none)");
  CHECK(suggest(std::string(300, 'a').c_str()) == "(none)");
  CHECK(detail::edit_distance("kitten", "sitting") == 3);
  CHECK(detail::edit_distance("", "abc") == 3);
  CHECK(detail::edit_distance("abc", "") == 3);
  CHECK(rc::check([](const std::string& a, const std::string& b) {
    RC_ASSERT(detail::edit_distance(a, b) == detail::edit_distance(b, a));
  }));
}

}  // namespace data_detail_text_test
