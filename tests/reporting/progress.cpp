#include "healthai/reporting/progress.hpp"

#include <doctest/doctest.h>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "healthai/server/observer.hpp"

namespace reporting_progress_test {

using namespace healthai;

static_assert(Observer<ProgressBar>);

namespace {

double time_now = 0;  // what the clock of the bars below says

/// A file that remembers what was written.
class Screen {
 public:
  [[nodiscard]] std::FILE* stream() const { return file_.get(); }
  [[nodiscard]] std::string text() const {
    std::rewind(file_.get());
    std::string result;
    for (int c = std::fgetc(file_.get()); c != EOF; c = std::fgetc(file_.get())) {
      result += static_cast<char>(c);
    }
    return result;
  }
  /// What a person sees: a carriage return starts the line again, and later characters cover earlier ones.
  [[nodiscard]] std::vector<std::string> lines() const {
    std::vector<std::string> result(1);
    std::size_t column = 0;
    for (const char c : text()) {
      std::string& line = result.back();
      if (c == '\n') {
        result.emplace_back();
        column = 0;
      } else if (c == '\r') {
        column = 0;
      } else {
        if (column == line.size()) line += ' ';
        line[column++] = c;
      }
    }
    for (std::string& line : result) line.erase(line.find_last_not_of(' ') + 1);
    return result;
  }

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  std::unique_ptr<std::FILE, Close> file_{std::tmpfile()};
};

ProgressOptions options(const Screen& screen, bool terminal) {
  time_now = 100;
  return {.stream = screen.stream(), .terminal = terminal, .colour = false, .width = 100, .clock = [] {
            return time_now;
          }};
}

RunStart start(std::uint64_t rounds, std::uint64_t completed = 0) {
  return {.strategy = "FedProx",
          .rounds = rounds,
          .completed_rounds = completed,
          .num_parameters = 3,
          .clients = {"a", "b"}};
}

RoundReport report(std::uint64_t round, double loss = 0.5) {
  RoundReport result{.round = round, .selected = {"a", "b"}, .participants = {"a", "b"}, .updated = true};
  result.metrics.add("rows", 7, 1);
  result.metrics.add("loss", loss * 4, 4);
  return result;
}

}  // namespace

TEST_CASE("on a terminal one line is redrawn in place") {
  const Screen screen;
  {
    ProgressBar bar(options(screen, true));
    bar.on_start(start(50));
    for (std::uint64_t round = 1; round <= 12; ++round) {
      time_now += 1;
      bar.on_round(report(round, 1.0 / static_cast<double>(round)));
    }
    CHECK(screen.lines() == std::vector<std::string>{"FedProx: 2 clients, 3 parameters, 50 rounds",
                                                     "round 12/50 [=======>                      ] 24%  "
                                                     "0:12, 0:38 left  train loss 0.083333  2 clients"});
    bar.on_end({.reason = StopReason::converged, .completed_rounds = 12, .seconds = 12.3});
  }
  const auto lines = screen.lines();
  REQUIRE(lines.size() == 4);
  CHECK(lines[2] == "done: converged after 12 rounds in 0:12");
  CHECK(lines[3].empty());
  CHECK(screen.text().find('\x1b') == std::string::npos);
}

TEST_CASE("the line never fills the width, whatever that is") {
  for (std::size_t width = 1; width <= 120; ++width) {
    const Screen screen;
    ProgressOptions given = options(screen, true);
    given.width = width;
    ProgressBar bar(given);
    bar.on_start(start(1000000));
    RoundReport round = report(999999);
    round.metrics = {};
    round.metrics.add("Übereinstimmung_mit_sehr_langem_Namen", 1, 3);
    round.failures = {{"c", "deadline", ""}};
    bar.on_round(round);
    const std::string text = screen.text();
    CHECK(detail::count_characters(text.substr(text.rfind('\r') + 1)) < width);
  }
}

TEST_CASE("drawing is rare, and the last state is always shown") {
  const Screen screen;
  ProgressBar bar(options(screen, true));
  bar.on_start(start(100000));
  for (std::uint64_t round = 1; round <= 60000; ++round) {
    time_now += 1e-5;  // 0.6 s in all
    bar.on_round(report(round));
  }
  const std::string text = screen.text();
  CHECK(std::count(text.begin(), text.end(), '\r') == 6);
  bar.on_end({.reason = StopReason::stop_requested, .completed_rounds = 60000, .seconds = 0.6});
  const auto lines = screen.lines();
  REQUIRE(lines.size() == 4);
  CHECK(lines[1].find("round 60000/100000 [") == 0);
  CHECK(lines[2] == "done: stop_requested after 60000 rounds in 0:01");
}

TEST_CASE("elsewhere there are plain lines, every few seconds and at the end") {
  const Screen screen;
  ProgressBar bar(options(screen, false));
  bar.on_start(start(20, 8));
  for (std::uint64_t round = 9; round <= 20; ++round) {
    time_now += 1;
    bar.on_round(report(round));
  }
  bar.on_end({.reason = StopReason::all_rounds, .completed_rounds = 20, .seconds = 12});
  CHECK(screen.lines() ==
        std::vector<std::string>{"FedProx: 2 clients, 3 parameters, 20 rounds, resumed after round 8",
                                 "round 9/20 (45%), 0:01, 0:11 left, train loss 0.5, 2 clients",
                                 "round 14/20 (70%), 0:06, 0:06 left, train loss 0.5, 2 clients",
                                 "round 19/20 (95%), 0:11, 0:01 left, train loss 0.5, 2 clients",
                                 "round 20/20 (100%), 0:12, train loss 0.5, 2 clients",
                                 "done: all_rounds after 20 rounds in 0:12", ""});
  CHECK(screen.text().find('\r') == std::string::npos);
}

TEST_CASE("failures and skipped rounds have lines of their own, above the bar") {
  for (const bool terminal : {true, false}) {
    const Screen screen;
    ProgressBar bar(options(screen, terminal));
    bar.on_start(start(3));
    bar.on_round(report(1));
    RoundReport bad = report(2);
    bad.participants.clear();
    bad.updated = false;
    bad.error = "no usable reply";
    bad.failures = {{"a", "client_failed", "disk\n\x1b[2J full"}, {"b", "deadline", ""}};
    bad.observer_errors = {"on_round: cannot write"};
    bad.evaluation.emplace();
    bad.evaluation->failures = {{"b", "refused", "no"}};
    bar.on_round(bad);
    const auto lines = screen.lines();
    REQUIRE(lines.size() >= 7);
    const std::size_t at = terminal ? 1 : 2;
    CHECK(lines[at] == "round 2: a failed: client_failed: disk ?[2J full");
    CHECK(lines[at + 1] == "round 2: b failed: deadline");
    CHECK(lines[at + 2] == "round 2: b was not evaluated: refused: no");
    CHECK(lines[at + 3] == "round 2: model unchanged: no usable reply");
    CHECK(lines[at + 4] == "round 2: observer failed: on_round: cannot write");
    if (terminal) {
      REQUIRE(lines.size() == 7);
      CHECK(lines[6].find("round 2/3 [") == 0);
      CHECK(lines[6].find("0 clients, 2 failed") != std::string::npos);
    }
  }
}

TEST_CASE("a flood of failures is counted, not printed") {
  const Screen screen;
  ProgressBar bar(options(screen, false));
  bar.on_start(start(1000));
  RoundReport bad = report(1);
  bad.failures.assign(7, {"a", "deadline", ""});
  for (bad.round = 1; bad.round <= 1000; ++bad.round) bar.on_round(bad);
  bar.on_end({.reason = StopReason::below_quorum, .completed_rounds = 1000, .seconds = 0});
  const auto lines = screen.lines();
  CHECK(lines.size() == 16);  // the start, 10 failures, rounds 1 and 1000, the rest counted, the end, nothing
  CHECK(lines[13] == "... and 6990 more problems (a CSV or JSON log has them all)");
  CHECK(lines[14] == "done: below_quorum after 1000 rounds in 0:00, 7000 client failures");
}

TEST_CASE("the metric: evaluation before training, the loss before others, or the chosen one") {
  const auto last = [](const std::string& metric, const std::vector<RoundReport>& reports) {
    const Screen screen;
    ProgressOptions given = options(screen, false);
    given.metric = metric;
    given.line_seconds = 0;
    ProgressBar bar(given);
    bar.on_start(start(10));
    for (const RoundReport& one : reports) bar.on_round(one);
    const auto lines = screen.lines();
    const std::string line = lines[lines.size() - 2];
    const std::size_t from = line.find("left, ") + 6;
    return line.substr(from, line.rfind(", 2 clients") - from);
  };
  RoundReport central = report(1);
  central.evaluation.emplace();
  central.evaluation->central.add("auc", 0.75, 1);
  RoundReport both = central;
  both.evaluation->clients.add("accuracy", 9, 10);
  both.evaluation->clients.add("loss", 1, 4);
  CHECK(last("", {report(1)}) == "train loss 0.5");
  CHECK(last("rows", {report(1)}) == "train rows 7");
  CHECK(last("", {central}) == "central auc 0.75");
  CHECK(last("", {both, report(2)}) == "eval loss 0.25");  // kept until the next evaluation
  CHECK(last("accuracy", {both}) == "eval accuracy 0.9");
  CHECK(last("auc", {both}) == "central auc 0.75");
}

TEST_CASE("colours are for people who want them") {
  const Screen screen;
  ProgressOptions given = options(screen, true);
  given.colour = true;
  ProgressBar bar(given);
  bar.on_end({.reason = StopReason::all_rounds, .completed_rounds = 1, .seconds = 1});
  CHECK(screen.text() == "\x1b[32mdone: all_rounds after 1 round in 0:01\x1b[0m\n");
}

TEST_CASE("a bar that is abandoned, by an exception say, ends its line once") {
  const Screen screen;
  {
    ProgressBar first(options(screen, true));
    first.on_start(start(5));
    first.on_round(report(1));
    const ProgressBar second = std::move(first);
  }
  const std::string text = screen.text();
  CHECK(text.back() == '\n');
  CHECK(std::count(text.begin(), text.end(), '\n') == 2);
}

TEST_CASE("a round that is not drawn costs next to nothing") {
  const Screen screen;
  ProgressBar bar(ProgressOptions{.stream = screen.stream(), .terminal = true, .width = 100});
  bar.on_start(start(100000));
  const RoundReport round = report(1);
  const auto before = std::chrono::steady_clock::now();
  for (int i = 0; i < 100000; ++i) bar.on_round(round);
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - before;
  CHECK(elapsed.count() < 1);  // about 0.01 s; the bound leaves room for sanitizers and busy machines
}

}  // namespace reporting_progress_test
