#include "healthai/client/node/audit_log.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "client/node/audit_log_text.hpp"
#include "client/node/scratch.hpp"
#include "healthai/core/random.hpp"

#if !defined(_WIN32)

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace client_node_audit_log_test {

namespace {

using audit_test::fixed_clock;
using audit_test::lines_of;
using audit_test::test_key;
using healthai::AuditEvent;
using healthai::AuditHead;
using healthai::AuditLog;
using node_test::error_of;
using node_test::Folder;
using node_test::has;
using node_test::read_text;
using node_test::write_text;

std::string open_error(const std::string& path) {
  return error_of([&] { AuditLog log(path, test_key()); });
}
healthai::AuditReport check(const std::string& path, std::optional<AuditHead> anchor = {}) {
  return healthai::verify_audit_log(path, test_key().public_key(), anchor);
}
/// Of three entries.
std::string small_log(const std::string& path) {
  AuditLog log(path, test_key(), {.clock = fixed_clock()});
  log.append({.what = "request", .who = "trial"});
  log.append({.what = "reply"});
  log.append({.what = "request refused", .reason = "because"});
  return read_text(path);
}

}  // namespace

TEST_CASE("an entry says who, what and how much, one line of JSON each") {
  const Folder folder;
  AuditLog log(folder.file("log"), test_key(), {.clock = fixed_clock()});
  CHECK(log.head() == AuditHead{});
  AuditEvent event;
  event.what = "reply sent";
  event.who = "trial";
  event.request = healthai::RequestKey{1, 2, 3, "train.f64", healthai::sha256("abc")};
  event.rows = 60;
  event.bytes = 800;
  event.digest = healthai::sha256("");
  event.verdict = "allowed";
  event.reason = "policy";
  event.more["mods"] = {{"clip", 1.0}};
  const AuditHead head = log.append(event);
  CHECK(head.count == 1);
  CHECK(log.head() == head);
  CHECK(log.append({.what = "stopped"}).count == 2);
  const auto lines = lines_of(read_text(folder.file("log")));
  REQUIRE(lines.size() == 2);
  const std::string zeros(64, '0');
  CHECK(
      lines[0].rfind(
          R"({"sequence":1,"time":"2026-05-03T08:15:30.123Z","event":{"what":"reply sent","who":"trial","task":"train.f64",)"
          R"("run":1,"round":2,"attempt":3,"request":"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",)"
          R"("rows":60,"bytes":800,"digest":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",)"
          R"("verdict":"allowed","reason":"policy","mods":{"clip":1.0}},"previous":")" +
              zeros + R"(", "hash": ")",
          0) == 0);
  const auto second = nlohmann::json::parse(lines[1]);
  CHECK(second["event"] == nlohmann::json{{"what", "stopped"}});
  CHECK(second["previous"] == healthai::hex(head.hash));
  CHECK(second["sequence"] == 2);
  // As documented: the hash is that of everything before the comma that precedes it.
  CHECK(second["hash"] == healthai::hex(healthai::sha256(lines[1].substr(0, lines[1].find(", \"hash\"")))));
  CHECK((std::filesystem::status(folder.file("log")).permissions() & std::filesystem::perms::mask) ==
        (std::filesystem::perms::owner_read | std::filesystem::perms::owner_write));
}

