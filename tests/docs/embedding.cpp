// The code of docs/how-to-embed.md and docs/architecture.md.
#include <doctest/doctest.h>

#include <cstring>
#include <string>
#include <vector>

#include "../examples/run_example.hpp"
#include "../quadratic.hpp"
#include "healthai/data.hpp"
#include "healthai/healthai.hpp"

namespace docs_embedding_test {

using namespace healthai;

namespace {

LocalTrainer<Quadratic<double>> trainer(double target) {
  return LocalTrainer(Quadratic<double>{{1, 3}, {target, 2 * target}, 7}, {.learning_rate = 0.05});
}

void add_hospitals(InProcess& hospitals) {
  hospitals.add("north", trainer(1));
  hospitals.add("south", trainer(2));
}

const Parameters<double> initial(Quadratic<double>::layout_for(2));

struct Window {  // stands for a user interface
  std::vector<std::string> lines{};
  void show(const std::string& line) { lines.push_back(line); }
};

// [observer]
/// Implements the hooks that it wants, of on_start, on_round and on_end. They run on the thread that called run().
struct Dashboard {
  Window& window;
  void on_round(const RoundReport& report) {
    window.show("round " + std::to_string(report.round) + ", " + std::to_string(report.participants.size()) +
                " hospitals");
    for (const Failure& failure : report.failures) window.show(failure.message);
  }
  void on_end(const RunEnd& end) { window.show("done: " + std::string(to_string(end.reason))); }
};
// [/observer]

// [task]
/// A kind of work of one's own: how many patients are under treatment now? Additive, so it can be summed on the way.
struct CountPatients {
  using Scalar = double;
  struct Broadcast {
    std::string ward{};
    template <class Archive>
    void serialize(Archive& archive, unsigned) {
      archive& ward;
    }
  };
  struct Reply {
    double patients = 0;
    template <class Archive>
    void serialize(Archive& archive, unsigned) {
      archive& patients;
    }
  };
  static constexpr std::string_view name = "count_patients.f64";
  static Summand<double> summand(const Reply& reply) { return {1, {}, {{"patients", reply.patients}}}; }
  static std::size_t bytes(const Broadcast& broadcast) { return broadcast.ward.size(); }
  static std::size_t bytes(const Reply&) { return sizeof(double); }
};
static_assert(AdditiveTask<CountPatients>);
// [/task]

}  // namespace

TEST_CASE("an observer of one's own") {
  InProcess hospitals;
  add_hospitals(hospitals);
  Window window;
  Federation federation{FedAvg{}, hospitals, {.rounds = 2}};
  // [observe]
  const auto outcome = federation.run(initial, Dashboard{window}, [](const RoundReport& report) {
    if (!report.updated) std::fprintf(stderr, "%s\n", report.error.c_str());
  });
  // [/observe]
  CHECK(outcome.completed_rounds == 2);
  CHECK(window.lines ==
        std::vector<std::string>{"round 1, 2 hospitals", "round 2, 2 hospitals", "done: all_rounds"});
}

TEST_CASE("a run that was ended goes on where it was") {
  const ExampleFolder folder;
  const std::string file = folder.path("run.ckpt").string();
  InProcess hospitals;
  add_hospitals(hospitals);
  {
    // [checkpoint]
    Federation federation{FedAvg{}, hospitals, {.rounds = 20, .seed = 7, .checkpoint = file, .resume = true}};
    federation.start(initial);  // or, if the file is there, where it left off
    while (!federation.ended()) federation.step();
    // [/checkpoint]
  }
  Federation half{FedAvg{}, hospitals, {.rounds = 8, .seed = 7, .checkpoint = file + "2"}};
  static_cast<void>(half.run(initial));
  Federation rest{FedAvg{}, hospitals, {.rounds = 20, .seed = 7, .checkpoint = file + "2", .resume = true}};
  const auto resumed = rest.run(initial);
  CHECK(resumed.history.size() == 12);

  InProcess fresh;
  add_hospitals(fresh);
  const auto whole = Federation{FedAvg{}, fresh, {.rounds = 20, .seed = 7}}.run(initial);
  CHECK(std::memcmp(whole.parameters.data(), resumed.parameters.data(), initial.size_bytes()) == 0);
}

TEST_CASE("errors have a stable id and a sentence") {
  std::string shown;
  const auto show = [&shown](const char* text) { shown = text; };
  // [error]
  try {
    const Table table = read_csv("no/such/file.csv");
  } catch (const Error& e) {
    if (e.id() == error::file) show(e.what());  // the id is for programs, what() for people
  }
  // [/error]
  CHECK(shown.find("no/such/file.csv") != std::string::npos);
}

TEST_CASE("a task of one's own") {
  const double on_ward = 17;
  // [offer]
  InProcess hospitals;
  TaskHandlers north = TaskHandlers::of(trainer(1));  // trains, evaluates
  north.offer<CountPatients>([on_ward](const Request<CountPatients::Broadcast>& request, std::stop_token) {
    return CountPatients::Reply{request->ward == "icu" ? on_ward : 0};
  });
  hospitals.add("north", north);
  hospitals.add("south", trainer(2));  // does not offer it

  const SummedAnswer answer = ask<CountPatients>(hospitals, {"icu"});
  const double patients = answer.total.scalars.front().value;
  // [/offer]
  CHECK(patients == 17);
  REQUIRE(answer.failures.size() == 1);
  CHECK(answer.failures[0].error == "unsupported_task");
}

}  // namespace docs_embedding_test
