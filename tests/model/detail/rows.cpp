#include "healthai/model/detail/rows.hpp"

#include <doctest/doctest.h>

#include "model/support.hpp"

namespace model_detail_rows_test {

using namespace healthai;

TEST_CASE("rows: all rows and ranges are views, batches are gathered in order") {
  FeatureMatrix<double> x(3, 2);
  x << 1, 2, 3, 4, 5, 6;
  detail::Rows<double> rows(x, "Test");
  CHECK(rows.select({}).data() == rows.all().data());
  CHECK(rows.range(1, 2).data() == rows.all().data() + 2);
  const std::vector<std::size_t> chosen{2, 0};
  const auto batch = rows.select(chosen);
  REQUIRE(batch.rows() == 2);
  CHECK(batch(0, 0) == 5);
  CHECK(batch(1, 1) == 2);
  const double* const memory = batch.data();
  const std::vector<std::size_t> one{1};
  CHECK(rows.select(one).data() == memory);  // a smaller batch reuses the memory
  const detail::Rows<double> others(x, "Test");
  CHECK(others.select(chosen).data() == memory);  // as does another model
  CHECK(rows.select(one)(0, 1) == 4);
  const std::vector<std::size_t> beyond{3};
  CHECK(model_test::thrown([&] { (void)rows.select(beyond); }).id == "invalid_argument");
  rows.prefetch(beyond);  // a hint only: what is not there is passed over
}

TEST_CASE("gather leaves all rows where they are") {
  const std::vector<int> values{7, 8, 9};
  CHECK(detail::gather(values, {}) == values.data());
  const std::vector<std::size_t> chosen{2, 0};
  const int* const gathered = detail::gather(values, chosen);
  CHECK(gathered[0] == 9);
  CHECK(gathered[1] == 7);
}

}  // namespace model_detail_rows_test
