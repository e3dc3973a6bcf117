#include "healthai/transport/executor.hpp"

#include <doctest/doctest.h>

#include <vector>

namespace transport_executor_test {

TEST_CASE("an executor is any callable that takes work") {
  std::vector<std::function<void()>> queue;
  const healthai::Executor executor = [&queue](std::function<void()> work) {
    queue.push_back(std::move(work));
  };
  int done = 0;
  executor([&done] { ++done; });
  CHECK(done == 0);
  queue.front()();
  CHECK(done == 1);
}

}  // namespace transport_executor_test
