#include "healthai/compression/low_precision.hpp"

#include "support.hpp"

namespace compression_low_precision_test {

using namespace healthai;
using namespace compressing;

TEST_CASE("16 bits: the bytes, and what comes back") {
  const auto bytes = encoded(Float16{}, std::vector<double>{1, -2});
  CHECK(bytes == std::vector<std::byte>{std::byte{0x00}, std::byte{0x3C}, std::byte{0x00}, std::byte{0xC0}});
  CHECK(encoded(BFloat16{}, std::vector<float>{1}) ==
        std::vector<std::byte>{std::byte{0x80}, std::byte{0x3F}});
  CHECK(through(Float16{}, std::vector<float>{0.1F, 1e6F}) == std::vector<float>{0.0999755859375F, 65504});
  CHECK(through(BFloat16{}, std::vector<double>{1 + 0x1p-8, 1 + 0x1p-8 + 0x1p-50}) ==
        std::vector<double>{1, 1 + 0x1p-7});
  CHECK(through(Float16{}, std::vector<double>{}).empty());
}

TEST_CASE("16 bits: all finite halves come back, out of all 65536 patterns") {
  std::vector<std::byte> patterns;
  std::vector<std::byte> finite;
  for (unsigned bits = 0; bits < 0x10000; ++bits) {
    for (auto* bytes : {&patterns, (bits & 0x7C00U) == 0x7C00U ? nullptr : &finite}) {
      if (bytes == nullptr) continue;
      bytes->push_back(static_cast<std::byte>(bits & 0xFFU));
      bytes->push_back(static_cast<std::byte>(bits >> 8U));
    }
  }
  std::vector<float> values(finite.size() / 2);
  Float16::decode(std::span<const std::byte>(finite), std::span(values));
  CHECK(encoded(Float16{}, values) == finite);
  values.resize(0x10000);
  Float16::decode(std::span<const std::byte>(patterns), std::span(values));  // NaN and infinity too
  CHECK(values[0x0001] == 0x1p-24F);
  CHECK(values[0x7C00] == std::numeric_limits<float>::infinity());
  CHECK(std::isnan(values[0x7C01]));
}

TEST_CASE("8 bits: the largest is exact, the others are off by half a step at most") {
  CHECK(rc::check([] {
    const auto values = any_vector();
    const std::size_t bucket = *rc::gen::inRange<std::size_t>(1, 9);
    const auto rounded = through(Int8{.bucket = bucket}, values);
    for (std::size_t begin = 0; begin < values.size(); begin += bucket) {
      const std::size_t end = (std::min)(begin + bucket, values.size());
      double largest = 0;
      for (std::size_t i = begin; i < end; ++i) largest = (std::max)(largest, std::abs(values[i]));
      for (std::size_t i = begin; i < end; ++i) {
        RC_ASSERT(std::abs(rounded[i] - values[i]) <= largest / 254 * (1 + 1e-12));
        if (std::abs(values[i]) == largest) RC_ASSERT(rounded[i] == values[i]);
      }
    }
    RC_ASSERT(squared_distance(rounded, values) <= squared_length(values));
  }));
  CHECK(encoded(Int8{}, std::vector<float>(1000)).size() == 8 + 2 * 4 + 1000);
  CHECK(through(Int8{}, std::vector<double>{127, 63.5, -64.5, 0}) == std::vector<double>{127, 64, -64, 0});
}

TEST_CASE("the extremes of the type") {
  for (const double x : {1.7e308, 5e-324}) {
    const std::vector<double> values{x, -x, 0};
    CHECK(through(Int8{}, values) == values);
  }
}

TEST_CASE("hostile bytes") {
  attack(Float16{}, std::vector<float>{1, 2, 3});
  attack(BFloat16{}, std::vector<double>{1, 2, 3});
  attack(Int8{.bucket = 2}, std::vector<float>{1, 2, -3, 4, 5});
}

TEST_CASE("settings outside their range") {
  refused(Int8{.bucket = 0});
}

}  // namespace compression_low_precision_test
