#include "healthai/statistics/answered_rows.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <vector>

#include "healthai/serialization/sealed_file.hpp"
#include "refusals.hpp"
#include "statistics/toy.hpp"
#include "test_folder.hpp"

namespace statistics_answered_rows_test {

using namespace healthai;
using refusals_test::error_of;
using refusals_test::refuses;
using statistics_toy::patients;

namespace {

/// From `first` to before `last`.
std::vector<std::size_t> range(std::size_t first, std::size_t last) {
  std::vector<std::size_t> rows;
  for (std::size_t row = first; row < last; ++row) rows.push_back(row);
  return rows;
}
/// What the file holds, and what it held before it kept questions.
struct Stored {
  std::uint64_t table = 0, rows = 0;
  std::vector<std::vector<std::uint64_t>> sets{};
  std::vector<std::string> questions{};
  std::vector<std::vector<std::uint64_t>> told_by{};
  static constexpr std::uint32_t newest_version = 1;

  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& table& rows& sets& questions& told_by;
  }
};
struct StoredBefore {
  std::uint64_t table = 0, rows = 0;
  std::vector<std::vector<std::uint64_t>> sets{};

  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& table& rows& sets;
  }
};
/// Whether an answer about these rows may leave; then it does.
bool answers(AnsweredRows& answered, const std::vector<std::vector<std::size_t>>& sets,
             std::size_t smallest = 5) {
  try {
    answered.require_no_difference(sets, smallest);
  } catch (const Error& e) {
    CHECK(e.id() == error::disclosure);
    CHECK(std::string(e.what()).starts_with("smallest_cell: "));
    CHECK_THROWS_AS(answered.note(sets, smallest), Error);
    return false;
  }
  answered.note(sets, smallest);
  return true;
}

}  // namespace

TEST_CASE("answered rows: two answers differ in none or in enough") {
  AnsweredRows answered(patients(200));
  CHECK(answers(answered, {range(0, 100)}));
  CHECK(answers(answered, {range(0, 100)}));  // the same again
  CHECK(answered.size() == 1);
  CHECK_FALSE(answers(answered, {range(0, 103)}));  // three more
  CHECK_FALSE(answers(answered, {range(3, 100)}));  // three fewer
  CHECK_FALSE(answers(answered, {range(2, 102)}));  // two fewer and two more
  CHECK_FALSE(answers(answered, {range(0, 104)}));
  CHECK(answered.size() == 1);
  CHECK(answers(answered, {range(0, 105)}));
  CHECK_FALSE(answers(answered, {range(0, 101)}));  // four from the second
  CHECK(answers(answered, {range(100, 200)}));
  CHECK(answered.size() == 3);
  const std::vector<std::vector<std::size_t>> nobody{{200}};
  refuses([&] { return answered.note(nobody, 5), 0; }, "row 200");
}

TEST_CASE("answered rows: every pair of what was answered differs in none or in enough") {
  CHECK(rc::check("pairs", [] {
    AnsweredRows answered(patients(70));
    const auto smallest = *rc::gen::inRange<std::size_t>(1, 6);
    std::vector<std::set<std::size_t>> told;
    for (int i = 0; i < 30; ++i) {
      // Sets that are close to each other: most of 0..69.
      std::set<std::size_t> rows;
      for (const std::size_t row : range(0, 70)) rows.insert(row);
      for (const std::size_t row :
           *rc::gen::container<std::vector<std::size_t>>(3, rc::gen::inRange<std::size_t>(0, 70)))
        rows.erase(row);
      const bool allowed = std::all_of(told.begin(), told.end(), [&](const std::set<std::size_t>& other) {
        std::vector<std::size_t> difference;
        std::set_symmetric_difference(rows.begin(), rows.end(), other.begin(), other.end(),
                                      std::back_inserter(difference));
        return difference.empty() || difference.size() >= smallest;
      });
      RC_ASSERT(answers(answered, {{rows.begin(), rows.end()}}, smallest) == allowed);
      if (allowed) told.push_back(rows);
    }
  }));
}

TEST_CASE("answered rows: groups are compared with those of earlier answers") {
  AnsweredRows answered(patients(100));
  CHECK(answers(answered, {range(0, 100), range(0, 40), range(40, 100), {}}));
  CHECK(answered.size() == 3);  // nobody is no group
  CHECK_FALSE(answers(answered, {range(0, 100), range(0, 43), range(43, 100)}));
  CHECK_FALSE(answers(answered, {range(0, 41)}));  // a cohort that is nearly a group
  CHECK(answers(answered, {range(0, 100), range(0, 45), range(45, 100)}));
  CHECK(answered.size() == 5);
  // Those of one answer are not compared with each other: it hides what they would tell.
  CHECK(answers(answered, {range(0, 80), range(0, 78)}));
}

TEST_CASE("answered rows: a restart forgets nothing") {
  const TestFolder folder;
  const Table table = patients(100);
  {
    AnsweredRows answered(table, folder.file("answered"));
    CHECK(answers(answered, {range(0, 50)}));
    refuses([&] { return AnsweredRows(table, folder.file("answered")).size(); }, error::file, "another");
  }
  {
    AnsweredRows answered(table, folder.file("answered"));
    CHECK(answered.size() == 1);
    CHECK_FALSE(answers(answered, {range(0, 53)}));
    CHECK(answers(answered, {range(0, 50)}));
    CHECK(answers(answered, {range(0, 60)}));
  }
  AnsweredRows answered(table, folder.file("answered"));
  CHECK(answered.size() == 2);
  CHECK_FALSE(answers(answered, {range(0, 57)}));
}

