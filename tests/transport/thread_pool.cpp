#include "healthai/detail/thread_pool.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <memory>

namespace transport_thread_pool_test {

using healthai::detail::ThreadPool;

TEST_CASE("all work is done, by as many threads as there are") {
  auto done = std::make_shared<std::atomic<int>>(0);
  {
    ThreadPool pool(3);
    for (int i = 0; i < 1000; ++i) pool.submit([done] { ++*done; });
    while (*done < 1000) std::this_thread::yield();
  }
  CHECK(*done == 1000);
}

TEST_CASE("a lost thread is replaced and left behind") {
  auto release = std::make_shared<std::atomic<bool>>(false);
  auto done = std::make_shared<std::atomic<int>>(0);
  {
    ThreadPool pool(1);
    pool.submit([release] {
      while (!*release) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    });
    pool.submit([done] { ++*done; });
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    CHECK(*done == 0);
    CHECK(pool.replace_lost());
    while (*done == 0) std::this_thread::yield();
  }  // returns although the first thread is still at work
  CHECK(*done == 1);
  *release = true;
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
}

}  // namespace transport_thread_pool_test
