#include "healthai/data/table.hpp"

#include <doctest/doctest.h>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "csv_text.hpp"

namespace data_table_test {

using csv_test::message_of;
using csv_test::same;
using healthai::Table;
namespace error = healthai::error;

namespace {

constexpr double nan_value = std::numeric_limits<double>::quiet_NaN();

Table three_patients() {
  Table table("p.csv", std::vector<std::size_t>{2, 3, 6});
  table.add_numeric("age", {74, nan_value, 56}).add_text("hospital", {"north", "south", ""});
  return table;
}

}  // namespace

TEST_CASE("columns of numbers and of text, with missing values") {
  const Table table = three_patients();
  CHECK(table.rows() == 3);
  CHECK(table.names() == std::vector<std::string>{"age", "hospital"});
  CHECK(table.has("age"));
  CHECK_FALSE(table.has("Age"));
  CHECK(table.is_numeric("age"));
  CHECK_FALSE(table.is_numeric("hospital"));
  CHECK(table.numeric("age")[0] == 74);
  CHECK(std::isnan(table.numeric("age")[1]));
  CHECK(table.text("hospital")[1] == "south");
  CHECK(table.missing("age", 1));
  CHECK_FALSE(table.missing("age", 2));
  CHECK(table.missing("hospital", 2));
  CHECK_FALSE(table.missing("hospital", 0));
}

TEST_CASE("rows remember their file and line") {
  const Table table = three_patients();
  CHECK(table.source() == "p.csv");
  CHECK(table.line(2) == 6);
  CHECK(table.where(2) == "p.csv, line 6");
  CHECK(table.where(2, "age") == "p.csv, line 6, column \"age\"");
  CHECK(table.select(std::vector<std::size_t>{2}).where(0) == "p.csv, line 6");
  Table memory("simulated");
  memory.add_numeric("x", {1, 2});
  CHECK(memory.line(1) == 0);
  CHECK(memory.where(1) == "simulated, row 2");
  Table nameless;
  nameless.add_numeric("x", {1});
  CHECK(nameless.where(0, "x") == "the table, row 1, column \"x\"");
}

TEST_CASE("an unknown column lists the columns and suggests the closest") {
  const Table table = three_patients();
  const std::string expected =
      R"(p.csv has no column "hospitl"; did you mean "hospital"? Its columns are "age", "hospital")";
  CHECK(message_of(error::unknown_name, [&] { (void)table.text("hospitl"); }) == expected);
  CHECK(message_of(error::unknown_name, [&] { (void)table.numeric("hospitl"); }) == expected);
  CHECK(message_of(error::unknown_name, [&] { (void)table.complete_rows({"age", "hospitl"}); }) == expected);
  CHECK(message_of(error::unknown_name, [&] { (void)table.missing("hospitl", 0); }) == expected);
  CHECK(message_of(error::unknown_name, [&] { (void)table.is_numeric("x"); }) ==
        R"(p.csv has no column "x". Its columns are "age", "hospital")");
  CHECK(message_of(error::unknown_name, [&] { (void)Table().numeric("x"); }) ==
        R"(the table has no column "x". Its columns are none)");
}

TEST_CASE("the wrong kind of column names file, line and offending text") {
  const Table table = three_patients();
  CHECK(message_of(error::csv, [&] { (void)table.numeric("hospital"); }) ==
        "p.csv, line 2, column \"hospital\": expected a number, got \"north\"; correct it, or leave the "
        "field empty if "
        "the value is missing");
  Table digits("d.csv");
  digits.add_text("code", {"12", "x\ny"}).add_text("zip", {"12", "13"});
  CHECK(message_of(error::csv, [&] {
          (void)digits.numeric("code");
        }).find(R"(row 2, column "code": expected a number, got "x\ny")") != std::string::npos);
  CHECK(message_of(error::csv, [&] { (void)digits.numeric("zip"); }) ==
        "d.csv, column \"zip\": expected numbers, but it was added as text; use add_numeric()");
  CHECK(message_of(error::csv, [&] { (void)table.text("age"); }) ==
        "p.csv, column \"age\": expected text, but every value in it is a number; read it with numeric()");
}

TEST_CASE("complete rows and selections") {
  const Table table = three_patients();
  CHECK(table.complete_rows({"age"}) == std::vector<std::size_t>{0, 2});
  CHECK(table.complete_rows({"age", "hospital"}) == std::vector<std::size_t>{0});
  CHECK(table.complete_rows({}) == std::vector<std::size_t>{0, 1, 2});
  const Table picked = table.select(std::vector<std::size_t>{2, 0, 0});
  CHECK(picked.rows() == 3);
  CHECK(picked.numeric("age")[0] == 56);
  CHECK(picked.text("hospital")[2] == "north");
  CHECK(picked.line(0) == 6);
  const Table none = table.select({});
  CHECK(none.rows() == 0);
  CHECK(none.names() == table.names());
  CHECK_FALSE(none.is_numeric("hospital"));
  CHECK(message_of(error::invalid_argument, [&] {
          (void)table.select(std::vector<std::size_t>{0, 3});
        }) == "p.csv: expected a row below 3 (counted from 0), got 3");
  CHECK(message_of(error::invalid_argument, [&] { (void)table.where(3); }) != "(no Error)");
}

TEST_CASE("a column must fit") {
  Table table = three_patients();
  CHECK(message_of(error::invalid_argument, [&] {
          table.add_numeric("age", {1, 2, 3});
        }) == "p.csv: there already is a column \"age\"");
  CHECK(message_of(error::invalid_argument, [&] {
          table.add_numeric("", {1, 2, 3});
        }) == "p.csv: a new column has no name");
  CHECK(message_of(error::invalid_argument, [&] { table.add_text("new", {"a"}); }) ==
        "p.csv, new column \"new\": expected 3 values, got 1");
  const double infinity = std::numeric_limits<double>::infinity();
  CHECK(message_of(error::not_finite, [&] {
          table.add_numeric("new", {1, -infinity, 3});
        }).find("row 2 of the new column \"new\"") == 0);
  CHECK(same(table, three_patients()));  // a refused column changes nothing
}

TEST_CASE("many columns are all found") {
  Table table;
  for (int i = 0; i < 300; ++i)
    table.add_numeric("c" + std::to_string(i * 7919 % 300), {static_cast<double>(i * 7919 % 300)});
  for (int i = 0; i < 300; ++i) CHECK(table.numeric("c" + std::to_string(i))[0] == i);
}

TEST_CASE("appending rows") {
  Table all;
  all.append(three_patients());
  Table more("q.csv", std::vector<std::size_t>{9});
  more.add_text("hospital", {"east"}).add_numeric("age", {33});  // another order of columns
  all.append(more);
  CHECK(all.rows() == 4);
  CHECK(all.names() == three_patients().names());
  CHECK(all.numeric("age")[3] == 33);
  CHECK(all.text("hospital")[3] == "east");
  CHECK(all.where(3) == "q.csv, line 9");
  CHECK(all.where(0) == "p.csv, line 2");
  CHECK(all.source() == "p.csv and 1 more");
  all.append(all);
  CHECK(all.rows() == 8);
  CHECK(all.where(7) == "q.csv, line 9");
  CHECK(all.numeric("age")[7] == 33);
}

TEST_CASE("appending a column without values takes the other's kind") {
  Table empty("e.csv", std::vector<std::size_t>{2});
  empty.add_numeric("age", {nan_value}).add_numeric("hospital", {nan_value});
  Table a = three_patients();
  a.append(empty);
  CHECK(a.missing("hospital", 3));
  CHECK(a.missing("age", 3));
  empty.append(three_patients());
  CHECK(empty.missing("hospital", 0));
  CHECK(empty.text("hospital")[1] == "north");
  CHECK(empty.numeric("age")[3] == 56);
}

TEST_CASE("appending what does not fit is refused and changes nothing") {
  Table table = three_patients();
  Table wrong("w.csv", std::vector<std::size_t>{5});
  wrong.add_text("age", {"old"}).add_text("hospital", {"east"});
  CHECK(message_of(error::csv, [&] {
          table.append(wrong);
        }).find("w.csv, line 5, column \"age\": expected a number, got \"old\"") == 0);
  CHECK(message_of(error::csv, [&] { wrong.append(three_patients()); }).find("w.csv, line 5") == 0);
  Table fewer("f.csv");
  fewer.add_numeric("age", {1});
  CHECK(message_of(error::unknown_name, [&] {
          table.append(fewer);
        }).find("f.csv has no column \"hospital\"") == 0);
  CHECK(message_of(error::unknown_name, [&] {
          fewer.append(table);
        }).find("f.csv has no column \"hospital\"") == 0);
  CHECK(same(table, three_patients()));
  CHECK(fewer.rows() == 1);
}

}  // namespace data_table_test