TEST_CASE("answered rows: a question is answered again about the rows that it has told of") {
  const TestFolder folder;
  const Table table = patients(100);
  // All rows, and those without a missing value: they differ by two.
  const std::vector<AnsweredRows::Rows> described{range(0, 100), range(2, 100), range(2, 100)};
  {
    AnsweredRows answered(table, folder.file("answered"));
    answered.note(described, 5, "describe score");
    CHECK(answered.size() == 2);  // equal ones once
    CHECK_NOTHROW(answered.require_no_difference(described, 5, "describe score"));
    CHECK_NOTHROW(answered.note(described, 5, "describe score"));
    CHECK(answered.size() == 2);
  }
  AnsweredRows answered(table, folder.file("answered"));
  CHECK_NOTHROW(answered.note(described, 5, "describe score"));
  // To another question, or to none, about these rows or the others: the answers differ by two patients.
  for (const std::string question : {"describe age", ""}) {
    CHECK(error_of([&] { return answered.require_no_difference(described, 5, question), 0; }) ==
          "disclosure");
    CHECK(error_of([&] { return answered.note(described, 5, question), 0; }) == "disclosure");
  }
  // Nor to the same about other rows than it has told of, such as rules that have changed would show.
  const std::vector<AnsweredRows::Rows> others{range(3, 100)};
  CHECK(error_of([&] { return answered.note(others, 5, "describe score"), 0; }) == "disclosure");
  CHECK(answered.size() == 2);
}

TEST_CASE("answered rows: rows that two questions have told of are kept once, for both") {
  const TestFolder folder;
  const Table table = patients(100);
  const std::vector<AnsweredRows::Rows> half{range(0, 50)};
  {
    AnsweredRows answered(table, folder.file("answered"));
    answered.note(half, 5, "first");
    answered.note(half, 5, "second");
    CHECK(answered.size() == 1);
    // Under looser rules a neighbour is told of.
    answered.note(std::vector<AnsweredRows::Rows>{range(0, 52)}, 1, "third");
    CHECK(answered.size() == 2);
  }
  AnsweredRows answered(table, folder.file("answered"));
  CHECK_NOTHROW(answered.note(half, 5, "first"));
  CHECK_NOTHROW(answered.note(half, 5, "second"));
  CHECK(error_of([&] { return answered.note(half, 5, "third"), 0; }) == "disclosure");
}

TEST_CASE("answered rows: a file of the version without questions is read") {
  const TestFolder folder;
  const std::string path = folder.file("answered");
  const Table table = patients(64);
  const std::vector<AnsweredRows::Rows> most{range(0, 62)};
  { AnsweredRows(table, path).note(most, 5, "first"); }
  const auto now = read_sealed_file<Stored>(path + "/answered", "ROWS");
  CHECK(now.questions == std::vector<std::string>{"first"});
  write_sealed_file(path + "/answered", "ROWS", StoredBefore{now.table, now.rows, now.sets});
  AnsweredRows answered(table, path);
  CHECK(answered.size() == 1);
  CHECK(error_of([&] {
          return answered.note(std::vector<AnsweredRows::Rows>{range(0, 60)}, 5, "first"), 0;
        }) == "disclosure");
  CHECK_NOTHROW(answered.note(most, 5, "first"));
}

TEST_CASE("answered rows: the folder belongs to one snapshot") {
  const TestFolder folder;
  const std::string path = folder.file("answered");
  {
    AnsweredRows answered(patients(100), path);
    CHECK(answers(answered, {range(0, 50)}));
  }
  const auto opened = [&](const Table& table) {
    return error_of([&] { return AnsweredRows(table, path).size(); });
  };
  CHECK(opened(patients(100)) == "");
  CHECK(opened(patients(101)) == "invalid_data");
  CHECK(opened(patients(100, 51)) == "invalid_data");
  Table renamed("patients");
  const Table original = patients(100);
  const auto ages = original.numeric("age");
  const auto scores = original.numeric("score");
  renamed.add_numeric("years", {ages.begin(), ages.end()})
      .add_numeric("score", {scores.begin(), scores.end()});
  CHECK(opened(renamed) == "invalid_data");
  // A damaged file is no new beginning.
  std::ofstream(path + "/answered", std::ios::binary) << "HEALTHAI";
  CHECK(opened(patients(100)) == "archive_truncated");
}

TEST_CASE("answered rows: what cannot be written down is not answered, and not remembered as if it were") {
  const TestFolder folder;
  AnsweredRows answered(patients(100), folder.file("answered"));
  std::filesystem::create_directory(folder.file("answered") +
                                    "/answered");  // a folder where the file should be
  CHECK(error_of([&] {
          answered.note(std::vector<AnsweredRows::Rows>{range(0, 50)}, 5);
          return 0;
        }) == "file");
  CHECK(answered.size() == 0);
  std::filesystem::remove(folder.file("answered") + "/answered");
  CHECK(answers(answered, {range(0, 50)}));
}

}  // namespace statistics_answered_rows_test
