#include "healthai/secagg/detail/work_of_sum.hpp"

#include <doctest/doctest.h>

#include <functional>
#include <memory>
#include <stdexcept>

namespace secagg_work_of_sum_test {

using namespace healthai;
using namespace healthai::secagg;
using healthai::secagg::detail::WorkOfSum;

namespace {

/// A client whose state counts its trainings.
struct Counter {
  int trained = 0;
  TrainReply<double> train(const TrainRequest<double>&, std::stop_token) {
    ++trained;
    return {};
  }
  EvaluateReply evaluate(const EvaluateRequest<double>&, std::stop_token) { return {}; }
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& trained;
  }
};

struct Scene {
  TaskHandlers client = TaskHandlers::of(Counter{});
  WorkOfSum work{};
  int made = 0;

  static std::shared_ptr<const EncodedMessage> message(double parameter, std::uint32_t attempt) {
    const Layout layout{{"w", {1}}};
    return encode(std::make_shared<const TrainBroadcast<double>>(TrainBroadcast<double>{
        {7, 1, attempt}, 0, Parameters<double>(layout, std::vector<double>{parameter}), {}}));
  }
  void begin(double parameter = 1, std::uint32_t attempt = 0, std::uint64_t run = 7) {
    work.begin("train.f64", {run, 1, attempt}, message(parameter, attempt), SegmentPlan({}, {}, 5, 5),
               client);
  }
  RingVector vector(bool keep = true) {
    return work.vector(client, keep, [this] {
      (void)client.handle<Train<double>>({std::make_shared<const TrainBroadcast<double>>(), "any"}, {});
      RingVector result(32, 2);
      result.visit([this](auto words) { words[0] = static_cast<std::uint32_t>(++made); });
      return result;
    });
  }
  [[nodiscard]] int trained() const { return from_bytes<Counter>(client.state()).trained; }
};

}  // namespace

TEST_CASE("the same work, begun anew, is not done anew") {
  Scene scene;
  scene.begin();
  const RingVector first = scene.vector();
  CHECK(scene.vector() == first);
  scene.begin();
  CHECK(scene.vector() == first);
  scene.work.counts(scene.client);
  scene.begin();
  CHECK(scene.vector() == first);
  CHECK(scene.made == 1);
  CHECK(scene.trained() == 1);
}

TEST_CASE(
    "with the vector that is given again goes the state that came of it, where a node had put it back") {
  Scene scene;
  const auto before = scene.client.state();
  scene.begin();
  const RingVector first = scene.vector();
  scene.client.restore(before);
  scene.begin();
  CHECK(scene.vector() == first);
  CHECK(scene.trained() == 1);
  CHECK(scene.made == 1);
}

TEST_CASE("other work is done, and before it the client's state is as if the first had not been") {
  const std::function<void(Scene&)> others[] = {
      [](Scene& scene) { scene.begin(1, 1); },     // another attempt
      [](Scene& scene) { scene.begin(2); },        // another model
      [](Scene& scene) { scene.begin(1, 0, 8); },  // another run
  };
  for (const bool keep : {true, false}) {
    for (const auto& begin_other : others) {
      Scene scene;
      scene.begin();
      (void)scene.vector(keep);
      CHECK(scene.trained() == 1);
      begin_other(scene);
      CHECK(scene.trained() == 0);
      (void)scene.vector(keep);
      CHECK(scene.trained() == 1);
      CHECK(scene.made == 2);
    }
  }
}

TEST_CASE("what counts is not undone by what comes next") {
  Scene scene;
  scene.begin();
  (void)scene.vector();
  scene.work.counts(scene.client);
  scene.work.end();
  scene.begin(2);
  CHECK(scene.trained() == 1);
  (void)scene.vector();
  CHECK(scene.trained() == 2);
}

TEST_CASE("what counts stands, also where somebody had put the client's state back") {
  Scene scene;
  scene.begin();
  const auto before = scene.client.state();
  (void)scene.vector();
  scene.client.restore(before);  // as a node does that could not write its reply down
  scene.work.counts(scene.client);
  CHECK(scene.trained() == 1);
}

TEST_CASE("a task without rounds is done each time") {
  Scene scene;
  scene.begin(1, 0, 0);
  (void)scene.vector();
  scene.begin(1, 0, 0);
  (void)scene.vector();
  CHECK(scene.made == 2);
}

TEST_CASE("work that fails leaves the client's state as it was") {
  Scene scene;
  scene.begin();
  const auto fails = [&]() -> RingVector {
    (void)scene.client.handle<Train<double>>({std::make_shared<const TrainBroadcast<double>>(), "any"}, {});
    throw std::runtime_error("no power");
  };
  CHECK_THROWS_AS((void)scene.work.vector(scene.client, true, fails), std::runtime_error);
  CHECK(scene.trained() == 0);
  CHECK(scene.vector() == scene.vector());
  CHECK(scene.trained() == 1);
}

}  // namespace secagg_work_of_sum_test
