#include <doctest/doctest.h>

#include <fstream>
#include <iterator>
#include <string>

#include "healthai/client/node/audit_log.hpp"
#include "run_example.hpp"

namespace examples_audit_log_test {

namespace {

std::string content(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

TEST_CASE("audit_log tells an intact log from one that was changed or cut") {
  const ExampleFolder folder;
  const std::string path = folder.path("log").string();
  const std::string key = folder.path("key").string();
  healthai::AuditHead head;
  {
    healthai::AuditLog log(path, healthai::SigningKey::read_or_make(key));
    log.append({.what = "request refused", .who = "trial", .reason = "\x1b[2J"});
    head = log.append({.what = "reply sent"});
  }
  const std::string verify = "verify " + path + " --key " + key + ".pub ";
  ProgramResult result = run_example("audit_log", verify);
  CHECK(result.status == 0);
  CHECK(result.says("2 entries, numbers 1 to 2, are intact"));
  CHECK(result.says("Without --anchor"));
  result = run_example("audit_log", verify + "--anchor " + head.str());
  CHECK(result.status == 0);
  CHECK(!result.says("Without --anchor"));
  result = run_example("audit_log", "show " + path);
  CHECK(result.status == 0);
  CHECK(result.says("what: request refused  who: trial  reason: \\u001b[2J\n"));
  CHECK(result.says("what: reply sent\n"));

  const std::string good = content(path);
  std::ofstream(path, std::ios::binary) << good.substr(0, good.find('\n') + 1);
  CHECK(run_example("audit_log", verify).status == 0);
  result = run_example("audit_log", verify + "--anchor " + head.str());
  CHECK(result.status == 1);
  CHECK(result.says("the log was cut: it ends with number 1"));
  std::string bad = good;
  bad[bad.find("refused")] = 'R';
  std::ofstream(path, std::ios::binary) << bad;
  for (const std::string& command : {verify, "show " + path}) {
    result = run_example("audit_log", command);
    CHECK(result.status == 1);
    CHECK(result.says("log, line 1: its hash is not that of its content: it was changed"));
  }
  result = run_example("audit_log", verify + "--anchor 2");
  CHECK(result.status == 2);
  CHECK(result.says("COUNT:HASH"));
  CHECK(run_example("audit_log", "show " + folder.path("no").string()).status == 2);
  CHECK(run_example("audit_log", "").status != 0);
  CHECK(run_example("audit_log", "verify " + path).status != 0);
}

TEST_CASE("audit_log --help, and flags that are wrong") {
  const ProgramResult help = run_example("audit_log", "--help");
  CHECK(help.status == 0);
  CHECK(help.says("verify"));
  CHECK(help.says("show"));
  const ProgramResult verify = run_example("audit_log", "verify --help");
  CHECK(verify.status == 0);
  CHECK(verify.says("--key"));
  CHECK(verify.says("--anchor"));
  CHECK(run_example("audit_log", "verify x.jsonl").says("--key is required"));
  CHECK(run_example("audit_log", "verify x.jsonl --key k.pub --frobnicate").says("--frobnicate"));
  CHECK(run_example("audit_log", "mend x.jsonl").status != 0);
  const ProgramResult no_key = run_example("audit_log", "verify x.jsonl --key /no/such/key.pub");
  CHECK(no_key.status == 2);
  CHECK(no_key.says("/no/such/key.pub"));
}

}  // namespace examples_audit_log_test
