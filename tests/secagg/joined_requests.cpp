#include "healthai/secagg/joined_requests.hpp"

#include <doctest/doctest.h>

#include <fstream>
#include <string>

#include "healthai/core/error.hpp"
#include "test_folder.hpp"

namespace secagg_joined_requests_test {

using namespace healthai;
using secagg::JoinedRequests;

namespace {

const Digest one{{1}};
const Digest other{{2}};

std::string error_of(const std::string& path) {
  try {
    const JoinedRequests joined(path);
  } catch (const Error& e) {
    return std::string(e.id().name());
  }
  return "";
}

}  // namespace

TEST_CASE("a round that was joined, and all before it, are joined for good, whatever attempt and digest") {
  const TestFolder folder;
  for (const std::string& path : {std::string(), folder.file("joined")}) {
    CAPTURE(path);
    JoinedRequests joined(path);
    CHECK_FALSE(joined.contains("train.f64", {7, 1, 0}, one));
    joined.add("train.f64", {7, 3, 1}, one);
    joined.add("train.f64", {7, 2, 0}, one);  // does not go backwards
    for (const std::uint64_t round : {1U, 2U, 3U}) {
      for (const std::uint32_t attempt : {0U, 1U, 2U})
        CHECK(joined.contains("train.f64", {7, round, attempt}, other));
    }
    CHECK_FALSE(joined.contains("train.f64", {7, 4, 0}, one));
    CHECK_FALSE(joined.contains("train.f64", {8, 3, 1}, one));
    CHECK_FALSE(joined.contains("evaluate.f64", {7, 3, 1}, one));
  }
}

TEST_CASE("a task without rounds is known by the digest of its request") {
  JoinedRequests joined("");
  joined.add("column_moments", {0, 1, 0}, one);
  CHECK(joined.contains("column_moments", {0, 5, 0}, one));
  CHECK_FALSE(joined.contains("column_moments", {0, 1, 0}, other));
}

TEST_CASE("what was joined is joined after a restart") {
  const TestFolder folder;
  const std::string path = folder.file("joined");
  {
    JoinedRequests joined(path);
    CHECK(folder.names().empty());
    joined.add("train.f64", {7, 3, 0}, one);
    joined.add("train.f32", {7, 9, 0}, one);
    joined.add("column_moments", {}, other);
  }
  CHECK((std::filesystem::status(path).permissions() & std::filesystem::perms::all) ==
        (std::filesystem::perms::owner_read | std::filesystem::perms::owner_write));
  const JoinedRequests joined(path);
  CHECK(joined.contains("train.f64", {7, 3, 0}, other));
  CHECK_FALSE(joined.contains("train.f64", {7, 4, 0}, other));
  CHECK(joined.contains("train.f32", {7, 8, 0}, other));
  CHECK(joined.contains("column_moments", {}, other));
  CHECK_FALSE(joined.contains("column_moments", {}, one));
}

TEST_CASE("a file that was damaged is no reason to forget; what cannot be written was not joined") {
  const TestFolder folder;
  const std::string path = folder.file("joined");
  JoinedRequests(path).add("train.f64", {7, 3, 0}, one);
  std::filesystem::resize_file(path, std::filesystem::file_size(path) - 1);
  CHECK(error_of(path) == "archive_truncated");
  std::ofstream(path, std::ios::trunc) << "something else";
  CHECK(error_of(path) == "archive_corrupt");

  JoinedRequests nowhere(folder.file("no/such/folder"));
  CHECK_THROWS_AS(nowhere.add("train.f64", {7, 3, 0}, one), Error);
  CHECK_FALSE(nowhere.contains("train.f64", {7, 3, 0}, one));
}

}  // namespace secagg_joined_requests_test
