#include "healthai/compression/random_k.hpp"

#include <cstring>

#include "support.hpp"

namespace compression_random_k_test {

using namespace healthai;
using namespace compressing;

namespace {
constexpr std::size_t d = 10;
const std::vector<double> x{1, -2, 3, 0.5, -4, 0.25, 6, -7, 8, 100};
}  // namespace

TEST_CASE("k coordinates are kept as they are, and no indices travel") {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    const auto kept = through(RandomK{.count = 3}, x, seed);
    std::size_t count = 0;
    for (std::size_t i = 0; i < d; ++i) {
      CHECK((kept[i] == 0 || kept[i] == x[i]));
      count += kept[i] != 0;
    }
    CHECK(count == 3);
  }
  CHECK(encoded(RandomK{.count = 3}, x).size() == 8 + 8 + 3 * 8);
  CHECK(encoded(RandomK{.share = 0.2}, std::vector<float>(1000)).size() == 8 + 8 + 200 * 4);
  CHECK(through(RandomK{.share = 1}, x) == x);
  CHECK(through(RandomK{.count = 11, .unbiased_scaling = true}, x) == x);
  CHECK(through(RandomK{}, std::vector<float>{}).empty());
}

TEST_CASE("with scaling it is unbiased, with the variance that is known") {
  constexpr std::size_t draws = 20000, k = 3;
  std::vector<double> mean(d);
  double squares = 0;
  for (std::uint64_t seed = 0; seed < draws; ++seed) {
    const auto kept = through(RandomK{.count = k, .unbiased_scaling = true}, x, seed);
    for (std::size_t i = 0; i < d; ++i) mean[i] += kept[i] / draws;
    squares += squared_distance(kept, x) / draws;
  }
  // C(x)_i is x_i d/k with probability k/d: its variance is x_i^2 (d/k - 1).
  const double excess = double(d) / k - 1;
  for (std::size_t i = 0; i < d; ++i) {
    CHECK(std::abs(mean[i] - x[i]) < 5 * std::abs(x[i]) * std::sqrt(excess / draws));
  }
  CHECK(squares == doctest::Approx(excess * squared_length(x)).epsilon(0.05));
}

TEST_CASE("without scaling the part 1 - k/d is lost on average") {
  constexpr std::size_t draws = 20000;
  double squares = 0;
  for (std::uint64_t seed = 0; seed < draws; ++seed) {
    squares += squared_distance(through(RandomK{.count = 3}, x, seed), x) / draws;
  }
  CHECK(squares == doctest::Approx(0.7 * squared_length(x)).epsilon(0.05));
}

TEST_CASE("from equal streams the same coordinates are kept, so that encoded vectors can be summed") {
  CHECK(rc::check([](std::uint64_t seed) {
    const auto a = any_vector();
    auto b = any_vector();
    b.resize(a.size(), 3);
    const RandomK compressor{.share = 0.4};
    std::vector<double> sum(a.size());
    for (std::size_t i = 0; i < a.size(); ++i) sum[i] = a[i] + b[i];
    // The sum of the values in the encoded form, under the same head.
    auto bytes = encoded(compressor, a, seed);
    const auto others = encoded(compressor, b, seed);
    RC_ASSERT(bytes.size() == others.size());
    for (std::size_t at = 0; at < 16; ++at) RC_ASSERT(bytes[at] == others[at]);
    for (std::size_t at = 16; at < bytes.size(); at += 8) {
      double p = 0, q = 0;
      std::memcpy(&p, bytes.data() + at, 8);
      std::memcpy(&q, others.data() + at, 8);
      p += q;
      std::memcpy(bytes.data() + at, &p, 8);
    }
    std::vector<double> decoded(a.size());
    RandomK::decode(std::span<const std::byte>(bytes), std::span(decoded));
    RC_ASSERT(decoded == through(compressor, sum, seed));
  }));
}

TEST_CASE("scaling does not leave the finite numbers") {
  const auto kept = through(RandomK{.count = 1, .unbiased_scaling = true}, std::vector<float>(5, 3e38F));
  for (const float value : kept) CHECK(std::isfinite(value));
}

TEST_CASE("hostile bytes") {
  attack(RandomK{.count = 3}, x);
  attack(RandomK{.count = 2, .unbiased_scaling = true}, std::vector<float>{1, 2, 3, 4, 5});
  std::vector<std::byte> bytes(16, std::byte{0xFF});
  CHECK(refusal<float, RandomK>(bytes, 4) == "archive_limit");
}

TEST_CASE("settings outside their range") {
  refused(RandomK{.share = 1.5});
  refused(RandomK{.count = 0});
}

}  // namespace compression_random_k_test
