#include "healthai/statistics/detail/collinearity.hpp"

#include <doctest/doctest.h>

namespace statistics_detail_collinearity_test {

using namespace healthai;

TEST_CASE("the first column that others explain, and which") {
  Eigen::MatrixXd x(6, 4);
  x << 1, 2, 0, 3, 1, 3, 1, 5, 1, 5, 1, 1, 1, 7, 0, 2, 1, 1, 4, 9, 1, 0, 2, 1;
  const Eigen::MatrixXd regular = x.transpose() * x;
  CHECK_FALSE(detail::first_collinear(regular, regular.diagonal()));
  x.col(3) = 1e6 * (x.col(2) - 2 * x.col(0));  // units do not matter
  const Eigen::MatrixXd gram = x.transpose() * x;
  const auto found = detail::first_collinear(gram, gram.diagonal());
  REQUIRE(found);
  CHECK(found->column == 3);
  CHECK(found->explained_by == std::vector<Eigen::Index>{0, 2});
  x(0, 3) *= 1 + 1e-3;
  const Eigen::MatrixXd nearly = x.transpose() * x;
  CHECK_FALSE(detail::first_collinear(nearly, nearly.diagonal()));
}

TEST_CASE("a column of which nothing is left has nobody to explain it") {
  Eigen::MatrixXd gram = Eigen::MatrixXd::Identity(2, 2);
  gram(1, 1) = 1e-14;
  const auto found = detail::first_collinear(gram, Eigen::VectorXd::Ones(2));
  REQUIRE(found);
  CHECK(found->column == 1);
  CHECK(found->explained_by.empty());
}

}  // namespace statistics_detail_collinearity_test
