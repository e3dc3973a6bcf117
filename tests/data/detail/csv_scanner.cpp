#include "healthai/data/detail/csv_scanner.hpp"

#include <doctest/doctest.h>
#include <string>
#include <vector>

namespace data_detail_csv_scanner_test {

using healthai::detail::CsvField;
using healthai::detail::CsvScanner;

namespace {

// Each record as its line number and its fields, those that stood in quotes in brackets.
std::vector<std::string> scan(std::string_view text, char delimiter = ',') {
  CsvScanner scanner(text, "t", delimiter);
  std::vector<std::string> records;
  std::vector<CsvField> fields;
  while (scanner.record(fields)) {
    std::string record = std::to_string(scanner.record_line()) + ":";
    for (const CsvField& field : fields) {
      record += field.quoted ? '[' + field.text() + ']' : field.text();
      record += '|';
    }
    records.push_back(record);
    fields.clear();
  }
  return records;
}
using Records = std::vector<std::string>;

}  // namespace

TEST_CASE("records, fields and lines") {
  CHECK(scan("").empty());
  CHECK(scan("a") == Records{"1:a|"});
  CHECK(scan("a,b\n") == Records{"1:a|b|"});
  CHECK(scan("a,b\r\nc,d") == Records{"1:a|b|", "2:c|d|"});
  CHECK(scan("a,\n,b") == Records{"1:a||", "2:|b|"});
  CHECK(scan("a,") == Records{"1:a||"});
  CHECK(scan(",") == Records{"1:||"});
  CHECK(scan("\n\n") == Records{"1:|", "2:|"});
  CHECK(scan("a;b,c", ';') == Records{"1:a|b,c|"});
}

TEST_CASE("quotes") {
  CHECK(scan("\"a\"") == Records{"1:[a]|"});
  CHECK(scan("\"\",\"\"\n") == Records{"1:[]|[]|"});
  CHECK(scan(R"("a""b","""")") == Records{R"(1:[a"b]|["]|)"});
  CHECK(scan("\"a,b\",\"c\nd\r\ne\"\nf") == Records{"1:[a,b]|[c\nd\r\ne]|", "4:f|"});
  CHECK(scan("\"a\"\r\n\"b\"") == Records{"1:[a]|", "2:[b]|"});
  CHECK(scan("\"lone\rCR\"") == Records{"1:[lone\rCR]|"});
}

TEST_CASE("whether only blank lines are left") {
  CsvScanner scanner("a\n\r\n\nb\n\n", "t", ',');
  std::vector<CsvField> fields;
  REQUIRE(scanner.record(fields));
  CHECK_FALSE(scanner.only_blank_lines_left());
  for (int i = 0; i < 3; ++i) REQUIRE(scanner.record(fields));
  CHECK(scanner.only_blank_lines_left());
}

}  // namespace data_detail_csv_scanner_test
