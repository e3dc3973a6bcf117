#include "healthai/client/node/quota.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <filesystem>
#include <string>

#include "client/node/scratch.hpp"

#if !defined(_WIN32)

#include <sys/resource.h>

#include <csignal>

namespace client_node_quota_test {

namespace {

using healthai::Quota;
using healthai::RequestFacts;
using node_test::error_of;
using node_test::has;

RequestFacts request(std::uint64_t run, std::uint64_t round, const std::string& task = "train.f64") {
  RequestFacts facts;
  facts.task = task;
  facts.coordinator = "trial";
  facts.run = run;
  facts.round = round;
  return facts;
}

}  // namespace

TEST_CASE("a request counts once, and what differs in anything is another one") {
  Quota quota;
  RequestFacts one = request(1, 1);
  CHECK(!quota.counted(one));
  quota.count(one);
  quota.count(one);
  CHECK(quota.counted(one));
  CHECK(quota.requests_today() == 1);
  CHECK(quota.requests_today("train.f64") == 1);
  CHECK(quota.requests_today("evaluate.f64") == 0);
  CHECK(quota.rounds("trial", 1) == 1);
  CHECK(quota.rounds("trial", 2) == 0);
  CHECK(quota.rounds("other", 1) == 0);
  CHECK(quota.has_round("trial", 1, 1));
  CHECK(!quota.has_round("trial", 1, 2));
  RequestFacts other = one;
  other.attempt = 1;
  CHECK(!quota.counted(other));
  other = one;
  other.digest[31] = 1;
  CHECK(!quota.counted(other));
  other = one;
  other.coordinator = "other";
  CHECK(!quota.counted(other));
  other = one;
  other.task = "evaluate.f64";
  quota.count(other);
  CHECK(quota.requests_today() == 2);
  CHECK(quota.rounds("trial", 1) == 1);  // the same round
}

TEST_CASE("days are those of UTC, and a clock that goes back gives nothing new") {
  using namespace std::chrono;
  system_clock::time_point now = sys_days(2026y / May / 3) + hours(23) + minutes(59);
  Quota quota({}, [&now] { return now; });
  quota.count(request(1, 1));
  CHECK(quota.requests_today() == 1);
  now += minutes(1);
  CHECK(quota.requests_today() == 0);
  CHECK(quota.counted(request(1, 1)));  // sent again after midnight
  quota.count(request(1, 1));
  CHECK(quota.requests_today() == 0);
  quota.count(request(1, 2));
  CHECK(quota.requests_today() == 1);
  now -= hours(72);
  CHECK(quota.clock_went_back());
  CHECK(quota.requests_today() == 1);
  quota.count(request(1, 3));
  CHECK(quota.requests_today() == 2);
  now += hours(72 + 24);
  CHECK(!quota.clock_went_back());
  CHECK(quota.requests_today() == 0);
  CHECK(!quota.counted(request(1, 1)));
  CHECK(quota.rounds("trial", 1) == 3);  // these are never forgotten
}

TEST_CASE("counts survive a restart") {
  const node_test::Folder folder;
  const std::string path = folder.file("quota");
  {
    Quota quota(path);
    quota.count(request(7, 1));
    quota.count(request(7, 2, "evaluate.f64"));
  }
  Quota quota(path);
  CHECK(quota.requests_today() == 2);
  CHECK(quota.requests_today("evaluate.f64") == 1);
  CHECK(quota.rounds("trial", 7) == 2);
  CHECK(quota.counted(request(7, 1)));
  CHECK((std::filesystem::status(path).permissions() & std::filesystem::perms::mask) ==
        (std::filesystem::perms::owner_read | std::filesystem::perms::owner_write));
}

TEST_CASE("what cannot be written was not counted, and a damaged file is no fresh start") {
  const node_test::Folder folder;
  Quota nowhere(folder.file("no/quota"));
  CHECK(has(error_of([&] { nowhere.count(request(1, 1)); }), "file: " + folder.file("no/quota")));
  CHECK(!nowhere.counted(request(1, 1)));
  CHECK(nowhere.requests_today() == 0);
  CHECK(nowhere.rounds("trial", 1) == 0);

  const std::string path = folder.file("quota");
  Quota quota(path);
  quota.count(request(1, 1));
  struct rlimit before {};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  struct rlimit little = before;
  little.rlim_cur = 100;
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &little) == 0);
  const std::string error = error_of([&] { quota.count(request(1, 2)); });
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &before) == 0);
  std::signal(SIGXFSZ, handler);
  CHECK(has(error, "file: " + path));
  CHECK(quota.rounds("trial", 1) == 1);
  CHECK(Quota(path).rounds("trial", 1) == 1);

  node_test::write_text(path, "");
  CHECK(has(error_of([&] { Quota again(path); }), "archive_truncated: " + path));
}

}  // namespace client_node_quota_test
#endif
