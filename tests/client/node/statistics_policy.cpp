#include "healthai/client/node/statistics_policy.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "client/node/scratch.hpp"
#include "folders.hpp"

namespace client_node_statistics_policy_test {

using namespace healthai;
using node_test::error_of;
using node_test::has;

namespace {

DisclosureRules parse(const std::string& settings) {
  return Policy::parse("{\"statistics\": " + settings + "}", "policy.json").statistics;
}
std::string error_in(const std::string& settings) {
  return error_of([&] { static_cast<void>(parse(settings)); });
}

constexpr const char* whole = R"({
  "columns": ["age", "sex", "time", "dead"],
  "levels": {"sex": [1, "2"], "age": ["old"]},
  "most_cut_points": {"age": 8},
  "time_grid": [0, 182.5, 365],
  "minimum_rows": 20, "minimum_events": 15, "smallest_cell": 6, "rows_per_parameter": 12.5, "residual_degrees": 11,
  "single_values": true, "most_steps": 30, "largest_coefficient": 15,
  "cohorts": {"elderly": ["age >= 60", "sex == 1"], "everybody": []},
  "free_filters": true,
  "bounds": {"age": [0, 120], "time": [-0.5, 1e4]}, "most_rows": 5000
})";

}  // namespace

TEST_CASE("statistics policy: every setting is read, and none is needed") {
  const DisclosureRules rules = parse(whole);
  CHECK(rules.enforced);
  CHECK_FALSE(rules.in_sum);
  CHECK(rules.columns == std::set<std::string>{"age", "dead", "sex", "time"});
  CHECK(rules.levels == std::map<std::string, std::set<std::string>>{{"age", {"old"}}, {"sex", {"1", "2"}}});
  CHECK(rules.most_cut_points == std::map<std::string, std::size_t>{{"age", 8}});
  CHECK(rules.time_grid == std::vector<double>{0, 182.5, 365});
  CHECK(rules.minimum_rows == 20);
  CHECK(rules.minimum_events == 15);
  CHECK(rules.smallest_cell == 6);
  CHECK(rules.rows_per_parameter == 12.5);
  CHECK(rules.residual_degrees == 11);
  CHECK(rules.single_values);
  CHECK(rules.most_steps == 30);
  CHECK(rules.largest_coefficient == 15);
  CHECK(rules.cohorts.at("elderly") ==
        std::vector<RowFilter>{parse_filter("age >= 60"), parse_filter("sex == 1")});
  CHECK(rules.cohorts.at("everybody").empty());
  CHECK(rules.free_filters);
  CHECK(rules.bounds == std::map<std::string, ValueBounds>{{"age", {0, 120}}, {"time", {-0.5, 10000}}});
  CHECK(rules.most_rows == 5000);
  // Left out, they are those of the library, which allow nothing.
  for (const DisclosureRules& none : {parse("{}"), Policy::parse("{}").statistics}) {
    const DisclosureRules standard;
    CHECK(none.enforced);
    CHECK(none.columns.empty());
    CHECK(none.levels.empty());
    CHECK(none.most_cut_points.empty());
    CHECK(none.time_grid.empty());
    CHECK(none.cohorts.empty());
    CHECK_FALSE(none.single_values);
    CHECK_FALSE(none.free_filters);
    CHECK(none.bounds.empty());
    CHECK(none.most_rows == 0);
    CHECK(none.minimum_rows == standard.minimum_rows);
    CHECK(none.minimum_events == standard.minimum_events);
    CHECK(none.smallest_cell == standard.smallest_cell);
    CHECK(none.rows_per_parameter == standard.rows_per_parameter);
    CHECK(none.residual_degrees == standard.residual_degrees);
    CHECK(none.most_steps == standard.most_steps);
    CHECK(none.largest_coefficient == standard.largest_coefficient);
  }
}

