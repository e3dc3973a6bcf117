#include "healthai/simulation/detail/row_groups.hpp"

#include <doctest/doctest.h>

#include "../partitions.hpp"

namespace simulation_detail_row_groups_test {

using namespace healthai;

TEST_CASE("equal sizes differ by at most one, the larger ones first") {
  CHECK(detail::equal_sizes(11, 4) == std::vector<std::size_t>{3, 3, 3, 2});
  CHECK(detail::equal_sizes(2, 3) == std::vector<std::size_t>{1, 1, 0});
}

TEST_CASE("cutting keeps the order") {
  const std::vector<std::size_t> order{4, 0, 3, 1, 2};
  CHECK(detail::cut(order, std::vector<std::size_t>{2, 0, 3}) == Groups{{4, 0}, {}, {3, 1, 2}});
}

TEST_CASE("small groups are filled up from the largest one") {
  Groups groups{{}, {0, 1, 2, 3, 4}, {5, 6, 7}, {8}};
  Stream stream(3, Purpose::test);
  detail::fill_up(groups, 2, stream);
  CHECK(groups[0].size() == 2);  // 5 -> 4 -> 3
  CHECK(groups[1].size() == 2);  // and one more, as the first of two with 3
  CHECK(groups[2].size() == 3);
  CHECK(groups[3].size() == 2);
  CHECK(covers(detail::ascending(groups), 9, 2));
}

TEST_CASE("classes hold their rows") {
  Stream stream(3, Purpose::test);
  const auto classes = detail::shuffled_classes(std::vector<std::size_t>{2, 0, 2, 0, 0}, stream);
  CHECK(detail::ascending(classes) == Groups{{1, 3, 4}, {}, {0, 2}});
  CHECK(error_of([&] {
          (void)detail::shuffled_classes(std::vector<std::size_t>{0, 2}, stream);
        }) ==
        "invalid_argument: partition: row 1 has the label 2, but labels must be below the number of rows; "
        "number them with class_numbers()");
}

TEST_CASE("too few rows") {
  CHECK(error_of([] { detail::require_rows(5, 3, 2, "shards"); }) ==
        "invalid_data: shards: 3 clients of at least 2 rows each need more than the 5 rows there are; use "
        "fewer "
        "clients");
  CHECK(error_of([] { detail::require_rows(5, 0, 2, "iid"); }) ==
        "invalid_argument: iid: expected at least one client, got none");
  CHECK(error_of([] { detail::require_rows(6, 3, 2, "shards"); }) == "no error");
}

}  // namespace simulation_detail_row_groups_test
