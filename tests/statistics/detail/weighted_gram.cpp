#include "healthai/statistics/detail/weighted_gram.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

namespace statistics_detail_weighted_gram_test {

using namespace healthai;

TEST_CASE("blocks add up to Z^T W Z and Z^T s") {
  const Eigen::Index rows = 2 * detail::WeightedGram::block + 37;
  const Eigen::MatrixXd z = Eigen::MatrixXd::Random(5, rows);
  const Eigen::VectorXd weights = Eigen::VectorXd::Random(rows).cwiseAbs(),
                        scores = Eigen::VectorXd::Random(rows);
  detail::WeightedGram gram(5);
  for (Eigen::Index first = 0; first < rows; first += detail::WeightedGram::block) {
    const Eigen::Index size = (std::min)(detail::WeightedGram::block, rows - first);
    gram.add(z.middleCols(first, size), weights.segment(first, size), scores.segment(first, size));
  }
  for (Eigen::Index a = 0; a < 5; ++a) {
    for (Eigen::Index b = 0; b <= a; ++b) {
      double sum = 0;
      for (Eigen::Index i = 0; i < rows; ++i) sum += z(a, i) * weights[i] * z(b, i);
      CHECK(std::fabs(gram.gram()(a, b) - sum) < 1e-12);
    }
  }
  CHECK((gram.score() - z * scores).cwiseAbs().maxCoeff() < 1e-12);
}

}  // namespace statistics_detail_weighted_gram_test
