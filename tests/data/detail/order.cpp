#include "healthai/data/detail/order.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>
#include <string>
#include <vector>

namespace data_detail_order_test {

namespace detail = healthai::detail;
using Order = std::vector<std::size_t>;

TEST_CASE("positions by ascending value, equal ones in their order") {
  const std::vector<double> numbers{3, -1, 3, 0, -1};
  CHECK(detail::sorted_order({numbers, {}}) == Order{1, 4, 3, 0, 2});
  const std::vector<std::string> texts{"b", "a", "", "b", "a"};
  CHECK(detail::sorted_order({{}, texts}) == Order{2, 1, 4, 0, 3});
  CHECK(detail::sorted_order({}).empty());
}

TEST_CASE("repeated texts") {
  CHECK_FALSE(detail::find_repeated({}));
  CHECK_FALSE(detail::find_repeated(std::vector<std::string>{"b", "a"}));
  const auto found = detail::find_repeated(std::vector<std::string>{"b", "a", "c", "a"});
  REQUIRE(found);
  CHECK(found->first == 1);
  CHECK(found->second == 3);
  CHECK(rc::check([](const std::vector<std::string>& texts) {
    bool repeated = false;
    for (std::size_t i = 0; i < texts.size(); ++i) {
      for (std::size_t j = 0; j < i; ++j) repeated = repeated || texts[i] == texts[j];
    }
    RC_ASSERT(detail::find_repeated(texts).has_value() == repeated);
  }));
}

}  // namespace data_detail_order_test