TEST_CASE("what strangers send can neither break a line nor steer a terminal") {
  const Folder folder;
  AuditLog log(folder.file("log"), test_key());
  const std::string hostile =
      "a\nb\r\x1b[2J\"}\\ \xff\xfe \xc3\xa9 \xe2\x80\xa8 \x7f , \"hash\": \"" + std::string(3, '\0');
  AuditEvent event{.what = hostile, .who = hostile};
  event.request = healthai::RequestKey{.task = hostile};
  event.reason = std::string(5000, 'x');
  event.more["list"] = {hostile};
  event.more[", \"hash\": \""] = 1;
  log.append(event);
  log.append({.what = "next"});
  const std::string text = read_text(folder.file("log"));
  CHECK(lines_of(text).size() == 2);
  for (const char c : text) CHECK((c == '\n' || (c >= ' ' && c <= '~')));
  CHECK(!has(text, std::string(1001, 'x')));
  CHECK(has(text, std::string(1000, 'x') + "..."));
  const auto entry = nlohmann::json::parse(lines_of(text).front());
  CHECK(entry["event"]["who"].get<std::string>().substr(0, 11) == "a\nb\r\x1b[2J\"}\\");
  CHECK(has(entry["event"]["who"], "\xef\xbf\xbd"));  // in place of what is no UTF-8
  CHECK(check(folder.file("log")).intact);
  const std::string large(std::size_t{1} << 20U, 'x');
  CHECK(has(error_of([&] {
              log.append({.what = "large", .more = {{"list", {large}}}});
            }),
            "invalid_argument: "));
  nlohmann::ordered_json deep = 1;
  for (int i = 0; i < 70; ++i) deep = nlohmann::ordered_json::array({deep});
  CHECK(has(error_of([&] { log.append({.what = "deep", .more = {{"deep", deep}}}); }), "invalid_argument: "));
  CHECK(log.head().count == 2);
}

TEST_CASE("a log goes on after a restart, and one process at a time writes it") {
  const Folder folder;
  const std::string path = folder.file("log");
  AuditHead head;
  {
    AuditLog log(path, test_key());
    log.append({.what = "first"});
    head = log.append({.what = "second"});
    CHECK(
        has(open_error(path), "file: " + path + ".lock: another process, or another object, is using this"));
  }
  AuditLog log(path, test_key());
  CHECK(log.head() == head);
  CHECK(log.append({.what = "third"}).count == 3);
  CHECK(check(path, head).intact);
  CHECK(check(path, log.head()).intact);
}

TEST_CASE("a log that was changed is not continued") {
  const Folder folder;
  const std::string path = folder.file("log");
  const std::string good = small_log(path);
  std::string bad = good;
  bad[bad.find("reply")] = 'R';
  write_text(path, bad);
  CHECK(open_error(path).rfind(
            "audit_log: " + path + ", line 2: its hash is not that of its content: it was changed. ", 0) ==
        0);
  CHECK(read_text(path) == bad);
  write_text(path, good);
  CHECK(has(error_of([&] { AuditLog log(path, healthai::SigningKey::make()); }),
            "audit_log: " + path + ": the last entry is not signed by this node's key"));
  CHECK(open_error(path).empty());
}

TEST_CASE("a last line that is torn anywhere is cut off, and an entry says so") {
  const Folder folder;
  const std::string path = folder.file("log");
  const std::string good = small_log(path);
  const std::size_t last = good.rfind('\n', good.size() - 2) + 1;
  for (std::size_t size = last; size <= good.size();
       size += size + 12 < good.size() && size > last + 12 ? 7 : 1) {
    write_text(path, good.substr(0, size));
    const std::string torn = good.substr(last, size - last);
    const bool complete = size + 1 >= good.size();  // nothing but the line's end is missing, or not even that
    CAPTURE(size);
    auto report = check(path);
    CHECK(report.intact);
    CHECK(report.head.count == (complete ? 3 : 2));
    CHECK(report.torn_bytes == (complete ? 0 : torn.size()));
    AuditLog log(path, test_key(), {.clock = fixed_clock()});
    log.append({.what = "next"});
    report = check(path);
    CHECK(report.intact);
    CHECK(report.torn_bytes == 0);
    const auto lines = lines_of(read_text(path));
    if (complete) {
      CHECK(read_text(path).rfind(good, 0) == 0);
      CHECK(lines.size() == 4);
    } else if (torn.empty()) {
      CHECK(lines.size() == 3);
    } else {
      REQUIRE(lines.size() == 4);
      const auto event = nlohmann::json::parse(lines[2])["event"];
      CHECK(event["what"] == "repaired the log: the writing of an entry was interrupted");
      CHECK(event["torn_bytes"] == torn.size());
      CHECK(event["torn"] == torn);
      CHECK(event["digest"] == healthai::hex(healthai::sha256(torn)));
    }
  }
  // A power cut may leave zeros in place of what was not yet written.
  write_text(path, good.substr(0, last + 20) + std::string(100, '\0'));
  CHECK(open_error(path).empty());
  CHECK(check(path).intact);
  // A first line, too.
  write_text(path, good.substr(0, 50));
  CHECK(open_error(path).empty());
  CHECK(check(path).head.count == 1);
}

