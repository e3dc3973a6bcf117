#include "healthai/privacy/ledger.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <filesystem>
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

namespace privacy_ledger_test {

using namespace healthai;

namespace {

using audit_test::test_key;
using node_test::error_of;
using node_test::Folder;
using node_test::has;
using node_test::read_text;
using node_test::write_text;

const BudgetAccount patients{"icu-2026", "patient"};
const Mechanism step{NoiseKind::gaussian, 1.1, 0.01, 1};

BudgetLedger::Limit unlimited() {
  return [](const BudgetAccount&, std::span<const Mechanism>) { return true; };
}
/// At most so many steps of all kinds.
BudgetLedger::Limit steps_up_to(std::uint64_t most) {
  return [most](const BudgetAccount&, std::span<const Mechanism> all) {
    std::uint64_t sum = 0;
    for (const Mechanism& one : all) sum += one.steps;
    return sum <= most;
  };
}
std::uint64_t steps_of(const BudgetLedger& ledger, const BudgetAccount& account = patients) {
  std::uint64_t sum = 0;
  for (const Mechanism& one : ledger.spent(account)) sum += one.steps;
  return sum;
}

}  // namespace

TEST_CASE("what was spent is there again after a restart, each account by itself, to the last bit") {
  const Folder folder;
  const double odd = 0.1 + 0.2;
  const BudgetAccount hospital{"icu-2026", "hospital"}, other{"ct", "patient"};
  AuditHead head;
  {
    BudgetLedger ledger(folder.file("budget"), test_key(), unlimited());
    CHECK(ledger.head() == AuditHead{});
    CHECK(ledger.spent(patients).empty());
    ledger.debit(patients, step, "trial-7");
    ledger.debit(hospital, {NoiseKind::laplace, odd, 1, 2});
    ledger.debit(patients, {NoiseKind::gaussian, odd, 1e-9, std::uint64_t{1} << 60U});
    ledger.debit(patients, {NoiseKind::gaussian, 1.1, 0.01, 9});
    head = ledger.debit(other, step);
    CHECK(ledger.head() == head);
    CHECK(head.count == 5);
  }
  BudgetLedger ledger(folder.file("budget"), test_key(), unlimited(), head);
  CHECK(ledger.head() == head);
  CHECK(ledger.spent(patients) ==
        std::vector<Mechanism>{{NoiseKind::gaussian, 1.1, 0.01, 10},
                               {NoiseKind::gaussian, odd, 1e-9, std::uint64_t{1} << 60U}});
  CHECK(ledger.spent(hospital) == std::vector<Mechanism>{{NoiseKind::laplace, odd, 1, 2}});
  CHECK(ledger.spent(other) == std::vector<Mechanism>{step});
  CHECK(has(read_text(folder.file("budget")), "\"who\":\"trial-7\""));
}

TEST_CASE(
    "the limit sees all that was and the one that is asked for; what it refuses leaves the ledger as it "
    "was") {
  const Folder folder;
  {
    BudgetLedger ledger(folder.file("budget"), test_key(), steps_up_to(10));
    ledger.debit(patients, {NoiseKind::gaussian, 1.1, 0.01, 7});
    const std::string before = read_text(folder.file("budget"));
    const std::string refused = error_of([&] { ledger.debit(patients, {NoiseKind::gaussian, 2, 0.5, 4}); });
    CHECK(has(refused,
              "privacy_budget: the privacy budget of \"icu-2026\" (unit: patient) does not allow 4 more"));
    CHECK(read_text(folder.file("budget")) == before);
    CHECK(steps_of(ledger) == 7);
    ledger.debit({"icu-2026", "hospital"}, {NoiseKind::gaussian, 2, 0.5, 4});  // another budget
  }
  // Another run, another coordinator, a program that was started again: the same budget.
  BudgetLedger ledger(folder.file("budget"), test_key(), steps_up_to(10));
  CHECK(has(error_of([&] { ledger.debit(patients, {NoiseKind::gaussian, 2, 0.5, 4}); }), "privacy_budget"));
  ledger.debit(patients, {NoiseKind::gaussian, 2, 0.5, 3});
  CHECK(has(error_of([&] { ledger.debit(patients, step); }), "privacy_budget"));
  CHECK(steps_of(ledger) == 10);
}

TEST_CASE("a limit that fails, and a disk that is full, spend nothing") {
  const Folder folder;
  bool fails = true;
  BudgetLedger ledger(folder.file("budget"), test_key(),
                      [&](const BudgetAccount&, std::span<const Mechanism>) -> bool {
                        if (fails) throw Error(error::overflow, "no number");
                        return true;
                      });
  CHECK(has(error_of([&] { ledger.debit(patients, step); }), "overflow"));
  CHECK(ledger.spent(patients).empty());
  fails = false;
  ledger.debit(patients, step);
  const auto size = std::filesystem::file_size(folder.file("budget"));
  rlimit old{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &old) == 0);
  rlimit full = old;
  full.rlim_cur = size + 20;
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &full) == 0);
  const std::string written = error_of([&] { ledger.debit(patients, step); });
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &old) == 0);
  std::signal(SIGXFSZ, handler);
  CHECK(has(written, "file: "));
  CHECK(steps_of(ledger) == 1);
  CHECK(std::filesystem::file_size(folder.file("budget")) == size);
  ledger.debit(patients, step);
  CHECK(steps_of(ledger) == 2);
}

