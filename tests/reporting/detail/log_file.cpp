#include "healthai/reporting/detail/log_file.hpp"

#include <doctest/doctest.h>
#include <filesystem>
#include <string>
#include <utility>

#include "../scratch_folder.hpp"

namespace reporting_detail_log_file_test {

using healthai::Error;
using healthai::detail::LogFile;

TEST_CASE("a log is replaced, grows, is read back, and leaves nothing beside it") {
  const ScratchFolder folder;
  LogFile log(folder.path("a.log"));
  CHECK(log.read().empty());
  CHECK_FALSE(log.is_open());
  log.replace("one\n");
  log.append("two\n");
  CHECK(folder.read("a.log") == "one\ntwo\n");  // without closing it
  LogFile moved = std::move(log);
  moved.append("three\n");
  CHECK(moved.read() == "one\ntwo\nthree\n");
  moved.replace("new\n");
  moved.append(std::string(100000, 'x'));
  CHECK(moved.read() == "new\n" + std::string(100000, 'x'));
  CHECK(folder.count_files() == 1);
}

TEST_CASE("what the system refuses is an error that names the path and a way out") {
  const ScratchFolder folder;
  LogFile log(folder.path("missing/a.log"));
  CHECK(log.read().empty());
  try {
    log.replace("x");
    FAIL("a file in a folder that does not exist was written");
  } catch (const Error& e) {
    CHECK(e.id() == healthai::error::file);
    const std::string what = e.what();
    CHECK(what.find(folder.path("missing/a.log")) != std::string::npos);
    CHECK(what.find("No such file or directory") != std::string::npos);
    CHECK(what.find("create its folder") != std::string::npos);
  }
  CHECK_FALSE(log.is_open());
  CHECK_THROWS_AS(LogFile(""), Error);
}

TEST_CASE("a folder or a device is not a log, and stays what it is") {
  const ScratchFolder folder;
  CHECK_THROWS_WITH_AS(static_cast<void>(LogFile(folder.path("")).read()),
                       doctest::Contains("is not a regular file"), Error);
  CHECK_THROWS_WITH_AS(static_cast<void>(LogFile("/dev/null").read()),
                       doctest::Contains("is not a regular file"), Error);
}

TEST_CASE("a full disk is an error, and closes the file") {
  // Linux's /dev/full refuses every write with "no space left on device".
  if (!std::filesystem::exists("/dev/full")) return;
  const ScratchFolder folder;
  std::filesystem::create_symlink("/dev/full", folder.path("a.log.new"));
  LogFile log(folder.path("a.log"));
  CHECK_THROWS_WITH_AS(log.replace("text"), doctest::Contains("No space left"), Error);
  CHECK_FALSE(log.is_open());
  CHECK(folder.count_files() == 0);
}

}  // namespace reporting_detail_log_file_test
