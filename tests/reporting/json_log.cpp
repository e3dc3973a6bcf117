#include "healthai/reporting/json_log.hpp"

#include <doctest/doctest.h>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <sstream>
#include <string>
#include <vector>

#include "healthai/server/observer.hpp"
#include "scratch_folder.hpp"

namespace reporting_json_log_test {

using namespace healthai;

static_assert(Observer<JsonLog>);

namespace {

using Json = nlohmann::json;

RoundReport report(std::uint64_t round) {
  RoundReport result{.round = round,
                     .selected = {"a", "b"},
                     .participants = {"a"},
                     .failures = {{"b", "deadline", "no reply in 5 s"}},
                     .updated = true,
                     .num_examples = 0.1,
                     .update_norm = std::numeric_limits<double>::quiet_NaN(),
                     .mean_staleness = 0.5,
                     .max_staleness = 2,
                     .bytes_down = 48,
                     .bytes_up = 24,
                     .bytes_up_uncompressed = 96,
                     .seconds = 1.0 / 3};
  result.metrics.add("loss", 1, 3);
  result.metrics.add("undefined", 0, 0);
  return result;
}

std::vector<Json> parse(const std::string& text) {
  std::vector<Json> objects;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) objects.push_back(Json::parse(line));
  return objects;
}

/// "s0 1 2 e2": each line's event, with its round.
std::string outline(const std::string& text) {
  std::string result;
  for (const Json& object : parse(text)) {
    if (!result.empty()) result += ' ';
    if (object["event"] == "round") {
      result += std::to_string(object["round"].get<int>());
    } else {
      result += object["event"].get<std::string>()[0] + std::to_string(object["completed_rounds"].get<int>());
    }
  }
  return result;
}

}  // namespace

TEST_CASE("everything in a report is in the log, exactly") {
  const ScratchFolder folder;
  JsonLog log(folder.path("log.jsonl"));
  log.on_start({.strategy = "FedProx",
                .run = 7,
                .seed = 18446744073709551615U,
                .rounds = 2,
                .num_parameters = 3,
                .clients = {"a", "b"}});
  RoundReport second = report(2);
  second.error = "two\nlines and \xff";
  second.observer_errors = {"on_round: x"};
  second.evaluation.emplace();
  second.evaluation->clients.add("loss", 1, 4);
  second.evaluation->central.add("auc", 3, 4);
  second.evaluation->participants = {"a"};
  second.evaluation->failures = {{"b", "refused", "no"}};
  second.evaluation->quorum = true;
  log.on_round(report(1));
  log.on_round(second);
  CHECK(outline(folder.read("log.jsonl")) == "s0 1 2");  // flushed
  log.on_end({.reason = StopReason::converged, .completed_rounds = 2, .seconds = 1.5});

  const auto lines = parse(folder.read("log.jsonl"));
  REQUIRE(lines.size() == 4);
  CHECK(lines[0] == Json::parse(R"({"event":"start","strategy":"FedProx","run":7,"seed":18446744073709551615,
      "rounds":2,"completed_rounds":0,"num_parameters":3,"clients":["a","b"],"confidentiality":"none"})"));
  CHECK(lines[1] == Json::parse(R"({"event":"round","round":1,"updated":true,"error":"","selected":["a","b"],
      "participants":["a"],"failures":[{"client":"b","error":"deadline","message":"no reply in 5 s"}],
      "num_examples":0.1,"metrics":{"loss":{"value":0.33333333333333331,"numerator":1.0,"denominator":3.0},
      "undefined":{"value":null,"numerator":0.0,"denominator":0.0}},"update_norm":null,"mean_staleness":0.5,"max_staleness":2,"evaluation":null,
      "bytes_down":48,"bytes_up":24,"bytes_up_uncompressed":96,"seconds":0.33333333333333331,"observer_errors":[]})"));
  CHECK(lines[2]["evaluation"] ==
        Json::parse(R"({"clients":{"loss":{"value":0.25,"numerator":1.0,"denominator":4.0}},
      "central":{"auc":{"value":0.75,"numerator":3.0,"denominator":4.0}},"participants":["a"],
      "failures":[{"client":"b","error":"refused","message":"no"}],"quorum":true})"));
  CHECK(lines[2]["error"] == "two\nlines and \xEF\xBF\xBD");
  CHECK(lines[2]["observer_errors"] == Json::array({"on_round: x"}));
  CHECK(lines[3] ==
        Json::parse(R"({"event":"end","reason":"converged","completed_rounds":2,"seconds":1.5})"));
}

TEST_CASE("a resumed run keeps the lines up to its checkpoint, and drops later and torn ones") {
  const ScratchFolder folder;
  const auto run = [&](std::uint64_t from, std::uint64_t to) {
    JsonLog log(folder.path("log.jsonl"));
    log.on_start({.completed_rounds = from});
    for (std::uint64_t round = from + 1; round <= to; ++round) log.on_round(report(round));
    log.on_end({.completed_rounds = to});
    return outline(folder.read("log.jsonl"));
  };
  CHECK(run(0, 4) == "s0 1 2 3 4 e4");
  const std::string whole = folder.read("log.jsonl");
  CHECK(run(2, 3) == "s0 1 2 s2 3 e3");
  CHECK(run(3, 5) == "s0 1 2 s2 3 e3 s3 4 5 e5");
  CHECK(run(0, 1) == "s0 1 e1");  // a new run
  for (std::size_t length = 0; length < whole.size(); length += 11) {
    folder.write("log.jsonl", whole.substr(0, length));
    const std::string after = run(2, 3);
    CHECK(after.ends_with("s2 3 e3"));
    CHECK(std::string("s0 1 2 s2 3 e3").find(after.substr(0, after.find("s2"))) == 0);
  }
}

TEST_CASE("a file that is not a log is never touched") {
  const ScratchFolder folder;
  for (const std::string data : {"[1, 2]\n", "round,updated\n1,1\n", "{\"a\":1}\n", "notes"}) {
    folder.write("log.jsonl", data);
    for (const std::uint64_t completed : {0U, 3U}) {
      JsonLog log(folder.path("log.jsonl"));
      CHECK_THROWS_WITH_AS(log.on_start({.completed_rounds = completed}),
                           doctest::Contains("is not a log of rounds"), Error);
      CHECK(folder.read("log.jsonl") == data);
    }
  }
  folder.write("log.jsonl", "{\"event\":\"round\",\"round\":\"two\"}\n");  // somebody edited it
  JsonLog log(folder.path("log.jsonl"));
  log.on_start({.completed_rounds = 3});
  CHECK(outline(folder.read("log.jsonl")) == "s3");
}

TEST_CASE("a path that cannot be written is reported, and used once it can be") {
  const ScratchFolder folder;
  JsonLog log(folder.path("later/log.jsonl"));
  std::vector<std::string> errors;
  detail::notify_start(log, {}, errors);
  detail::notify_round(log, report(1), errors);
  CHECK(errors.size() == 2);
  std::filesystem::create_directory(folder.path("later"));
  detail::notify_round(log, report(2), errors);
  detail::notify_end(log, {.completed_rounds = 2}, errors);
  CHECK(errors.size() == 2);
  CHECK(outline(folder.read("later/log.jsonl")) == "s0 2 e2");
}

}  // namespace reporting_json_log_test
