#include "healthai/aggregation/detail/distances.hpp"

#include <doctest/doctest.h>
#include <cmath>
#include <vector>

#include "healthai/core/random.hpp"

namespace aggregation_detail_distances_test {

using namespace healthai;
using namespace healthai::detail;

namespace {

template <class Scalar>
struct Vectors {
  std::vector<std::vector<Scalar>> rows;
  // Around a common vector of numbers near 1, at a distance of about `spread` a coordinate.
  Vectors(std::size_t n, std::size_t size, double spread, std::uint64_t seed = 1) {
    Stream random(seed, Purpose::test);
    std::vector<double> common(size);
    for (double& c : common) c = 2 * uniform(random) - 1;
    for (std::size_t k = 0; k < n; ++k) {
      rows.emplace_back();
      for (const double c : common)
        rows.back().push_back(static_cast<Scalar>(c + spread * (uniform(random) - 0.5)));
    }
  }
  [[nodiscard]] std::vector<const Scalar*> pointers() const {
    std::vector<const Scalar*> result;
    for (const auto& row : rows) result.push_back(row.data());
    return result;
  }
  [[nodiscard]] double squared(std::size_t i, std::size_t j) const {
    double sum = 0;
    for (std::size_t c = 0; c < rows[i].size(); ++c) {
      const double difference = static_cast<double>(rows[i][c]) - static_cast<double>(rows[j][c]);
      sum += difference * difference;
    }
    return sum;
  }
  /// The largest relative error.
  [[nodiscard]] double error(const Distances<Scalar>& distances) const {
    double worst = 0;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      for (std::size_t j = 0; j < rows.size(); ++j) {
        const double exact = squared(i, j);
        const double off = std::abs(distances(i, j) - exact);
        worst = std::fmax(worst, exact == 0 ? off : off / exact);
      }
    }
    return worst;
  }
};

}  // namespace

TEST_CASE("squared distances: every instruction set, any size") {
  for (std::size_t size = 0; size < 70; ++size) {
    const Vectors<float> v(2, size, 1);
    const Vectors<double> w(2, size, 1);
    for (const Simd simd : supported_simd()) {
      CHECK(squared_distance_kernel<float>(simd)(v.rows[0].data(), v.rows[1].data(), size) ==
            doctest::Approx(v.squared(0, 1)).epsilon(1e-14));
      CHECK(squared_distance_kernel<double>(simd)(w.rows[0].data(), w.rows[1].data(), size) ==
            doctest::Approx(w.squared(0, 1)).epsilon(1e-14));
    }
  }
}

TEST_CASE("distances: of vectors that are close to each other and far from zero") {
  for (const double spread : {1.0, 1e-3, 1e-5}) {
    CAPTURE(spread);
    const Vectors<float> v(20, 30'000, spread);
    CHECK(v.error(Distances<float>(v.pointers(), 30'000, 2)) < 1e-6);
    const Vectors<double> w(20, 30'000, spread);
    CHECK(w.error(Distances<double>(w.pointers(), 30'000, 2)) < 1e-12);
  }
}

TEST_CASE("distances: exact when asked for, and where little is to be done") {
  const Vectors<float> v(20, 30'000, 1e-3);
  Distances<float> distances(v.pointers(), 30'000, 1);
  const std::vector<std::size_t> some{3, 7};
  CHECK(distances.refine(some));
  for (std::size_t j = 0; j < 20; ++j) {
    CHECK(distances(3, j) == doctest::Approx(v.squared(3, j)).epsilon(1e-14));
    CHECK(distances(j, 7) == doctest::Approx(v.squared(7, j)).epsilon(1e-14));
  }
  CHECK_FALSE(distances.refine(some));
  const Vectors<float> small(5, 100, 1e-3);
  CHECK(small.error(Distances<float>(small.pointers(), 100, 1)) < 1e-14);
}

TEST_CASE("distances: far outliers, colluders and equal vectors do not blur the others") {
  Vectors<float> v(20, 30'000, 1e-3);
  for (const std::size_t far : {std::size_t{0}, std::size_t{5}, std::size_t{6}}) {
    for (float& value : v.rows[far]) value += far == 5 ? 1e6F : 3e37F;
  }
  v.rows[6] = v.rows[0];
  v.rows[9] = v.rows[8];
  v.rows[0][17] += 1e32F;
  const Distances<float> distances(v.pointers(), 30'000, 2);
  CHECK(v.error(distances) < 5e-6);
  CHECK(distances(8, 9) == 0);
  CHECK(distances(0, 6) > 0);
  CHECK(distances.most_central() != 0);
}

TEST_CASE("distances: the same bits for any number of threads") {
  const Vectors<float> v(12, 50'000, 1e-2);
  Distances<float> one(v.pointers(), 50'000, 1), three(v.pointers(), 50'000, 3);
  const std::vector<std::size_t> some{2};
  CHECK(one.refine(some));
  CHECK(three.refine(some));
  for (std::size_t i = 0; i < 12; ++i) {
    for (std::size_t j = 0; j < 12; ++j) CHECK(one(i, j) == three(i, j));
  }
}

}  // namespace aggregation_detail_distances_test
