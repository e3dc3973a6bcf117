#include "healthai/secagg/detail/try_in_parallel.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <vector>

namespace secagg_try_in_parallel_test {

using healthai::secagg::detail::try_in_parallel;

TEST_CASE("everything is done once") {
  for (const std::size_t workers : {1U, 2U, 5U}) {
    std::vector<int> done(100, 0);
    try_in_parallel(workers, done.size(), [&](std::size_t i, std::size_t worker) {
      ++done[i];
      if (worker >= workers) throw std::logic_error("a worker too many");
    });
    CHECK(done == std::vector<int>(100, 1));
  }
}

TEST_CASE("the first failure is thrown when the others are done") {
  for (const std::size_t workers : {1U, 3U}) {
    std::atomic<int> done{0};
    const auto work = [&](std::size_t i, std::size_t) {
      ++done;
      if (i == 30 || i == 70) throw std::runtime_error(std::to_string(i));
    };
    CHECK_THROWS_WITH_AS(try_in_parallel(workers, 100, work), "30", std::runtime_error);
    CHECK(done == 100);
  }
}

}  // namespace secagg_try_in_parallel_test
