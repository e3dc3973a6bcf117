#include "healthai/client/node/verify_audit_log.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include "client/node/audit_log_text.hpp"
#include "client/node/scratch.hpp"
#include "healthai/client/node/audit_log.hpp"

namespace client_node_verify_audit_log_test {

#if !defined(_WIN32)

namespace {

using audit_test::lines_of;
using audit_test::test_key;
using healthai::AuditHead;
using healthai::AuditLog;
using healthai::AuditReport;
using healthai::SigningKey;
using node_test::Folder;
using node_test::has;
using node_test::read_text;
using node_test::write_text;

AuditReport check(const std::string& path, std::optional<AuditHead> anchor = {}) {
  return healthai::verify_audit_log(path, test_key().public_key(), anchor);
}
/// Entries of one length each; gives the heads after 0, 1, ... entries.
std::vector<AuditHead> write_log(const std::string& path, const SigningKey& key, int entries,
                                 const std::string& what = "entry") {
  AuditLog log(path, key, {.clock = audit_test::fixed_clock()});
  std::vector<AuditHead> heads{log.head()};
  for (int i = 0; i < entries; ++i) heads.push_back(log.append({.what = what}));
  return heads;
}
std::string joined(const std::vector<std::string>& lines) {
  return std::accumulate(lines.begin(), lines.end(), std::string(),
                         [](const std::string& text, const std::string& line) { return text + line + "\n"; });
}

}  // namespace

TEST_CASE("an intact log, alone and against every anchor of its past") {
  const Folder folder;
  const std::string path = folder.file("log");
  const auto heads = write_log(path, test_key(), 4);
  for (const AuditHead& head : heads) {
    const AuditReport report = check(path, head);
    CHECK(report.intact);
    CHECK(report.problem.empty());
    CHECK(report.head == heads.back());
    CHECK(report.first == 1);
    CHECK(report.entries == 4);
  }
  CHECK(check(path).describe() ==
        "4 entries, numbers 1 to 4, are intact; the last hash is " + healthai::hex(heads.back().hash));
  write_text(path, "");
  CHECK(check(path).intact);
  CHECK(check(path).entries == 0);
  CHECK(has(node_test::error_of([&] { (void)check(folder.file("no")); }), "file: " + folder.file("no")));
}

TEST_CASE("entries can be read without a key") {
  const Folder folder;
  const std::string path = folder.file("log");
  write_log(path, test_key(), 3);
  std::vector<std::uint64_t> numbers;
  const auto note = [&](const nlohmann::ordered_json& entry) { numbers.push_back(entry["sequence"]); };
  CHECK(healthai::read_audit_log(path, note).intact);
  CHECK(numbers == std::vector<std::uint64_t>{1, 2, 3});
  std::string bad = read_text(path);
  bad[bad.rfind("entry")] = 'E';
  write_text(path, bad);
  numbers.clear();
  CHECK(healthai::read_audit_log(path, note).line == 3);
  CHECK(numbers == std::vector<std::uint64_t>{1, 2});
}

TEST_CASE("a hostile line with the right hash is no harm") {
  const Folder folder;
  const std::string path = folder.file("log");
  const auto sealed = [](const std::string& body) {
    return body + ", \"hash\": \"" + healthai::hex(healthai::sha256(body)) + "\", \"signature\": \"" +
           std::string(128, '0') + "\"}\n";
  };
  const std::string zeros(64, '0');
  const std::string head = R"({"sequence":1,"time":"now","event":)";
  const std::string tail = R"(,"previous":")" + zeros + "\"";
  const auto problem = [&](const std::string& body) {
    write_text(path, sealed(body));
    return check(path).problem;
  };
  const std::string changed = path + ", line 1: this is not an entry of an audit log: it was changed";
  CHECK(has(problem(head + "{}" + tail), "it is not signed by this key"));
  CHECK(problem(head + R"({"a":)" + std::string(500000, '[') + std::string(500000, ']') + "}" + tail) ==
        changed);
  CHECK(problem(head + "[]" + tail) == changed);
  CHECK(problem("{") == changed);
  CHECK(problem(R"({"sequence":-1,"time":"now","event":{},"previous":")" + std::string(64, '1') + "\"") !=
        "");
  CHECK(problem(R"({"sequence":"1","time":"now","event":{})" + tail) == changed);
  CHECK(problem(R"({"sequence":1,"time":0,"event":{})" + tail) == changed);
  CHECK(problem(R"({"sequence":1,"time":"now","event":{},"previous":"0")") == changed);
  CHECK(problem(R"({"sequence":1,"time":"now","event":{},"previous":")" + std::string(64, '1') + "\"") ==
        path + ", line 1: it cannot be the first entry: it was changed");
}

TEST_CASE("the log can be checked by other programs, as documented") {
  const Folder folder;
  const std::string path = folder.file("log");
  const SigningKey key = SigningKey::read_or_make(folder.file("key"));
  write_log(path, key, 2);
  const auto line = lines_of(read_text(path))[1];
  const std::string body = line.substr(0, line.find(", \"hash\": "));
  const auto entry = nlohmann::json::parse(line);
  const auto raw = [](const std::string& digits) {
    std::string bytes;
    for (std::size_t i = 0; i < digits.size(); i += 2) {
      bytes += static_cast<char>(std::stoi(digits.substr(i, 2), nullptr, 16));
    }
    return bytes;
  };
  write_text(folder.file("body"), body);
  write_text(folder.file("hash"), entry["hash"].get<std::string>() + "  " + folder.file("body") + "\n");
  CHECK(std::system(("sha256sum --quiet -c " + folder.file("hash")).c_str()) == 0);
  write_text(folder.file("signed"), std::string("healthai audit log 1\0", 21) + raw(entry["hash"]));
  write_text(folder.file("signature"), raw(entry["signature"]));
  CHECK(std::system(("openssl pkeyutl -verify -rawin -pubin -inkey " + folder.file("key.pub") + " -in " +
                     folder.file("signed") + " -sigfile " + folder.file("signature") + " > /dev/null")
                        .c_str()) == 0);
}

