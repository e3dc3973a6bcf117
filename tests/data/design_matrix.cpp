#include "healthai/data/design_matrix.hpp"

#include <doctest/doctest.h>
#include <string>
#include <vector>

#include "csv_text.hpp"
#include "healthai/data/csv.hpp"

namespace data_design_matrix_test {

using csv_test::message_of;
using healthai::design_matrix;
using healthai::DesignMatrix;
using healthai::parse_csv;
using healthai::Table;
namespace error = healthai::error;

namespace {

Table table() {
  return parse_csv("age,sex,ward,time,dead\n74,1,A,10,1\n68,2,B,0,0\n56,1,,-3,2\n,2,A,7,\n", "t.csv");
}
Table complete() {
  return table().select(std::vector<std::size_t>{0, 1});
}

}  // namespace

TEST_CASE("covariates as a row-major matrix") {
  const Table data = table();
  DesignMatrix x = design_matrix(data.select(data.complete_rows({"sex", "age"})), {"sex", "age"});
  CHECK(x.rows == 3);
  CHECK(x.cols == 2);
  CHECK(x.names == std::vector<std::string>{"sex", "age"});
  CHECK(x.values == std::vector<double>{1, 74, 2, 68, 1, 56});
  CHECK(x.matrix().rows() == 3);
  CHECK(x.matrix().cols() == 2);
  CHECK(x.matrix()(1, 1) == 68);
  CHECK(x.row(2)[1] == 56);
  x.matrix()(1, 1) = 5;  // a view, not a copy
  CHECK(x.values[3] == 5);
  const DesignMatrix& constant = x;
  CHECK(constant.matrix().data() == x.values.data());
  const DesignMatrix::RowMajor copy = constant.matrix();
  CHECK(copy(2, 0) == 1);
}

TEST_CASE("no rows, no columns") {
  const DesignMatrix no_rows = design_matrix(table().select({}), {"age"});
  CHECK(no_rows.matrix().rows() == 0);
  CHECK(no_rows.matrix().cols() == 1);
  const DesignMatrix no_columns = design_matrix(table(), {});
  CHECK(no_columns.matrix().rows() == 4);
  CHECK(no_columns.values.empty());
}

TEST_CASE("columns that cannot be covariates") {
  CHECK(message_of(error::csv, [] {
          (void)design_matrix(table(), {"sex", "ward"});
        }).find("t.csv, line 2, column \"ward\": expected a number, got \"A\"") == 0);
  CHECK(message_of(error::invalid_data,
                   [] {
                     (void)design_matrix(table(), {"sex", "age"});
                   }) ==
        "t.csv, line 5, column \"age\": expected a number, but the value is missing; keep only the complete "
        "rows first: "
        "table.select(table.complete_rows(the columns used))");
  CHECK(message_of(error::unknown_name, [] {
          (void)design_matrix(table(), {"sec"});
        }).find("did you mean \"sex\"?") != std::string::npos);
  CHECK(message_of(error::invalid_argument, [] {
          (void)design_matrix(complete(), {"age", "sex", "age"});
        }) == "covariates: expected each column once, got \"age\" twice; remove one");
}

TEST_CASE("targets") {
  CHECK(healthai::numeric_target(table(), "time") == std::vector<double>{10, 0, -3, 7});
  CHECK(healthai::nonnegative_target(complete(), "time") == std::vector<double>{10, 0});
  CHECK(healthai::binary_target(complete(), "dead") == std::vector<double>{1, 0});
  CHECK(message_of(error::invalid_data, [] { (void)healthai::nonnegative_target(table(), "time"); }) ==
        "t.csv, line 4, column \"time\": expected a value of 0 or more, got -3");
  CHECK(message_of(error::invalid_data, [] {
          (void)healthai::binary_target(table().select(std::vector<std::size_t>{0, 2}), "dead");
        }) == "t.csv, line 4, column \"dead\": expected 0 (no) or 1 (yes), got 2");
  CHECK(message_of(error::invalid_data, [] {
          (void)healthai::numeric_target(table(), "dead");
        }).find("t.csv, line 5, column \"dead\": expected a number, but the value is missing") == 0);
  CHECK(message_of(error::csv, [] { (void)healthai::binary_target(table(), "ward"); }) != "(no Error)");
}

}  // namespace data_design_matrix_test
