#include "healthai/statistics/covariates.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

#include "healthai/serialization/archive.hpp"

namespace statistics_covariates_test {

using namespace healthai;

namespace {

std::string error_of(const std::string& text) {
  try {
    static_cast<void>(parse_covariates(text));
  } catch (const Error& e) {
    CHECK(e.id() == error::invalid_argument);
    return e.what();
  }
  return "";
}

}  // namespace

TEST_CASE("covariates as a person writes them") {
  const auto all = parse_covariates("age, C(cell type) ,sex,C(ward, B 2)");
  REQUIRE(all.size() == 4);
  CHECK(all[0] == Covariate{"age", false, {}});
  CHECK(all[1] == Covariate{"cell type", true, {}});
  CHECK(all[2] == Covariate{"sex", false, {}});
  CHECK(all[3] == Covariate{"ward", true, {"B 2"}});
  CHECK(parse_covariates("").empty());
  CHECK(columns_of(all) == std::vector<std::string>{"age", "cell type", "sex", "ward"});
}

TEST_CASE("what is no list of covariates") {
  CHECK(error_of("age,,sex").find("a name is empty") != std::string::npos);
  CHECK(error_of("age,").find("a name is empty") != std::string::npos);
  CHECK(error_of("C()").find("a name is empty") != std::string::npos);
  CHECK(error_of("C(ward,)").find("a name is empty") != std::string::npos);
  CHECK(error_of("C(ward").find("a bracket is not closed") != std::string::npos);
  CHECK(error_of("C(ward)x,age").find("something between a bracket and the next comma") != std::string::npos);
  CHECK(error_of("age,C(age)").find("\"age\" is named twice") != std::string::npos);
}

TEST_CASE("the model matrix has an indicator for each level but the first") {
  Table table("t");
  table.add_numeric("age", {50, 60, 70, 80})
      .add_text("cell", {"b", "a", "c", "a"})
      .add_numeric("grade", {2, 3, 2, 10});
  const std::vector<Covariate> covariates{
      {"cell", true, {"b", "a", "c"}}, {"age", false, {}}, {"grade", true, {"2", "3", "10"}}};
  CHECK(term_names(covariates) == std::vector<std::string>{"cella", "cellc", "age", "grade3", "grade10"});
  const DesignMatrix x = model_matrix(table, covariates);
  CHECK(x.names == term_names(covariates));
  CHECK(x.rows == 4);
  CHECK(x.values == std::vector<double>{0, 0, 50, 0, 0,  //
                                        1, 0, 60, 1, 0,  //
                                        0, 1, 70, 0, 0,  //
                                        1, 0, 80, 0, 1});
  // A covariate of one level, or none, has no column.
  CHECK(model_matrix(table.select(std::vector<std::size_t>{1, 3}), {{"cell", true, {"a"}}}).cols == 0);
}

TEST_CASE("a level that was not agreed on is refused and not named") {
  Table table("t");
  table.add_text("cell", {"large", "rarest of all"});
  CHECK(level_indices(table.select(std::vector<std::size_t>{0}), "cell", {"small", "large"}) ==
        std::vector<std::size_t>{1});
  try {
    static_cast<void>(model_matrix(table, {{"cell", true, {"small", "large"}}}));
    FAIL("expected an error");
  } catch (const Error& e) {
    CHECK(e.id() == error::invalid_data);
    const std::string text = e.what();
    CHECK(text.find("\"cell\"") != std::string::npos);
    CHECK(text.find("\"small\", \"large\"") != std::string::npos);
    CHECK(text.find("rarest") == std::string::npos);
  }
}

TEST_CASE("missing numbers and unknown columns are errors") {
  Table table("t");
  table.add_numeric("age", {50, std::nan("")});
  CHECK_THROWS_AS(static_cast<void>(model_matrix(table, {{"age", false, {}}})), Error);
  CHECK_THROWS_AS(static_cast<void>(model_matrix(table, {{"sex", false, {}}})), Error);
  CHECK_THROWS_AS(static_cast<void>(model_matrix(table, {{"sex", true, {"1", "2"}}})), Error);
}

TEST_CASE("covariates travel") {
  const std::vector<Covariate> covariates{{"cell", true, {"b", "a"}}, {"age", false, {}}};
  CHECK(from_bytes<std::vector<Covariate>>(to_bytes(covariates)) == covariates);
}

}  // namespace statistics_covariates_test