TEST_CASE("an entry that cannot be written is an error, and the log is as it was") {
  const Folder folder;
  const std::string path = folder.file("log");
  AuditLog log(path, test_key());
  const AuditHead head = log.append({.what = "first"});
  const std::string before = read_text(path);
  // As on a full disk: the system takes some bytes and refuses the rest.
  struct rlimit unlimited {};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &unlimited) == 0);
  struct rlimit little = unlimited;
  little.rlim_cur = before.size() + 100;
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &little) == 0);
  const std::string error = error_of([&] { log.append({.what = "second"}); });
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &unlimited) == 0);
  std::signal(SIGXFSZ, handler);
  CHECK(error == "file: " + path + ": cannot append to it: File too large");
  CHECK(log.head() == head);
  CHECK(read_text(path) == before);
  CHECK(log.append({.what = "second"}).count == 2);
  CHECK(check(path).intact);

  CHECK(has(open_error(folder.file("no/log")), "file: " + folder.file("no/log")));
  CHECK(has(open_error("/dev/full"), "file: /dev/full"));
  std::filesystem::create_directory(folder.file("folder"));
  CHECK(has(open_error(folder.file("folder")), "file: " + folder.file("folder")));
}

TEST_CASE("rotation carries the chain into a new file") {
  const Folder folder;
  const std::string path = folder.file("log");
  const auto names = [&] {
    std::set<std::string> result = folder.names();
    result.erase("log.lock");
    return result;
  };
  AuditHead anchor;
  {
    AuditLog log(path, test_key(), {.rotate_at = 700});  // two entries
    for (int i = 0; i < 5; ++i) {
      const AuditHead head = log.append({.what = "entry"});
      if (i == 1) anchor = head;
    }
  }
  const std::string first = "log.00000000000000000002";
  const std::string second = "log.00000000000000000004";
  CHECK(names() == std::set<std::string>{"log", first, second});
  auto report = check(path, anchor);
  CHECK(report.intact);
  CHECK(report.first == 1);
  CHECK(report.entries == 5);

  SUBCASE("and goes on after a restart, also one in the middle of a rotation") {
    std::filesystem::rename(path, path + ".00000000000000000005");
    CHECK(check(path).intact);
    { AuditLog log(path, test_key(), {.rotate_at = 700}); }  // made the file, and wrote nothing
    CHECK(check(path).head.count == 5);
    AuditLog log(path, test_key(), {.rotate_at = 700});
    CHECK(log.append({.what = "after"}).count == 6);
    CHECK(check(path).intact);
    CHECK(check(path).entries == 6);
  }
  SUBCASE("older files may be elsewhere, which the report says") {
    std::filesystem::rename(folder.file(first), folder.file("moved"));
    report = check(path);
    CHECK(report.intact);
    CHECK(report.first == 3);
    CHECK(report.describe().rfind("3 entries, numbers 3 to 5, are intact; the last hash is ", 0) == 0);
    report = check(path, anchor);
    CHECK(!report.intact);
    CHECK(has(report.problem,
              "the anchor is of number 2, and the first entry here is number 3: put the older files"));
    CHECK(open_error(path).empty());
  }
  SUBCASE("a file that is missing in the middle, cut, changed or renamed shows") {
    const std::string text = read_text(folder.file(second));
    std::filesystem::remove(folder.file(second));
    CHECK(check(path).problem ==
          path + ", line 1: entries are missing before it: it is number 5 and follows number 2");
    CHECK(has(open_error(path), "audit_log: " + path + ", line 1: entries are missing before it"));
    write_text(folder.file(second), text.substr(0, text.find('\n') + 1));
    CHECK(check(path).problem ==
          folder.file(second) + ": its name says that its last entry is another one: it was cut, or renamed");
    CHECK(has(open_error(path), "audit_log: " + folder.file(second) + ": the file was cut or renamed"));
    write_text(folder.file(second), text.substr(0, text.size() - 1));
    CHECK(has(check(path).problem, second + ", line 2: the file ends in the middle of a line"));
    CHECK(has(open_error(path), "audit_log: " + folder.file(second)));
    write_text(folder.file(second), text.substr(0, text.size() - 9));
    CHECK(has(check(path).problem, second + ", line 2: the file ends in the middle of a line"));
    std::string changed = text;
    changed[20] = 'x';
    write_text(folder.file(second), changed);
    CHECK(has(check(path).problem, second + ", line 1: "));
    CHECK(has(open_error(path), "audit_log: " + folder.file(second) + ", line 1: "));
  }
}

