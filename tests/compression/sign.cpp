#include "healthai/compression/sign.hpp"

#include "support.hpp"

namespace compression_sign_test {

using namespace healthai;
using namespace compressing;

TEST_CASE("the sign times the mean magnitude of the bucket") {
  CHECK(through(Sign{.bucket = 3}, std::vector<double>{1, -2, 3, -5, 0}) ==
        std::vector<double>{2, -2, 2, -2.5, 2.5});
  CHECK(through(Sign{}, std::vector<float>{}).empty());
  CHECK(encoded(Sign{.bucket = 512}, std::vector<float>(1000)).size() == 8 + 2 * 4 + 125);
  CHECK(encoded(Sign{.bucket = 3}, std::vector<double>(9)).size() == 8 + 3 * 8 + 2);
}

TEST_CASE("what is lost is ||x||^2 - ||x||_1^2 / n, and at most the part 1 - 1/n") {
  CHECK(rc::check([] {
    const auto values = any_vector();
    if (values.empty()) return;
    const auto n = static_cast<double>(values.size());
    double sum = 0;
    for (const double value : values) sum += std::abs(value);
    const double all = squared_length(values);
    const double lost = squared_distance(values, through(Sign{.bucket = values.size()}, values));
    RC_ASSERT(std::abs(lost - (all - sum * sum / n)) <= 1e-12 * all);
    RC_ASSERT(lost <= (1 - 1 / n) * all + 1e-12 * all);
  }));
}

TEST_CASE("vectors whose sum does not fit") {
  for (const double value : through(Sign{}, std::vector<double>(100, -1.7e308))) {
    CHECK(value == doctest::Approx(-1.7e308));
  }
}

TEST_CASE("hostile bytes") {
  attack(Sign{.bucket = 4}, std::vector<float>{1, 2, -3, 4, 5, -6, 7, 8, 9, 10});
  attack(Sign{}, std::vector<double>{1, -2});
  auto bytes = encoded(Sign{}, std::vector<float>{1});
  bytes[0] = bytes[1] = std::byte{0};
  CHECK(refusal<float, Sign>(bytes, 1) == "archive_corrupt");
}

TEST_CASE("settings outside their range") {
  refused(Sign{.bucket = 0});
}

}  // namespace compression_sign_test
