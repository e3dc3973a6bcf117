#include "healthai/data/patient_rows.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "healthai/data/csv.hpp"

namespace data_patient_rows_test {

using namespace healthai;

namespace {

using Rows = std::vector<std::vector<std::size_t>>;

std::string refusal(const Table& table, const std::string& column) {
  try {
    static_cast<void>(rows_by_patient(table, column));
  } catch (const Error& e) {
    return std::string(e.id().name()) + ": " + e.what();
  }
  return {};
}

}  // namespace

TEST_CASE("the rows of a patient, wherever they are") {
  const Table table = parse_csv("patient,name,age\n7,b,1\n3,a,2\n7,b,3\n3.0,c,4\n10,a,5\n", "t.csv");
  CHECK(rows_by_patient(table, "patient") == Rows{{1, 3}, {0, 2}, {4}});
  CHECK(rows_by_patient(table, "name") == Rows{{0, 2}, {1, 4}, {3}});
  CHECK(rows_by_patient(table.select(std::vector<std::size_t>{}), "patient").empty());
}

TEST_CASE("a row that names nobody, and a column that is not there") {
  const Table table = parse_csv("patient,age\n7,1\n,2\n", "t.csv");
  CHECK(refusal(table, "patient").find("invalid_data: ") == 0);
  CHECK(refusal(table, "patient").find("line 3") != std::string::npos);
  CHECK(refusal(table, "patient").find("whose row this is") != std::string::npos);
  CHECK(refusal(table, "patients").find("unknown_name: ") == 0);
}

}  // namespace data_patient_rows_test