TEST_CASE("two cannot spend at once: neither two processes nor two threads") {
  const Folder folder;
  BudgetLedger ledger(folder.file("budget"), test_key(), steps_up_to(40));
  CHECK(has(error_of([&] { BudgetLedger second(folder.file("budget"), test_key(), unlimited()); }),
            "another process"));
  std::atomic<int> granted = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 15; ++i) granted += error_of([&] { ledger.debit(patients, step); }).empty() ? 1 : 0;
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(granted == 40);
  CHECK(steps_of(ledger) == 40);
}

TEST_CASE("killed at any instant it holds all that was announced, and at most one debit more") {
  const Folder folder;
  Stream random(static_cast<std::uint64_t>(getpid()), Purpose::test);
  std::uint64_t before = 0, announced_in_all = 0, kills_with_work = 0;
  for (int trial = 0; trial < 50; ++trial) {
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      BudgetLedger ledger(folder.file("budget"), test_key(), unlimited());
      for (;;) {
        ledger.debit(patients, step);
        if (::write(ends[1], "r", 1) != 1) std::_Exit(1);  // "released"
      }
    }
    ::close(ends[1]);
    std::uint64_t announced = 0;
    char byte = 0;
    // Every second time it has got to work, however slow the machine; the other times it may have been about to begin.
    if (trial % 2 == 0 && ::read(ends[0], &byte, 1) == 1) ++announced;
    std::this_thread::sleep_for(std::chrono::microseconds(100 + uniform_index(random, 12000)));
    ::kill(child, SIGKILL);
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    REQUIRE(WIFSIGNALED(status));
    while (::read(ends[0], &byte, 1) == 1) ++announced;
    ::close(ends[0]);
    BudgetLedger ledger(folder.file("budget"), test_key(), unlimited());
    const std::uint64_t now = steps_of(ledger);
    CHECK(now >= before + announced);
    CHECK(now <= before + announced + 1);
    before = now;
    announced_in_all += announced;
    kills_with_work += announced != 0 ? 1 : 0;
  }
  CHECK(kills_with_work >= 5);
  CHECK(announced_in_all >= 20);
}

TEST_CASE("power lost in the middle of a line: what came before is kept, and the ledger goes on") {
  const Folder folder;
  std::string whole;
  std::size_t begin = 0;
  {
    BudgetLedger ledger(folder.file("budget"), test_key(), unlimited());
    ledger.debit(patients, step);
    ledger.debit(patients, step);
    begin = read_text(folder.file("budget")).size();
    ledger.debit(patients, step);
    whole = read_text(folder.file("budget"));
  }
  for (std::size_t end = begin; end <= whole.size(); end += end + 3 < whole.size() ? 7 : 1) {
    write_text(folder.file("budget"), whole.substr(0, end));
    {
      BudgetLedger ledger(folder.file("budget"), test_key(), unlimited());
      CHECK(steps_of(ledger) == (end + 1 >= whole.size() ? 3 : 2));  // it lacks nothing but its end
      ledger.debit(patients, step);
    }
    BudgetLedger ledger(folder.file("budget"), test_key(), unlimited());
    CHECK(steps_of(ledger) == (end + 1 >= whole.size() ? 4 : 3));
  }
}

