#include "healthai/compression/detail/buckets.hpp"

#include <doctest/doctest.h>

#include <limits>
#include <string>

namespace compression_detail_buckets_test {

using namespace healthai::detail;

TEST_CASE("the last bucket takes what is left") {
  const auto buckets_of = [](std::size_t size, std::size_t bucket) {
    std::string text;
    std::size_t count = 0;
    for_each_bucket(size, bucket, [&](std::size_t number, std::size_t begin, std::size_t end) {
      CHECK(number == count++);
      text += std::to_string(begin) + "-" + std::to_string(end) + " ";
    });
    CHECK(count == bucket_count(size, bucket));
    return text;
  };
  CHECK(buckets_of(7, 3) == "0-3 3-6 6-7 ");
  CHECK(buckets_of(6, 3) == "0-3 3-6 ");
  CHECK(buckets_of(2, 3) == "0-2 ");
  CHECK(buckets_of(0, 3).empty());
  CHECK(buckets_of(2, (std::numeric_limits<std::size_t>::max)()) == "0-2 ");
  CHECK_THROWS_AS(static_cast<void>(checked_bucket(0)), healthai::Error);
}

}  // namespace compression_detail_buckets_test
