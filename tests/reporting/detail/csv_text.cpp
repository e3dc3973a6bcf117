#include "healthai/reporting/detail/csv_text.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>
#include <string>
#include <vector>

namespace reporting_detail_csv_text_test {

using namespace healthai::detail;

TEST_CASE("fields are quoted where RFC 4180 asks for it") {
  std::string text;
  append_csv_record(text, {"plain", "", "a,b", "say \"no\"", "two\nlines"});
  CHECK(text == "plain,,\"a,b\",\"say \"\"no\"\"\",\"two\nlines\"\n");
}

TEST_CASE("any records read back") {
  CHECK(rc::check([](const std::vector<std::vector<std::string>>& drawn) {
    std::string text;
    std::vector<CsvRecord> records;
    for (const auto& record : drawn) {
      if (record.empty()) continue;
      records.push_back(record);
      append_csv_record(text, record);
    }
    RC_ASSERT(complete_csv_records(text) == records);
  }));
  CHECK(rc::check("with commas, quotes and line ends everywhere", [] {
    const auto field = rc::gen::container<std::string>(rc::gen::element(',', '"', '\n', '\r', 'x'));
    const auto record = *rc::gen::nonEmpty(rc::gen::container<CsvRecord>(field));
    std::string text;
    append_csv_record(text, record);
    RC_ASSERT(complete_csv_records(text) == std::vector<CsvRecord>{record});
  }));
}

TEST_CASE("a torn last record is left out, wherever it is torn") {
  std::string whole;
  append_csv_record(whole, {"1", "a\nb"});
  const std::size_t first = whole.size();
  append_csv_record(whole, {"2", "c\nd"});
  for (std::size_t length = 0; length <= whole.size(); ++length) {
    const std::size_t expected = length == whole.size() ? 2 : length >= first ? 1 : 0;
    CHECK(complete_csv_records(whole.substr(0, length)).size() == expected);
  }
}

}  // namespace reporting_detail_csv_text_test