TEST_CASE(
    "a restored backup shows against the head that was kept, and so does a ledger that was begun anew") {
  const Folder folder;
  std::string backup;
  AuditHead early, late;
  {
    BudgetLedger ledger(folder.file("budget"), test_key(), unlimited());
    early = ledger.debit(patients, step);
    backup = read_text(folder.file("budget"));
    late = ledger.debit(patients, step);
  }
  const auto opened = [&](std::optional<AuditHead> anchor) {
    return error_of([&] { BudgetLedger ledger(folder.file("budget"), test_key(), unlimited(), anchor); });
  };
  CHECK(opened(early).empty());
  CHECK(opened(late).empty());
  CHECK(opened(AuditHead{}).empty());
  write_text(folder.file("budget"), backup);
  CHECK(opened(early).empty());
  CHECK(has(opened(late), "audit_log: "));
  CHECK(has(opened(late), "older copy"));
  {  // restored and then spent anew: as many entries, but others
    BudgetLedger ledger(folder.file("budget"), test_key(), unlimited());
    ledger.debit(patients, {NoiseKind::gaussian, 9, 1, 1});
    ledger.debit(patients, step);
  }
  CHECK(has(opened(late), "older copy"));
  std::filesystem::remove(folder.file("budget"));
  CHECK(has(opened(late), "begun anew"));
}

TEST_CASE("what was changed, or is not understood, is an error and never a smaller expense") {
  const Folder folder;
  const auto opened = [&] {
    return error_of([&] { BudgetLedger ledger(folder.file("budget"), test_key(), unlimited()); });
  };
  {
    BudgetLedger ledger(folder.file("budget"), test_key(), unlimited());
    for (int i = 0; i < 3; ++i) ledger.debit(patients, {NoiseKind::gaussian, 1.5, 1, 70});
  }
  const std::string whole = read_text(folder.file("budget"));
  std::string changed = whole;
  changed.replace(changed.find("\"steps\":70"), 10, "\"steps\":10");
  write_text(folder.file("budget"), changed);
  CHECK(has(opened(), "audit_log: "));
  write_text(folder.file("budget"), whole.substr(whole.find('\n') + 1));  // the first taken out
  CHECK(has(opened(), "audit_log: "));
  write_text(folder.file("budget"), whole);
  CHECK(error_of([&] { BudgetLedger other(folder.file("budget"), SigningKey::make(), unlimited()); }) != "");
  {  // an entry that is properly signed, but not a debit that is known
    AuditLog log(folder.file("budget"), test_key());
    AuditEvent event{.what = "privacy budget debit"};
    event.more = {{"data_set", "icu-2026"}, {"unit", "patient"}, {"noise", "staircase"}};
    log.append(event);
  }
  CHECK(has(opened(), "line 4"));
  CHECK(has(opened(), "staircase"));
  std::filesystem::remove(folder.file("budget"));
  {
    AuditLog log(folder.file("budget"), test_key());
    log.append({.what = "reply sent"});
  }
  CHECK(has(opened(), "no debit"));
}

TEST_CASE("names and mechanisms that cannot be are refused") {
  const Folder folder;
  CHECK(has(error_of([&] { BudgetLedger ledger(folder.file("none"), test_key(), {}); }), "needs a limit"));
  BudgetLedger ledger(folder.file("budget"), test_key(), unlimited());
  for (const std::string& bad :
       {std::string(), std::string("ICU"), std::string("a b"), std::string("\xff"), std::string(65, 'a')}) {
    CHECK(has(error_of([&] { ledger.debit({bad, "patient"}, step); }), "invalid_argument"));
    CHECK(has(error_of([&] { ledger.debit({"icu", bad}, step); }), "invalid_argument"));
  }
  CHECK(has(error_of([&] { ledger.debit(patients, {NoiseKind::gaussian, 0, 1, 1}); }), "noise_multiplier"));
  CHECK(ledger.head() == AuditHead{});
}

}  // namespace privacy_ledger_test

#endif
