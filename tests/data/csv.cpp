#include "healthai/data/csv.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "csv_text.hpp"
#include "folders.hpp"

namespace data_csv_test {

using csv_test::csv_text;
using csv_test::message_of;
using csv_test::same;
using healthai::CsvOptions;
using healthai::parse_csv;
using healthai::read_csv;
using healthai::Table;
namespace error = healthai::error;

namespace {

std::string csv_error(std::string_view text) {
  return message_of(error::csv, [text] { (void)parse_csv(text, "t.csv"); });
}

const std::string data_folder = source_folder() + "/examples/data/";

}  // namespace

TEST_CASE("numbers, text and missing values") {
  const Table table = parse_csv("age,name,NA\n74,Ann,1\n,NA,\n5.5e1,\"NA\",-2\n", "t.csv");
  CHECK(table.rows() == 3);
  CHECK(table.names() == std::vector<std::string>{"age", "name", "NA"});
  CHECK(table.numeric("age")[0] == 74);
  CHECK(table.missing("age", 1));
  CHECK(table.numeric("age")[2] == 55);
  CHECK(table.text("name")[0] == "Ann");
  CHECK(table.missing("name", 1));
  CHECK(table.text("name")[2] == "NA");  // in quotes: somebody's name
  CHECK(table.missing("NA", 1));
  CHECK(table.source() == "t.csv");
  CHECK(table.line(2) == 4);
}

TEST_CASE("what makes a column numeric") {
  const auto numeric = [](const std::string& value) {
    return parse_csv("x\n1\n" + value + "\n", "t").is_numeric("x");
  };
  for (const char* number : {"2", "-2.5", "1e5", "\"2\"", "NA", "", "\"\"", "007"}) {
    CAPTURE(number);
    CHECK(numeric(number));
  }
  for (const char* text : {"inf", "-inf", "nan", "NaN", " 2", "2 ", "1e999", "0x10", "\"NA\"", "2;5", "na"}) {
    CAPTURE(text);
    CHECK_FALSE(numeric(text));
  }
  // Text is kept as it stands, also where a field looks like a number.
  const Table table = parse_csv("x\n007\n1.50\n?\n", "t");
  CHECK(table.text("x")[0] == "007");
  CHECK(table.text("x")[1] == "1.50");
  // A column without any value is numeric.
  CHECK(parse_csv("x,y\n,1\n", "t").is_numeric("x"));
}

TEST_CASE("line ends, byte order mark, last line, quotes") {
  const Table expected = parse_csv("a,b\n1,x\n2,\"y\"\n", "t");
  CHECK(expected.rows() == 2);
  CHECK(same(parse_csv("a,b\r\n1,x\r\n2,y\r\n", "t"), expected));
  CHECK(same(parse_csv("\xEF\xBB\xBF"
                       "a,b\n1,x\n2,y",
                       "t"),
             expected));
  CHECK(same(parse_csv("\xEF\xBB\xBF\"a\",\"b\"\n\"1\",\"x\"\n\"2\",\"y\"\n\n\r\n", "t"), expected));
  const Table multi = parse_csv("a,\"b \"\"c\"\"\nd\"\n1,\"x,\ny\"\n2,z\n", "t");
  CHECK(multi.names()[1] == "b \"c\"\nd");
  CHECK(multi.text("b \"c\"\nd")[0] == "x,\ny");
  CHECK(multi.line(0) == 3);
  CHECK(multi.line(1) == 5);  // lines inside quotes count
  CHECK(parse_csv("a,b\n", "t").rows() == 0);
  CHECK(parse_csv("a,b", "t").rows() == 0);
  // With one column a blank line is a missing value.
  const Table one = parse_csv("a\n1\n\n2\n", "t");
  CHECK(one.rows() == 3);
  CHECK(one.missing("a", 1));
}

TEST_CASE("options") {
  const Table table = parse_csv("a;b\n1;x,y\n.;-\n", "t", {.delimiter = ';', .missing = {".", "-"}});
  CHECK(table.text("b")[0] == "x,y");
  CHECK(table.missing("a", 1));
  CHECK(table.missing("b", 1));
  CHECK(parse_csv("a\tb\n1\t2\n", "t", {.delimiter = '\t'}).numeric("b")[0] == 2);
  CHECK_FALSE(parse_csv("a\nNA\n", "t", {.missing = {}}).missing("a", 0));
  for (const char bad : {'"', '\n', '\r', '\0'}) {
    CHECK(message_of(error::invalid_argument, [bad] {
            (void)parse_csv("a\n", "t", {.delimiter = bad});
          }).find("CsvOptions::delimiter: expected") == 0);
  }
}

TEST_CASE("each broken file gets one line that says where and what") {
  const std::string header = "expected a header with the columns' names, ";
  CHECK(csv_error("") == "t.csv, line 1: " + header + "but the file is empty");
  CHECK(csv_error("\xEF\xBB\xBF") == "t.csv, line 1: " + header + "but the file is empty");
  CHECK(csv_error("\na,b\n") == "t.csv, line 1, column 1: " + header + "got a blank line; remove it");
  CHECK(
      csv_error("1,2\n3,4\n").find("t.csv, line 1, column 1: " + header + "got only numbers; add a header") ==
      0);
  CHECK(csv_error("\"1\",2\n3,4\n") == "(no Error)");
  CHECK(csv_error("a,,c\n") ==
        "t.csv, line 1, column 2: expected a column name, got nothing; name the column");
  CHECK(csv_error("a,b,\n").find("t.csv, line 1, column 3: expected a column name") == 0);
  CHECK(csv_error("a,b,c,b\n") ==
        "t.csv, line 1, column 4: the name \"b\" is already that of column 2; rename one of them");
  CHECK(csv_error("a,b\n1,2\n3\n") == "t.csv, line 3: expected 2 fields, as in the header, got 1 field");
  CHECK(csv_error("a,b\n1,2\n3,4,5\n") ==
        "t.csv, line 3: expected 2 fields, as in the header, got 3 fields; put a field that contains the "
        "delimiter in "
        "quotes");
  CHECK(csv_error("a\n1,2\n").find("t.csv, line 2: expected 1 field, as in the header, got 2 fields") == 0);
  CHECK(csv_error("a;b\n1,5;2\n") ==
        "t.csv, line 2: expected 1 field, as in the header, got 2 fields; the header has semicolons: set "
        "CsvOptions::delimiter to ';'");
  CHECK(csv_error("a,b\n\n1,2\n") == "t.csv, line 2: the line is blank; remove it");
  CHECK(csv_error("a,b\n1,\"x\n2,y\n3,z\n") ==
        "t.csv, line 2, column \"b\": the quote that begins here is never closed; add the closing quote");
  CHECK(csv_error("a,\"b\n").find("t.csv, line 1, column 2: the quote that begins here is never closed") ==
        0);
  CHECK(csv_error("a,b\n1,x\"y\n") ==
        "t.csv, line 2, column \"b\": expected quotes around the whole field or nowhere in it, got one in "
        "the middle; "
        "put the field in quotes and double the inner ones");
  CHECK(csv_error("a,b\n\"x\"y,1\n") ==
        "t.csv, line 2, column \"a\": expected the delimiter or the end of the line after the closing quote, "
        "got "
        "\"y,1\"; double the quotes inside a field");
  CHECK(
      csv_error("a\n\"x\"\ry\n").find("t.csv, line 2, column \"a\": expected a line to end in LF or CRLF") ==
      0);
  CHECK(csv_error("a,b\n\"1\n2\",\"x\"y\n").find("t.csv, line 3, column \"b\"") == 0);
  CHECK(csv_error("a,b\n1,2,x\"\n").find("t.csv, line 2, column 3: expected quotes") == 0);
  CHECK(csv_error("a,b\r1,2\r") ==
        "t.csv, line 1, column 2: expected a line to end in LF or CRLF, got a lone CR; save the file with "
        "one of these");
  const std::string nul = "expected UTF-8 text, got a NUL byte; save the file as CSV in UTF-8 (not UTF-16)";
  CHECK(csv_error({"a,b\n1,\0\n", 8}) == "t.csv, line 2, column \"b\": " + nul);
  CHECK(csv_error({"a,b\n1,\"x\n\0\"\n", 12}) == "t.csv, line 3, column \"b\": " + nul);
  CHECK(csv_error({"\xFF\xFE"
                   "a\0,\0",
                   6}) == "t.csv, line 1, column 1: " + nul);
}

TEST_CASE("a text in a number column names line, column and text") {
  const Table table = parse_csv("id,age\n1,74\n2,\n3,sixty\n", "lung.csv");
  CHECK(message_of(error::csv, [&] { (void)table.numeric("age"); }) ==
        "lung.csv, line 4, column \"age\": expected a number, got \"sixty\"; correct it, or leave the field "
        "empty if the "
        "value is missing");
}

TEST_CASE("files") {
  CHECK(message_of(error::file, [] { (void)read_csv("/no/such/folder/x.csv"); }) ==
        "/no/such/folder/x.csv: expected a CSV file, but it cannot be opened (No such file or directory); "
        "check the path "
        "and its permissions");
  CHECK(message_of(error::file, [] {
          (void)read_csv(data_folder);
        }).find("expected a CSV file, but it cannot be ") != std::string::npos);
}

TEST_CASE("a file larger than the first block that is read") {
  const std::string path = "csv_test_large.csv";
  std::string text = "number,text\n";
  for (int i = 0; i < 20000; ++i) text += std::to_string(i) + ",row " + std::to_string(i) + "\n";
  REQUIRE(text.size() > (std::size_t{1} << 17U));
  for (const std::size_t size : {text.size(), std::size_t{1} << 16U, std::size_t{1} << 17U}) {
    // At a power of two the file ends exactly where a block does. Blank lines fill it up to the size.
    std::string part = text.substr(0, text.rfind('\n', size - 1));
    part.resize(size, '\n');
    REQUIRE(part.size() == size);
    std::FILE* file = std::fopen(path.c_str(), "wb");
    REQUIRE(file != nullptr);
    REQUIRE(std::fwrite(part.data(), 1, part.size(), file) == part.size());
    REQUIRE(std::fclose(file) == 0);
    CHECK(same(read_csv(path), parse_csv(part, path)));
  }
  std::remove(path.c_str());
}

TEST_CASE("the example data") {
  const Table lung = read_csv(data_folder + "lung_hospitals.csv");
  CHECK(lung.rows() == 228);
  CHECK(lung.names() == std::vector<std::string>{"inst", "hospital", "time", "dead", "age", "sex", "ph.ecog",
                                                 "ph.karno", "pat.karno", "meal.cal", "wt.loss"});
  for (const std::string& name : lung.names()) CHECK(lung.is_numeric(name));
  // Numbers of values present as R's summary() of survival 3.5-3's `lung` gives them.
  const std::vector<std::pair<std::string, std::size_t>> present{
      {"inst", 227},      {"age", 228},      {"ph.ecog", 227}, {"ph.karno", 227},
      {"pat.karno", 225}, {"meal.cal", 181}, {"wt.loss", 214}};
  for (const auto& [name, count] : present) CHECK(lung.complete_rows({name}).size() == count);
  CHECK(lung.complete_rows({"time", "dead", "age", "sex", "ph.ecog"}).size() == 227);
  CHECK(lung.line(227) == 229);
  const Table icu = read_csv(data_folder + "icu_networks.csv");
  CHECK(icu.rows() == 1985);
  CHECK(icu.complete_rows(icu.names()).size() == 1985);
}

namespace {

// Any text that can be in a table: no NUL, not empty (that is a missing value), many awkward characters.
rc::Gen<std::string> awkward_text() {
  return rc::gen::nonEmpty(rc::gen::container<std::string>(
      rc::gen::oneOf(rc::gen::element('"', ',', '\n', '\r', ' ', ';', '\t', 'N', 'A', '1', '\xC3'),
                     rc::gen::nonZero<char>())));
}

Table random_table() {
  const auto rows = *rc::gen::inRange<std::size_t>(0, 12);
  const auto cols = *rc::gen::inRange<std::size_t>(1, 6);
  Table table("random");
  for (std::size_t j = 0; j < cols; ++j) {
    const std::string name =
        "c" + std::to_string(j) + *rc::gen::oneOf(rc::gen::just(std::string()), awkward_text());
    const auto present = *rc::gen::container<std::vector<int>>(rows, rc::gen::inRange(0, 2));
    if (rows == 0 || *rc::gen::arbitrary<bool>()) {
      auto values = *rc::gen::container<std::vector<double>>(
          rows, rc::gen::suchThat(rc::gen::map(rc::gen::arbitrary<std::uint64_t>(),
                                               [](std::uint64_t bits) {
                                                 double value = 0;
                                                 std::memcpy(&value, &bits, sizeof value);
                                                 return value;
                                               }),
                                  [](double value) { return std::isnormal(value) || value == 0; }));
      for (std::size_t row = 0; row < rows; ++row) {
        if (present[row] == 0) values[row] = std::numeric_limits<double>::quiet_NaN();
      }
      table.add_numeric(name, std::move(values));
    } else {
      auto values = *rc::gen::container<std::vector<std::string>>(rows, awkward_text());
      for (std::size_t row = 0; row < rows; ++row) {
        if (present[row] == 0) values[row].clear();
      }
      values[*rc::gen::inRange<std::size_t>(0, rows)] = "no number";  // one text makes it a column of text
      table.add_text(name, std::move(values));
    }
  }
  return table;
}

}  // namespace

TEST_CASE("any table written in the form of RFC 4180 reads back equal") {
  CHECK(rc::check([] {
    const Table table = random_table();
    const auto* line_end = *rc::gen::element("\n", "\r\n");
    std::string text = csv_text(table, line_end);
    const bool bom = *rc::gen::arbitrary<bool>();
    const Table back = parse_csv((bom ? "\xEF\xBB\xBF" : "") + text, "random");
    RC_ASSERT(same(table, back));
    // The line numbers are right: that many line feeds stand before the row.
    if (table.rows() > 0) {
      std::vector<std::size_t> all_but_last(table.rows() - 1);
      for (std::size_t i = 0; i < all_but_last.size(); ++i) all_but_last[i] = i;
      const std::string before = csv_text(table.select(all_but_last), line_end);
      RC_ASSERT(back.line(table.rows() - 1) ==
                static_cast<std::size_t>(std::count(before.begin(), before.end(), '\n')) + 1);
    }
  }));
}

TEST_CASE("any bytes give a table or an Error of one line") {
  CHECK(rc::check([] {
    const auto text = *rc::gen::container<std::string>(
        rc::gen::element('a', '1', ',', '"', '\n', '\r', ' ', '\0', '.', 'e', '-', '\xEF'));
    try {
      const Table table = parse_csv(text, "bytes");
      RC_ASSERT(same(table, parse_csv(csv_text(table), "again")));
    } catch (const healthai::Error& e) {
      RC_ASSERT(std::string_view(e.what()).find('\n') == std::string_view::npos);
      RC_ASSERT(std::string_view(e.what()).substr(0, 12) == "bytes, line ");
    }
  }));
}

}  // namespace data_csv_test