TEST_CASE("statistics policy: what is not understood is an error that says where") {
  const auto at = [](const std::string& settings, const std::string& pointer, const std::string& what) {
    const std::string found = error_in(settings);
    CHECK_MESSAGE(has(found, "policy: policy.json: at /statistics" + pointer + ": "), found);
    CHECK_MESSAGE(has(found, what), found);
  };
  at(R"({"minimum_row": 10})", "/minimum_row", "there is no such setting here");
  at(R"({"enforced": false})", "/enforced", "there is no such setting here");  // a file switches nothing off
  at(R"({"in_sum": true})", "/in_sum", "there is no such setting here");
  at(R"([])", "", "an object with the settings");
  at(R"({"minimum_rows": "10"})", "/minimum_rows", "a whole number of at least 1");
  at(R"({"minimum_rows": 0})", "/minimum_rows", "a whole number of at least 1");
  at(R"({"smallest_cell": 0})", "/smallest_cell", "a whole number of at least 1");
  at(R"({"minimum_events": -1})", "/minimum_events", "a whole number of at least 0");
  at(R"({"residual_degrees": 1.5})", "/residual_degrees", "a whole number");
  at(R"({"most_steps": 0})", "/most_steps", "a whole number of at least 1");
  at(R"({"rows_per_parameter": -1})", "/rows_per_parameter", "a number of at least 0");
  at(R"({"largest_coefficient": "20"})", "/largest_coefficient", "a number of at least 0");
  at(R"({"columns": "age"})", "/columns", "a list");
  at(R"({"columns": [""]})", "/columns/0", "a text of 1 to 64 bytes");
  at(R"({"single_values": 1})", "/single_values", "true or false");
  at(R"({"free_filters": "no"})", "/free_filters", "true or false");
  at(R"({"levels": ["sex"]})", "/levels", "an object with a column's name");
  at(R"({"columns": ["sex"], "levels": {"sex": [true]}})", "/levels/sex/0", "a level: a text or a number");
  at(R"({"columns": ["sex"], "levels": {"sex": "1"}})", "/levels/sex", "a list");
  at(R"({"levels": {"sex": ["1"]}})", "/levels/sex", "not among the columns");
  at(R"({"most_cut_points": {"age": 3}})", "/most_cut_points/age", "not among the columns");
  at(R"({"columns": ["age"], "most_cut_points": {"age": 0}})", "/most_cut_points/age",
     "a whole number of at least 1");
  at(R"({"most_cut_points": 8})", "/most_cut_points", "an object with a column's name");
  at(R"({"time_grid": 30})", "/time_grid", "a list of times");
  at(R"({"time_grid": [30, 30]})", "/time_grid/1", "larger than the one before");
  at(R"({"time_grid": [-30]})", "/time_grid/0", "a number of at least 0");
  at(R"({"cohorts": {"elderly": "age >= 60"}})", "/cohorts/elderly", "a list of filters");
  at(R"({"cohorts": {"elderly": ["age"]}})", "/cohorts/elderly/0", "age >= 60");
  at(R"({"cohorts": {"elderly": [60]}})", "/cohorts/elderly/0", "a filter such as");
  at(R"({"cohorts": {"": []}})", "/cohorts/", "a text of 1 to 64 bytes");
  for (const char* bad : {"8", "[0]", "[0, 1, 2]", R"(["0", 1])", R"({"lower": 0, "upper": 1})"})
    at(std::string(R"({"columns": ["age"], "bounds": {"age": )") + bad + "}}", "/bounds/age",
       "a list of two numbers, the lower and the upper bound");
  for (const char* bad : {"[1, 1]", "[2, 1]", "[-1e300, 1e300]"})
    at(std::string(R"({"columns": ["age"], "bounds": {"age": )") + bad + "}}", "/bounds/age",
       "a lower bound and a larger upper one");
  at(R"({"bounds": {"age": [0, 120]}})", "/bounds/age", "not among the columns");
  at(R"({"bounds": [0, 120]})", "/bounds", "an object with a column's name");
  at(R"({"most_rows": 0})", "/most_rows", "a whole number of at least 1");
  CHECK(has(error_in(R"({"minimum_rows": 10, "minimum_rows": 1})"), "twice"));
}

TEST_CASE("statistics policy: programs read the rules of a node's policy file") {
  const node_test::Folder folder;
  node_test::write_text(folder.file("policy.json"), R"({"tasks": {"glm_step": {"requests_per_day": 100}},
    "statistics": {"columns": ["age"], "minimum_rows": 12}})");
  const DisclosureRules rules = read_disclosure_rules(folder.file("policy.json"));
  CHECK(rules.columns == std::set<std::string>{"age"});
  CHECK(rules.minimum_rows == 12);
  node_test::write_text(folder.file("bad.json"), R"({"statistics": {"columns": ["age"]}, "taks": {}})");
  CHECK(
      has(error_of([&] { static_cast<void>(read_disclosure_rules(folder.file("bad.json"))); }), "at /taks"));
  CHECK(has(error_of([&] { static_cast<void>(read_disclosure_rules(folder.file("none.json"))); }), "file: "));
}

TEST_CASE("statistics policy: in plain English") {
  Policy policy;
  policy.tasks["glm_step"].requests_per_day = 1;
  CHECK(has(policy.describe(), "Statistics: none may leave, as no column is allowed for them.\n"));
  policy.statistics = parse(whole);
  const std::string text = policy.describe();
  CHECK_MESSAGE(has(text, R"(Statistics: of the columns age, dead, sex, time.
Statistics: of age these levels may be told apart: old.
Statistics: of sex these levels may be told apart: 1, 2.
Statistics: age may be cut at no more than 8 points.
Statistics: everybody may know that age is from 0 to 120.
Statistics: everybody may know that time is from -0.5 to 10000.
Statistics: everybody may know that there are at most 5000 rows.
Statistics: the cohort elderly may be asked for: age >= 60 and sex == 1.
Statistics: the cohort everybody may be asked for: all rows.
Statistics: a request may bring filters of its own.
Statistics: at least 20 rows, 15 events, 12.5 rows for each parameter, and 11 rows more than parameters; under secure aggregation of all hospitals together.
Statistics: no number that stands for 1 to 5 patients; no two answers whose patients differ in so few.
Statistics: patients are counted at the times: 0, 182.5, 365.
Statistics: values of single patients may leave.
Statistics: fits of at most 30 different steps, with coefficients of at most 15 per standard deviation.
)"),
                text);
}

TEST_CASE("statistics policy: the example of the documentation is understood") {
  const std::string page = node_test::read_text(source_folder() + "/docs/node-policy-and-audit.md");
  const std::string begin = "```json\n{\n  \"tasks\": {\n    \"glm_step";
  const std::size_t at = page.find(begin);
  REQUIRE(at != std::string::npos);
  const std::size_t first = at + std::string("```json\n").size();
  const Policy policy = Policy::parse(page.substr(first, page.find("```", first) - first), "the example");
  CHECK(policy.statistics.columns.contains("age"));
  CHECK_FALSE(policy.statistics.cohorts.empty());
  CHECK_FALSE(policy.statistics.time_grid.empty());
}

}  // namespace client_node_statistics_policy_test