TEST_CASE("each line can be copied elsewhere once it is on disk") {
  const Folder folder;
  std::vector<std::string> copies;
  std::size_t on_disk = 0;
  const std::string path = folder.file("log");
  AuditLog log(path, test_key(), {.copy = [&](std::string_view line) {
                 copies.emplace_back(line);
                 on_disk = lines_of(read_text(path)).size();
               }});
  log.append({.what = "first"});
  CHECK(on_disk == 1);
  log.append({.what = "second"});
  CHECK(on_disk == 2);
  CHECK(copies == lines_of(read_text(path)));
}

TEST_CASE("several threads may append") {
  const Folder folder;
  AuditLog log(folder.file("log"), test_key());
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&log] {
      for (int i = 0; i < 10; ++i) log.append({.what = "entry"});
    });
  }
  for (std::thread& thread : threads) thread.join();
  const auto report = check(folder.file("log"));
  CHECK(report.intact);
  CHECK(report.entries == 30);
}

TEST_CASE("killed at any moment, every entry that append returned is there") {
  const Folder folder;
  const std::string path = folder.file("log");
  healthai::Stream random(2, healthai::Purpose::test);
  std::uint64_t total = 0;
  for (int trial = 0; trial < 12; ++trial) {
    int pipe_ends[2];
    REQUIRE(::pipe(pipe_ends) == 0);
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      try {
        AuditLog log(path, test_key(), {.rotate_at = 20000});
        for (;;) {
          const AuditHead head = log.append({.what = "entry", .reason = std::string(900, 'x')});
          if (::write(pipe_ends[1], &head.count, sizeof head.count) < 0) ::_exit(1);
        }
      } catch (...) {
        ::_exit(1);
      }
    }
    ::close(pipe_ends[1]);
    std::uint64_t returned = 0;
    REQUIRE(::read(pipe_ends[0], &returned, sizeof returned) > 0);  // it is at work
    std::this_thread::sleep_for(std::chrono::duration<double>(0.01 * healthai::uniform(random)));
    REQUIRE(::kill(child, SIGKILL) == 0);
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(WIFSIGNALED(status));
    for (std::uint64_t count = 0; ::read(pipe_ends[0], &count, sizeof count) > 0;) returned = count;
    ::close(pipe_ends[0]);
    const auto report = check(path);
    CHECK(report.intact);
    CHECK(report.head.count >= returned);
    total = report.head.count;
  }
  CHECK(total >= 12);
}

}  // namespace client_node_audit_log_test
#endif
