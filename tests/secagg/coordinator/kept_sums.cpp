#include "healthai/secagg/coordinator/kept_sums.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <string>

#include "healthai/serialization/archive.hpp"
#include "refusals.hpp"
#include "test_folder.hpp"

namespace secagg_kept_sums_test {

using namespace healthai;
using namespace healthai::secagg;
using refusals_test::error_of;

namespace {

KeptSum sum_of(const std::string& task, std::uint64_t run, std::uint64_t round, std::uint32_t attempt = 0) {
  KeptSum sum;
  sum.task = task;
  sum.terms.id = {run, round, attempt};
  sum.terms.plan = SegmentPlan({}, {ScalarSegment::count("rows", 9)}, 100, 5);
  sum.masked.request = {{static_cast<std::uint8_t>(round)}};
  sum.masked.survivors = {0, 2, 4};
  sum.masked.keys.emplace(2, AdvertisedKeys{});
  sum.masked.sum = RingVector(64, 3);
  sum.masked.sum.visit([&](auto words) { words[1] = static_cast<std::uint32_t>(1000 * round); });
  sum.failures = {{"b", "late", "client b did not reply"}};
  return sum;
}

}  // namespace

TEST_CASE("a sum that is kept is found again, as it was, by its task, run and round") {
  const TestFolder folder;
  for (const std::string& path : {std::string(), folder.file("sums")}) {
    CAPTURE(path);
    KeptSums kept(path);
    const KeptSum sum = sum_of("train.f64", 7, 3, 1);
    kept.keep(sum);
    kept.keep(sum_of("evaluate.f64", 7, 3));
    const auto found = kept.find("train.f64", {7, 3, 5});
    REQUIRE(found);
    CHECK(to_bytes(*found) == to_bytes(sum));
    CHECK(kept.find("evaluate.f64", {7, 3, 0})->task == "evaluate.f64");
    for (const RoundId& id : {RoundId{7, 2, 1}, RoundId{7, 4, 1}, RoundId{8, 3, 1}})
      CHECK_FALSE(kept.find("train.f64", id));
    CHECK_FALSE(kept.find("train.f32", {7, 3, 1}));
    KeptSum opened = sum;
    opened.opened = true;
    opened.masked.keys.clear();
    kept.keep(opened);
    CHECK(kept.find("train.f64", {7, 3, 1})->opened);
  }
}

TEST_CASE("on disk they are there after a restart, for their owner only, until they are forgotten") {
  const TestFolder folder;
  const std::string path = folder.file("sums");
  {
    KeptSums kept(path);
    for (const std::uint64_t round : {1U, 2U, 17U}) kept.keep(sum_of("train.f64", 7, round));
    kept.keep(sum_of("evaluate.f64", 7, 2));
    kept.keep(sum_of("train.f64", 0x17, 1));
    CHECK(error_of([&] { const KeptSums second(path); }) == "file");  // one at a time
  }
  for (const auto& entry : std::filesystem::directory_iterator(path)) {
    CHECK((entry.status().permissions() & std::filesystem::perms::all) ==
          (std::filesystem::perms::owner_read | std::filesystem::perms::owner_write));
  }
  KeptSums kept(path);
  kept.forget(7, 2);
  CHECK_FALSE(kept.find("train.f64", {7, 1, 0}));
  CHECK_FALSE(kept.find("train.f64", {7, 2, 0}));
  CHECK_FALSE(kept.find("evaluate.f64", {7, 2, 0}));
  CHECK(kept.find("train.f64", {7, 17, 0}));
  CHECK(kept.find("train.f64", {0x17, 1, 0}));
  kept.forget(7, 17);
  CHECK_FALSE(kept.find("train.f64", {7, 17, 0}));
}

TEST_CASE("what a killed process had begun to write is gone when the folder is opened, and nothing else is") {
  const TestFolder folder;
  const std::string path = folder.file("sums");
  { KeptSums(path).keep(sum_of("train.f64", 7, 1)); }
  std::string kept_file;
  for (const auto& entry : std::filesystem::directory_iterator(path)) {
    if (entry.path().extension() == ".sum") kept_file = entry.path().string();
  }
  REQUIRE_FALSE(kept_file.empty());
  // As a process leaves it that is killed between write and rename: of this sum, and of one that has no file.
  const std::string unfinished = kept_file + ".4711-1700000000-123456789.tmp";
  std::string of_no_sum = unfinished;
  of_no_sum.replace(path.size() + 1, 1, "f");
  std::filesystem::copy_file(kept_file, unfinished);
  std::filesystem::copy_file(kept_file, of_no_sum);
  const std::string notes = path + "/notes.sum.v2.tmp";  // not ours
  std::filesystem::copy_file(kept_file, notes);
  {
    const healthai::detail::FileLock other(path + "/lock");  // who writes there now keeps the file
    CHECK(error_of([&] { const KeptSums second(path); }) == "file");
    CHECK(std::filesystem::exists(unfinished));
  }
  const KeptSums kept(path);
  CHECK_FALSE(std::filesystem::exists(unfinished));
  CHECK_FALSE(std::filesystem::exists(of_no_sum));
  CHECK(std::filesystem::exists(notes));
  CHECK(kept.find("train.f64", {7, 1, 0}));
}

TEST_CASE("in memory the latest of each task is kept") {
  KeptSums kept;
  for (const std::uint64_t round : {1U, 2U}) kept.keep(sum_of("train.f64", 7, round));
  CHECK_FALSE(kept.find("train.f64", {7, 1, 0}));
  CHECK(kept.find("train.f64", {7, 2, 0}));
  kept.forget(8, 2);
  kept.forget(7, 1);
  CHECK(kept.find("train.f64", {7, 2, 0}));
  kept.forget(7, 2);
  CHECK_FALSE(kept.find("train.f64", {7, 2, 0}));
}

TEST_CASE("a damaged file is no reason for a second sum") {
  const TestFolder folder;
  KeptSums kept(folder.file("sums"));
  kept.keep(sum_of("train.f64", 7, 1));
  std::string path;
  for (const auto& entry : std::filesystem::directory_iterator(folder.file("sums"))) {
    if (entry.path().extension() == ".sum") path = entry.path().string();
  }
  REQUIRE_FALSE(path.empty());
  kept.keep(sum_of("train.f64", 7, 2));
  const auto of_round_2 = path.substr(0, path.rfind('/') + 1 + 16 + 1 + 15) + "2" +
                          path.substr(path.rfind('/') + 1 + 16 + 1 + 16);
  REQUIRE(std::filesystem::exists(of_round_2));
  std::filesystem::copy_file(path, of_round_2, std::filesystem::copy_options::overwrite_existing);
  CHECK(error_of([&] { (void)kept.find("train.f64", {7, 2, 0}); }) == "archive_corrupt");
  std::filesystem::resize_file(path, std::filesystem::file_size(path) - 1);
  CHECK(error_of([&] { (void)kept.find("train.f64", {7, 1, 0}); }) == "archive_truncated");
  CHECK(error_of([&] { const KeptSums nowhere(folder.file("no/such")); }) == "file");
}

}  // namespace secagg_kept_sums_test
