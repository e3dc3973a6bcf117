#include "healthai/compression/qsgd.hpp"

#include "support.hpp"

namespace compression_qsgd_test {

using namespace healthai;
using namespace compressing;

TEST_CASE("it is unbiased, with the variance that is known") {
  const std::vector<double> x{1, -2, 3, 0.5, -4, 0.25, 0, -0.125};
  constexpr std::size_t draws = 20000;
  const Qsgd compressor{.levels = 2, .bucket = 8};
  std::vector<double> mean(x.size());
  double squares = 0;
  for (std::uint64_t seed = 0; seed < draws; ++seed) {
    const auto rounded = through(compressor, x, seed);
    for (std::size_t i = 0; i < x.size(); ++i) mean[i] += rounded[i] / draws;
    squares += squared_distance(rounded, x) / draws;
  }
  const double length = std::sqrt(squared_length(x)), step = length / 2;
  double variance = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double exact = std::abs(x[i]) / step, p = exact - std::floor(exact);
    const double own = step * step * p * (1 - p);
    variance += own;
    CHECK(std::abs(mean[i] - x[i]) <= 5 * std::sqrt(own / draws) + 1e-12);
  }
  CHECK(squares == doctest::Approx(variance).epsilon(0.05));
  CHECK(variance <= std::fmin(8.0 / 4, std::sqrt(8.0) / 2) * length * length);  // lemma 3.1
}

TEST_CASE("every coordinate becomes one of the two levels around it; many levels are nearly exact") {
  CHECK(rc::check([](std::uint64_t seed) {
    const auto values = any_vector<float>();
    const Qsgd compressor{.levels = *rc::gen::element(1U, 3U, 127U, 1U << 20U, 1U << 30U),
                          .bucket = *rc::gen::inRange<std::size_t>(1, 9)};
    const auto rounded = through(compressor, values, seed);
    for (std::size_t i = 0; i < values.size(); ++i) {
      const std::size_t begin = i / compressor.bucket * compressor.bucket;
      double length = 0;
      for (std::size_t j = begin; j < values.size() && j < begin + compressor.bucket; ++j) {
        length = std::hypot(length, static_cast<double>(values[j]));
      }
      const double off = std::abs(static_cast<double>(rounded[i]) - static_cast<double>(values[i]));
      RC_ASSERT(off <= length / compressor.levels + 1e-6 * length);
      RC_ASSERT(static_cast<double>(rounded[i]) * static_cast<double>(values[i]) >= 0);
    }
    if (compressor.bucket == 1) RC_ASSERT(rounded == values);
  }));
}

TEST_CASE("the bytes, by hand") {
  const std::vector<float> values(1000, 1);
  CHECK(encoded(Qsgd{.levels = 127, .bucket = 512}, values).size() == 12 + 2 * 4 + 1000);
  CHECK(encoded(Qsgd{.levels = 1, .bucket = 100}, values).size() == 12 + 10 * 4 + 250);
  CHECK(encoded(Qsgd{.levels = 3, .bucket = 1000}, values).size() == 12 + 4 + 375);
  CHECK(through(Qsgd{}, std::vector<float>{}).empty());
  // A length of 5 with 5 levels: nothing is left to chance. 3 and -4 become 8 and 1 in four bits.
  const auto bytes = encoded(Qsgd{.levels = 5, .bucket = 2}, std::vector<double>{3, -4});
  CHECK(bytes.back() == std::byte{0x18});
  CHECK(through(Qsgd{.levels = 5, .bucket = 2}, std::vector<double>{3, -4}) == std::vector<double>{3, -4});
}

TEST_CASE("very large and very small numbers stay finite") {
  for (const float size : {3e38F, 1e-45F, 1e-30F}) {
    for (const float value : through(Qsgd{}, std::vector<float>(100, size))) CHECK(std::isfinite(value));
  }
  for (const double value : through(Qsgd{}, std::vector<double>(100, 1.7e308))) CHECK(std::isfinite(value));
}

TEST_CASE("hostile bytes") {
  attack(Qsgd{.levels = 3, .bucket = 4}, std::vector<float>{1, 2, -3, 4, 5});
  attack(Qsgd{.levels = 127, .bucket = 2}, std::vector<double>{1, 2, -3, 4, 5});
  auto bytes = encoded(Qsgd{.levels = 1, .bucket = 4}, std::vector<float>{1, 2, 3, 4});
  bytes.back() = std::byte{0xFF};  // levels of 0, 1 and 2; 3 is none
  CHECK(refusal<float, Qsgd>(bytes, 4) == "archive_corrupt");
  bytes[0] = std::byte{0};  // no values in a bucket
  CHECK(refusal<float, Qsgd>(bytes, 4) == "archive_corrupt");
}

TEST_CASE("settings outside their range") {
  refused(Qsgd{.levels = 0});
  refused(Qsgd{.levels = (1U << 30U) + 1});
  refused(Qsgd{.bucket = 0});
}

}  // namespace compression_qsgd_test
