#include "healthai/core/serialize_numbers.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cstddef>
#include <vector>

namespace core_serialize_numbers_test {

using namespace healthai;

namespace {

struct OneByOne {
  std::vector<double> seen;
  OneByOne& operator&(double& number) {
    seen.push_back(number);
    return *this;
  }
};

struct AllAtOnce : OneByOne {
  std::size_t calls = 0;
  void numbers(std::span<double> numbers) {
    ++calls;
    seen.assign(numbers.begin(), numbers.end());
  }
};

}  // namespace

TEST_CASE("any archive gets the numbers in order, and all at once if it can take them so") {
  std::array<double, 3> values{3, 1, 2};
  const std::vector<double> expected{3, 1, 2};
  OneByOne slow;
  serialize_numbers(slow, std::span<double>(values));
  CHECK(slow.seen == expected);
  AllAtOnce fast;
  serialize_numbers(fast, std::span<double>(values));
  CHECK(fast.seen == expected);
  CHECK(fast.calls == 1);
}

}  // namespace core_serialize_numbers_test
