#include "healthai/model/detail/spectral_bound.hpp"

#include <doctest/doctest.h>

#include "model/support.hpp"

namespace model_detail_spectral_bound_test {

using namespace healthai;

TEST_CASE("the bound of a rank one matrix is its eigenvalue") {
  FeatureMatrix<double> x(2, 1);
  x << 3, 4;
  CHECK(detail::largest_gram_eigenvalue_bound(x, false) == doctest::Approx(12.5).epsilon(1e-8));
  CHECK(detail::largest_gram_eigenvalue_bound(x, false) >= 12.5);
  CHECK(detail::largest_gram_eigenvalue_bound(FeatureMatrix<float>::Zero(3, 2).eval(), false) == 0);
  CHECK(detail::largest_gram_eigenvalue_bound(FeatureMatrix<double>::Zero(3, 2).eval(), true) ==
        doctest::Approx(1).epsilon(1e-8));
}

TEST_CASE("d equal eigenvalues are the worst case: d^(1/64) above for few columns") {
  const FeatureMatrix<double> identity = FeatureMatrix<double>::Identity(64, 64);
  const double bound = 64 * detail::largest_gram_eigenvalue_bound(identity, false);
  CHECK(bound >= 1);
  CHECK(bound == doctest::Approx(std::pow(64.0, 1.0 / 64)).epsilon(1e-8));
}

TEST_CASE("huge and tiny features neither overflow nor vanish") {
  for (const double scale : {1e-150, 1e150}) {
    const FeatureMatrix<double> x = FeatureMatrix<double>::Constant(4, 2, scale);
    CHECK(detail::largest_gram_eigenvalue_bound(x, false) / (2 * scale * scale) ==
          doctest::Approx(1).epsilon(1e-8));
  }
}

TEST_CASE("the bound holds, wide or tall, small or large, and on every branch") {
  Stream stream(1, Purpose::test);
  for (const auto& [rows, columns] :
       {std::pair<std::size_t, std::size_t>{5, 40}, {40, 5}, {300, 300}, {2100, 2100}}) {
    const FeatureMatrix<float> x = model_test::random_features<float>(stream, rows, columns);
    Eigen::VectorXd v = Eigen::VectorXd::Ones(x.cols());
    double eigenvalue = 0;  // of the Gram matrix, from below
    for (int step = 0; step < 20; ++step) {
      v /= v.norm();
      const Eigen::VectorXd image =
          x.cast<double>().transpose() * (x.cast<double>() * v) / static_cast<double>(rows);
      eigenvalue = v.dot(image);
      v = image;
    }
    const double bound = detail::largest_gram_eigenvalue_bound(x, false);
    CHECK(bound >= eigenvalue);
    if (rows <= 40) CHECK(bound < 1.1 * eigenvalue);
    CHECK(detail::largest_gram_eigenvalue_bound(x, true) >= bound * 0.9);
  }
}

}  // namespace model_detail_spectral_bound_test
