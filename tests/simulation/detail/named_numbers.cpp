#include "healthai/simulation/detail/named_numbers.hpp"

#include <doctest/doctest.h>

#include <array>

#include "../partitions.hpp"

namespace simulation_detail_named_numbers_test {

using namespace healthai;

TEST_CASE("a name and its numbers") {
  static constexpr std::array<detail::NamedForm, 2> forms{
      {{"plain", "plain", 0, 0}, {"two", "two:A[:B]", 1, 1}}};
  const auto parsed = detail::parse_named_numbers("thing", "two:1.5:-2", forms);
  CHECK(parsed.name == "two");
  CHECK(parsed.numbers == std::vector<double>{1.5, -2});
  CHECK(detail::parse_named_numbers("thing", "two:3", forms).number(1, 8) == 8);
  CHECK(detail::parse_named_numbers("thing", "plain", forms).numbers.empty());
  CHECK(
      error_of([&] { (void)detail::parse_named_numbers("thing", "two:1:2:3", forms); }) ==
      "invalid_argument: thing \"two:1:2:3\": there are too many numbers; write two:A[:B]. Known are: plain, "
      "two:A[:B]");
}

}  // namespace simulation_detail_named_numbers_test
