#include "healthai/statistics/sums.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <string>
#include <vector>

#include "refusals.hpp"

namespace statistics_sums_test {

using namespace healthai;
using refusals_test::refuses;

namespace {

Sums sums_of(Summand<double> summand) {
  return {std::move(summand.vectors), {ClientId("north")}};
}

}  // namespace

TEST_CASE("a summand is built piece by piece, in order, and nothing in it is weighted") {
  const double raw[] = {4, 5};
  const Summand<double> summand = SummandBuilder()
                                      .add("n", 3)
                                      .add("sums", std::vector<double>{1, 2})
                                      .add("raw", std::span<const double>(raw))
                                      .take();
  CHECK(summand.weight == 1);
  CHECK(summand.scalars.empty());
  REQUIRE(summand.vectors.size() == 3);
  CHECK(summand.vectors[0].name == "n");
  CHECK(summand.vectors[1].name == "sums");
  CHECK(summand.vectors[2].name == "raw");
  for (const auto& vector : summand.vectors) CHECK_FALSE(vector.weighted);
  // The layout says the name too: it is all that a sum under masks keeps of it.
  CHECK(summand.vectors[1].values.layout() == Layout{{"sums", {2}}});
}

TEST_CASE("sums are found by name, and must be as many as expected") {
  const Sums sums = sums_of(SummandBuilder().add("n", 3).add("sums", std::vector<double>{1, 2}).take());
  CHECK(sums.number("n") == 3);
  const auto vector = sums.vector("sums", 2);
  CHECK(std::vector<double>(vector.begin(), vector.end()) == std::vector<double>{1, 2});
  CHECK(sums.vector("sums").size() == 2);
  CHECK(sums.column("sums", 2) == Eigen::Vector2d(1, 2));
  refuses([&] { return sums.vector("other").size(); }, error::invalid_reply,
          "expected some numbers \"other\", got none");
  refuses([&] { return sums.vector("sums", 3).size(); }, error::invalid_reply,
          "expected 3 numbers \"sums\", got 2");
  refuses([&] { return sums.number("sums"); }, error::invalid_reply, "expected 1 numbers \"sums\", got 2");
}

TEST_CASE("a symmetric matrix travels as its lower triangle, row after row") {
  Eigen::Matrix3d matrix;
  matrix << 1, 2, 4, 2, 3, 5, 4, 5, 6;
  CHECK(packed_lower(matrix) == std::vector<double>{1, 2, 3, 4, 5, 6});
  CHECK(from_packed_lower(packed_lower(matrix), 3) == matrix);
  CHECK(packed_lower(Eigen::MatrixXd(0, 0)).empty());
  CHECK(from_packed_lower({}, 0).size() == 0);
  refuses(
      [] {
        return from_packed_lower(std::vector<double>{1, 2}, 2);
      },
      error::invalid_reply, "expected the 3 numbers of a symmetric matrix of 2 rows, got 2");
}

TEST_CASE("packed matrices add up to the packed sum") {
  CHECK(rc::check([] {
    const auto size = *rc::gen::inRange<Eigen::Index>(1, 7);
    const auto any = [size] {
      Eigen::MatrixXd matrix(size, size);
      for (Eigen::Index i = 0; i < size; ++i) {
        for (Eigen::Index j = 0; j <= i; ++j) matrix(i, j) = matrix(j, i) = *rc::gen::inRange(-1000, 1000);
      }
      return matrix;
    };
    const Eigen::MatrixXd a = any(), b = any();
    std::vector<double> sum = packed_lower(a);
    const std::vector<double> other = packed_lower(b);
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += other[i];
    RC_ASSERT(from_packed_lower(sum, static_cast<std::size_t>(size)) == a + b);
  }));
}

}  // namespace statistics_sums_test