TEST_CASE("every byte that is changed is found in its line") {
  const Folder folder;
  const std::string path = folder.file("log");
  write_log(path, test_key(), 3);
  const std::string good = read_text(path);
  for (std::size_t at = 0; at < good.size(); ++at) {
    const auto line =
        static_cast<std::uint64_t>(std::count(good.begin(), good.begin() + static_cast<long>(at), '\n')) + 1;
    for (const char c : {static_cast<char>(good[at] ^ 1), '\n'}) {
      if (c == good[at]) continue;
      std::string bad = good;
      bad[at] = c;
      write_text(path, bad);
      const AuditReport report = check(path);
      CAPTURE(at);
      CAPTURE(report.describe());

      CHECK(!report.intact);
      CHECK(report.file == path);
      CHECK(report.line == line);
      CHECK(report.head.count == line - 1);
      CHECK(report.entries == line - 1);
    }
  }
}

TEST_CASE("lines that are removed, doubled, moved or put in are found") {
  const Folder folder;
  const std::string path = folder.file("log");
  const auto heads = write_log(path, test_key(), 5);
  const auto lines = lines_of(read_text(path));
  const auto problem = [&](std::vector<std::string> changed) {
    write_text(path, joined(changed));
    return check(path).problem;
  };
  const std::string at = path + ", line ";
  CHECK(problem({lines[0], lines[1], lines[3], lines[4]}) ==
        at + "3: entries are missing before it: it is number 4 and follows number 2");
  CHECK(problem({lines[0], lines[1], lines[1], lines[2]}) ==
        at + "3: it stands in the wrong place, or twice: it is number 2 and follows number 2");
  CHECK(problem({lines[0], lines[2], lines[1], lines[3]}) ==
        at + "2: entries are missing before it: it is number 3 and follows number 1");
  CHECK(problem({lines[4], lines[0]}) ==
        at + "2: it stands in the wrong place, or twice: it is number 1 and follows number 5");
  CHECK(problem({lines[0], "", lines[1]}) == at + "2: this is not an entry of an audit log: it was changed");
  CHECK(problem({lines[0], lines[1] + " ", lines[2]}) ==
        at + "2: this is not an entry of an audit log: it was changed");
  CHECK(problem({"{}"}) == at + "1: this is not an entry of an audit log: it was changed");
  CHECK(problem({lines[0], std::string((std::size_t{1} << 20U) + 1000000, 'x')}) ==
        at + "2: it is longer than any entry: it was changed");
  // Number and key are right, but the past is another one.
  write_log(folder.file("other"), test_key(), 5, "another entry");
  const auto others = lines_of(read_text(folder.file("other")));
  CHECK(problem({lines[0], lines[1], others[2]}) ==
        at + "3: it does not continue the entry before it: that one, or this, was replaced");
  // Without its beginning a log can be intact only as the rest of a rotated one; an anchor tells them apart.
  write_text(path, joined({lines[3], lines[4]}));
  CHECK(check(path).first == 4);
  CHECK(
      has(check(path, heads[2]).problem, "the anchor is of number 2, and the first entry here is number 4"));
}

TEST_CASE("a log that was cut shows against an anchor, and only so") {
  const Folder folder;
  const std::string path = folder.file("log");
  const auto heads = write_log(path, test_key(), 4);
  const auto lines = lines_of(read_text(path));
  write_text(path, joined({lines[0], lines[1]}));
  CHECK(check(path).intact);
  CHECK(check(path, heads[2]).intact);
  CHECK(check(path, heads[4]).problem ==
        path + ": the log was cut: it ends with number 2, and when the anchor was taken it had 4 entries");
  CHECK(check(path, heads[4]).head == heads[2]);
  write_text(path, "");
  CHECK(!check(path, heads[1]).intact);
}

TEST_CASE("a log that was written anew shows by its key or against an anchor") {
  const Folder folder;
  const std::string path = folder.file("log");
  const auto heads = write_log(path, test_key(), 4);
  const auto lines = lines_of(read_text(path));
  const Folder other;
  write_log(other.file("log"), SigningKey::make(), 4);
  CHECK(check(other.file("log")).problem ==
        other.file("log") +
            ", line 1: it is not signed by this key: it was rewritten, or this is the key of another node");
  // Whoever has the key writes another past.
  write_log(other.file("mine"), test_key(), 6, "invented");
  CHECK(check(other.file("mine")).intact);
  for (std::size_t count = 1; count < heads.size(); ++count) {
    const AuditReport report = check(other.file("mine"), heads[count]);
    CHECK(!report.intact);
    CHECK(report.line == count);
    CHECK(report.problem == other.file("mine") + ", line " + std::to_string(count) +
                                ": it is not the entry of number " + std::to_string(count) +
                                " that was there when the anchor was taken: the log was rewritten since");
  }
  // Another signature under the same content, of another key.
  std::string forged = lines[1];
  const healthai::Signature signature =
      SigningKey::make().sign(healthai::detail::audit_signed(heads[2].hash));
  forged.replace(forged.size() - 2 - 128, 128, healthai::hex(signature));
  write_text(path, joined({lines[0], forged, lines[2], lines[3]}));
  CHECK(check(path).line == 2);
  CHECK(has(check(path).problem, "it is not signed by this key"));
}

#endif

}  // namespace client_node_verify_audit_log_test
