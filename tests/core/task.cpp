#include "healthai/core/task.hpp"

#include <doctest/doctest.h>

#include "healthai/core/training.hpp"

namespace core_task_test {

using namespace healthai;

namespace {
struct Ping {
  struct Broadcast {};
  struct Reply {};
  static constexpr std::string_view name = "ping";
  static std::size_t bytes(const Broadcast&) { return 0; }
  static std::size_t bytes(const Reply&) { return 0; }
};
struct Nameless {
  struct Broadcast {};
  struct Reply {};
  static std::size_t bytes(const Broadcast&) { return 0; }
  static std::size_t bytes(const Reply&) { return 0; }
};
static_assert(Task<Ping> && !AdditiveTask<Ping>);
static_assert(!Task<Nameless>);
static_assert(AdditiveTask<Train<float>>);
}  // namespace

TEST_CASE("a request reads its broadcast") {
  const TrainRequest<double> request{
      std::make_shared<const TrainBroadcast<double>>(TrainBroadcast<double>{{1, 2, 0}, 3, {}, {}}), "north"};
  CHECK(request->seed == 3);
  CHECK((*request).id.round == 2);
}

}  // namespace core_task_test
