#include "healthai/client/task_handlers.hpp"

#include <doctest/doctest.h>

#include <string>

#include "../quadratic.hpp"
#include "healthai/client/local_trainer.hpp"

namespace client_task_handlers_test {

using namespace healthai;

namespace {

struct Counting {
  std::uint64_t calls = 0;
  TrainReply<double> train(const TrainRequest<double>& request, std::stop_token) {
    ++calls;
    return {request->parameters, static_cast<double>(calls), {}, 1, false};
  }
  EvaluateReply evaluate(const EvaluateRequest<double>&, std::stop_token) { return {1, {}}; }
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& calls;
  }
};

struct Echo {
  struct Broadcast {
    int value = 0;
  };
  struct Reply {
    int value = 0;
  };
  static constexpr std::string_view name = "echo";
  static std::size_t bytes(const Broadcast&) { return 4; }
  static std::size_t bytes(const Reply&) { return 4; }
};

/// Another task that took the same name.
struct Impostor {
  struct Broadcast {};
  struct Reply {
    std::string text;
  };
  static constexpr std::string_view name = "echo";
  static std::size_t bytes(const Broadcast&) { return 0; }
  static std::size_t bytes(const Reply&) { return 0; }
};

TrainRequest<double> plain(LocalObjective<double> objective = {}) {
  return {std::make_shared<const TrainBroadcast<double>>(TrainBroadcast<double>{
              {1, 1, 0}, 0, Parameters<double>(Layout{{"w", {1}}}), std::move(objective)}),
          "north"};
}

std::string error_of(const auto& call) {
  try {
    call();
  } catch (const Error& e) {
    return std::string(e.id().name());
  }
  return "none";
}

}  // namespace

TEST_CASE("a client offers training and evaluation of its scalar only") {
  const TaskHandlers handlers = TaskHandlers::of(Counting{});
  CHECK(handlers.offers<Train<double>>());
  CHECK(handlers.offers<Evaluate<double>>());
  CHECK_FALSE(handlers.offers<Train<float>>());
  CHECK_FALSE(handlers.offers<CurvatureBound>());
  CHECK(handlers.handle<Train<double>>(plain(), {}).num_examples == 1);
}

TEST_CASE("a trainer whose model bounds its curvature says so") {
  const TaskHandlers handlers = TaskHandlers::of(LocalTrainer(Quadratic<double>{{2.0, 5.0}, {0.0, 0.0}, 7}));
  const Request<CurvatureBound::Broadcast> request{std::make_shared<const CurvatureBound::Broadcast>(),
                                                   "north"};
  const CurvatureReply reply = handlers.handle<CurvatureBound>(request, {});
  CHECK(reply.bound == 5);
  CHECK(reply.num_examples == 7);
}

TEST_CASE("parts of an objective that a client does not honour are refused by name") {
  const TaskHandlers handlers = TaskHandlers::of(Counting{});
  LocalObjective<double> objective;
  objective.proximal_mu = 0.1;
  CHECK(error_of([&] { static_cast<void>(handlers.handle<Train<double>>(plain(objective), {})); }) ==
        "refused");
  CHECK_THROWS_WITH(static_cast<void>(handlers.handle<Train<double>>(plain(objective), {})),
                    doctest::Contains("client north does not honour: proximal mu"));
}

TEST_CASE("a handler for any task can be offered, and replaced") {
  TaskHandlers handlers;
  handlers.offer<Echo>(
      [](const Request<Echo::Broadcast>& request, std::stop_token) { return Echo::Reply{request->value}; });
  const Request<Echo::Broadcast> request{std::make_shared<const Echo::Broadcast>(Echo::Broadcast{5}),
                                         "north"};
  CHECK(handlers.handle<Echo>(request, {}).value == 5);
  handlers.offer<Echo>([](const Request<Echo::Broadcast>&, std::stop_token) { return Echo::Reply{6}; });
  CHECK(handlers.handle<Echo>(request, {}).value == 6);
  const Request<Impostor::Broadcast> other{std::make_shared<const Impostor::Broadcast>(), "north"};
  CHECK(error_of([&] { static_cast<void>(handlers.handle<Impostor>(other, {})); }) == "unsupported_task");
}

TEST_CASE("state is saved and put back") {
  const TaskHandlers handlers = TaskHandlers::of(Counting{});
  CHECK(handlers.stateful());
  CHECK_FALSE(TaskHandlers::of(LocalTrainer(Quadratic<double>{{1.0}, {0.0}})).stateful());
  static_cast<void>(handlers.handle<Train<double>>(plain(), {}));
  const auto after_one = handlers.state();
  static_cast<void>(handlers.handle<Train<double>>(plain(), {}));
  handlers.restore(after_one);
  CHECK(handlers.handle<Train<double>>(plain(), {}).num_examples == 2);
  CHECK(error_of([&] { handlers.restore(std::span(after_one).first(after_one.size() - 1)); }) ==
        "archive_truncated");
}

}  // namespace client_task_handlers_test
