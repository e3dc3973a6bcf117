#include "healthai/reporting/csv_log.hpp"

#include "healthai/data/csv.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>
#include <bit>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <string>
#include <vector>

#include "healthai/server/observer.hpp"
#include "scratch_folder.hpp"

namespace reporting_csv_log_test {

using namespace healthai;

static_assert(Observer<CsvLog>);

namespace {

constexpr const char* lead =
    "round,updated,selected,participants,failures,failed_clients,num_examples,update_norm,mean_staleness,max_"
    "staleness,";
constexpr const char* tail =
    "evaluation_participants,evaluation_failures,evaluation_quorum,bytes_down,bytes_up,bytes_up_uncompressed,"
    "seconds,error\n";

RoundReport report(std::uint64_t round) {
  RoundReport result{.round = round,
                     .selected = {"a", "b", "c"},
                     .participants = {"a"},
                     .failures = {{"b", "deadline", "no reply"}, {"c", "client_failed", "x, \"y\""}},
                     .updated = true,
                     .num_examples = 0.1,
                     .update_norm = 2,
                     .mean_staleness = 1.5,
                     .max_staleness = 3,
                     .bytes_down = 5000000000,
                     .bytes_up = 24,
                     .bytes_up_uncompressed = 96,
                     .seconds = 0.25};
  result.metrics.add("loss", 1, 3);
  return result;
}

RoundReport evaluated(std::uint64_t round) {
  RoundReport result = report(round);
  result.evaluation.emplace();
  result.evaluation->participants = {"a", "b"};
  result.evaluation->failures = {{"c", "deadline", ""}};
  result.evaluation->quorum = true;
  result.evaluation->clients.add("loss", 1, 2);
  result.evaluation->clients.add("undefined", 0, 0);
  result.evaluation->central.add("auc", 3, 4);
  return result;
}

std::vector<std::string> rounds_in(const ScratchFolder& folder) {
  std::vector<std::string> rounds;
  for (const auto& record : detail::complete_csv_records(folder.read("log.csv")))
    rounds.push_back(record.front());
  return rounds;
}

using Rounds = std::vector<std::string>;

}  // namespace

TEST_CASE("a row a round, on disk at once") {
  const ScratchFolder folder;
  CsvLog log(folder.path("log.csv"));
  log.on_start({});
  CHECK(folder.read("log.csv").empty());
  log.on_round(report(1));
  RoundReport skipped = report(2);
  skipped.updated = false;
  skipped.error = "1 of 3, \"too few\"";
  log.on_round(skipped);
  CHECK(folder.read("log.csv") ==
        std::string(lead) + "train_loss," + tail +
            "1,1,3,1,2,b:deadline;c:client_failed,0.1,2,1.5,3,0.3333333333333333,,,,5000000000,24,96,0.25,\n"
            "2,0,3,1,2,b:deadline;c:client_failed,0.1,2,1.5,3,0.3333333333333333,,,,5000000000,24,96,0.25,"
            "\"1 of 3, \"\"too few\"\"\"\n");
}

TEST_CASE("metrics that come later widen the table, each beside its like") {
  const ScratchFolder folder;
  CsvLog log(folder.path("log.csv"));
  log.on_start({});
  log.on_round(report(1));
  log.on_round(evaluated(2));
  RoundReport more = report(3);
  more.metrics.add("steps", 5, 1);
  log.on_round(more);
  const std::string same = ",1,3,1,2,b:deadline;c:client_failed,0.1,2,1.5,3,0.3333333333333333,";
  const std::string end = "5000000000,24,96,0.25,\n";
  CHECK(folder.read("log.csv") ==
        std::string(lead) + "train_loss,train_steps,eval_loss,eval_undefined,central_auc," + tail + "1" +
            same + ",,,,,,," + end + "2" + same + ",0.5,,0.75,2,1,1," + end + "3" + same + "5,,,,,,," + end);
  CHECK(folder.count_files() == 1);
}

TEST_CASE("what is not a number says so") {
  const ScratchFolder folder;
  CsvLog log(folder.path("log.csv"));
  RoundReport round = report(1);
  round.num_examples = std::numeric_limits<double>::quiet_NaN();
  round.update_norm = std::numeric_limits<double>::infinity();
  log.on_round(round);  // without on_start, as a caller of its own loop may do
  CHECK(folder.read("log.csv").find(",NaN,Inf,") != std::string::npos);
}

TEST_CASE("numbers and text read back, whatever they are") {
  CHECK(rc::check([](std::uint64_t bits, const std::string& error, const std::string& metric) {
    const ScratchFolder folder;
    CsvLog log(folder.path("log.csv"));
    RoundReport round = report(1);
    round.seconds = std::bit_cast<double>(bits);
    if (!is_finite(round.seconds)) round.seconds = 1;
    round.error = error;
    round.metrics.add(metric, 1, 4);
    log.on_round(round);
    const auto records = detail::complete_csv_records(folder.read("log.csv"));
    RC_ASSERT(records.size() == 2U);
    RC_ASSERT(records[0].size() == records[1].size());
    RC_ASSERT(records[1].back() == error);
    RC_ASSERT(std::strtod(records[1][records[1].size() - 2].c_str(), nullptr) == round.seconds);
  }));
}

TEST_CASE("the library's own reader takes the log as a table") {
  const ScratchFolder folder;
  CsvLog log(folder.path("log.csv"));
  log.on_start({});
  log.on_round(report(1));
  log.on_round(evaluated(2));
  const Table table = read_csv(folder.path("log.csv"));
  REQUIRE(table.rows() == 2);
  CHECK(table.numeric("train_loss")[1] == 1.0 / 3);
  CHECK(table.missing("eval_loss", 0));
  CHECK(table.numeric("eval_loss")[1] == 0.5);
  CHECK(table.numeric("bytes_down")[0] == 5e9);
  CHECK(table.text("failed_clients")[0] == "b:deadline;c:client_failed");
}

TEST_CASE("a new run replaces the log of the last one") {
  const ScratchFolder folder;
  for (int run = 0; run < 2; ++run) {
    CsvLog log(folder.path("log.csv"));
    log.on_start({});
    log.on_round(report(1));
    CHECK(rounds_in(folder) == Rounds{"round", "1"});
  }
}

TEST_CASE("a resumed run keeps the rows up to its checkpoint, and drops later and torn ones") {
  const ScratchFolder folder;
  const auto first = [&] {
    CsvLog log(folder.path("log.csv"));
    log.on_start({});
    for (std::uint64_t round = 1; round <= 5; ++round)
      log.on_round(round == 2 ? evaluated(2) : report(round));
  };
  const auto resume = [&](std::uint64_t completed) {
    CsvLog log(folder.path("log.csv"));
    log.on_start({.completed_rounds = completed});
    log.on_round(report(completed + 1));
    return rounds_in(folder);
  };
  first();
  const std::string whole = folder.read("log.csv");
  CHECK(resume(3) == Rounds{"round", "1", "2", "3", "4"});
  const std::string resumed = folder.read("log.csv");
  CHECK(whole.starts_with(resumed));  // the same bytes as the run that was not interrupted
  CHECK(resume(4) == Rounds{"round", "1", "2", "3", "4", "5"});
  CHECK(folder.read("log.csv") == whole);

  // torn anywhere: the complete rows that belong to the run stay, the rest goes
  for (std::size_t length = 0; length <= whole.size(); length += 7) {
    folder.write("log.csv", whole.substr(0, length));
    const Rounds rounds = resume(2);
    CHECK(rounds.front() == "round");
    CHECK(rounds.back() == "3");
    CHECK(rounds.size() <= 4);
  }
  folder.write("log.csv", whole.substr(0, whole.size() - 1));
  CHECK(resume(5) == Rounds{"round", "1", "2", "3", "4", "6"});  // what is lost is lost, and shows

  std::filesystem::remove(folder.path("log.csv"));
  CHECK(resume(3) == Rounds{"round", "4"});
}

TEST_CASE("a file that is not a log is never touched") {
  const ScratchFolder folder;
  const std::string data = "time,dead,age\n306,1,74\n";
  folder.write("log.csv", data);
  for (const std::uint64_t completed : {0U, 3U}) {
    CsvLog log(folder.path("log.csv"));
    CHECK_THROWS_WITH_AS(log.on_start({.completed_rounds = completed}),
                         doctest::Contains("is not a log of rounds"), Error);
    CHECK_THROWS_AS(log.on_round(report(completed + 1)), Error);
    CHECK(folder.read("log.csv") == data);
  }
}

TEST_CASE("a path that cannot be written is reported each round, and used once it can be") {
  const ScratchFolder folder;
  CsvLog log(folder.path("later/log.csv"));
  std::vector<std::string> errors;
  detail::notify_start(log, {}, errors);
  detail::notify_round(log, report(1), errors);
  REQUIRE(errors.size() == 2);
  CHECK(errors[0].find("on_start: cannot write") == 0);
  CHECK(errors[1].find("later/log.csv") != std::string::npos);
  std::filesystem::create_directory(folder.path("later"));
  detail::notify_round(log, report(2), errors);
  detail::notify_round(log, report(3), errors);
  CHECK(errors.size() == 2);
  const auto records = detail::complete_csv_records(folder.read("later/log.csv"));
  REQUIRE(records.size() == 3);
  CHECK(records[1].front() == "2");
}

TEST_CASE("a client that invents metrics without end cannot widen the table without end") {
  const ScratchFolder folder;
  CsvLog log(folder.path("log.csv"));
  log.on_start({});
  RoundReport flood = report(1);
  for (int i = 0; i < 2000; ++i) flood.metrics.add("m" + std::to_string(i), i, 1);
  CHECK_THROWS_WITH_AS(log.on_round(flood), doctest::Contains("1000 columns of metrics"), Error);
  log.on_round({.round = 2});
  const auto records = detail::complete_csv_records(folder.read("log.csv"));
  REQUIRE(records.size() == 3);                                     // the row itself is there
  for (const auto& record : records) CHECK(record.size() == 1018);  // and the 18 of every log
}

}  // namespace reporting_csv_log_test
