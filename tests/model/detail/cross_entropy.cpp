#include "healthai/model/detail/cross_entropy.hpp"

#include <doctest/doctest.h>

#include "model/support.hpp"

namespace model_detail_cross_entropy_test {

using namespace healthai;

TEST_CASE("cross-entropy: probabilities 1/4, 1/2, 1/4") {
  FeatureMatrix<double> z(2, 3);
  z << 0, std::log(2.0), 0, 1000, 1000 + std::log(2.0), 1000;
  const std::vector<std::size_t> labels{1, 2};
  CHECK(detail::count_correct(z, labels.data()) == 1);
  CHECK(detail::cross_entropy(z, labels.data(), 10) ==
        doctest::Approx(std::log(2.0) + std::log(4.0)).epsilon(1e-13));
  CHECK(z(0, 0) == doctest::Approx(2.5).epsilon(1e-12));
  CHECK(z(0, 1) == doctest::Approx(-5).epsilon(1e-12));
  CHECK(z(1, 2) == doctest::Approx(-7.5).epsilon(1e-12));
}

TEST_CASE("count_correct: the first of equally large logits is the prediction") {
  const FeatureMatrix<float> z = FeatureMatrix<float>::Zero(2, 3);
  const std::vector<std::size_t> labels{0, 1};
  CHECK(detail::count_correct(z, labels.data()) == 1);
}

}  // namespace model_detail_cross_entropy_test
