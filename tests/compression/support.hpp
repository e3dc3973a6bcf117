#pragma once

#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <rapidcheck.h>

#include "healthai/core/error.hpp"
#include "healthai/core/random.hpp"

/// What tests of compressors share.
namespace compressing {

template <class Scalar, class K>
std::vector<std::byte> encoded(const K& compressor, const std::vector<Scalar>& values,
                               std::uint64_t seed = 1) {
  healthai::Stream stream(seed, healthai::Purpose::test);
  return compressor.encode(std::span<const Scalar>(values), stream);
}
/// C(x).
template <class Scalar, class K>
std::vector<Scalar> through(const K& compressor, const std::vector<Scalar>& values, std::uint64_t seed = 1) {
  // What decode leaves alone shows.
  std::vector<Scalar> decoded(values.size(), std::numeric_limits<Scalar>::quiet_NaN());
  const auto bytes = encoded(compressor, values, seed);
  K::decode(std::span<const std::byte>(bytes), std::span<Scalar>(decoded));
  return decoded;
}

template <class Scalar>
double squared_length(const std::vector<Scalar>& values) {
  double sum = 0;
  for (const Scalar x : values) sum += static_cast<double>(x) * static_cast<double>(x);
  return sum;
}
template <class Scalar>
double squared_distance(const std::vector<Scalar>& a, const std::vector<Scalar>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double away = static_cast<double>(a[i]) - static_cast<double>(b[i]);
    sum += away * away;
  }
  return sum;
}

/// Numbers with ties, zeros and a wide range.
template <class Scalar = double>
std::vector<Scalar> any_vector() {
  std::vector<Scalar> values;
  for (const auto& [mantissa, exponent] :
       *rc::gen::arbitrary<std::vector<std::pair<std::int8_t, std::int8_t>>>()) {
    values.push_back(static_cast<Scalar>(std::ldexp(mantissa, exponent / 4)));
  }
  return values;
}

/// The id of the error with which `K` refuses these bytes for `size` values, or "" if it takes them. Nothing is written
/// outside, and everything inside if there is no error.
template <class Scalar, class K>
std::string refusal(std::span<const std::byte> bytes, std::size_t size) {
  constexpr std::size_t margin = 16;
  constexpr Scalar guard = 12345;
  std::vector<Scalar> memory(size + 2 * margin, guard);
  std::string id;
  // A copy of exactly that size, so that a sanitizer sees what is read beyond it.
  const std::vector<std::byte> copy(bytes.begin(), bytes.end());
  try {
    K::decode(std::span<const std::byte>(copy), std::span<Scalar>(memory).subspan(margin, size));
  } catch (const healthai::Error& e) {
    id = e.id().name();
  }
  for (std::size_t i = 0; i < margin; ++i) {
    CHECK(memory[i] == guard);
    CHECK(memory[size + margin + i] == guard);
  }
  return id;
}

/// Cuts valid bytes at every length, appends some, flips every bit, asks for other sizes, and tries noise.
template <class K, class Scalar>
void attack(const K& compressor, const std::vector<Scalar>& values) {
  const std::vector<std::byte> whole = encoded(compressor, values);
  REQUIRE(refusal<Scalar, K>(whole, values.size()).empty());
  for (std::size_t length = 0; length < whole.size(); ++length) {
    CAPTURE(length);
    CHECK(refusal<Scalar, K>(std::span(whole).first(length), values.size()).starts_with("archive_"));
  }
  for (const std::size_t more :
       {std::size_t{1}, std::size_t{2}, std::size_t{7}, std::size_t{8}, std::size_t{1000}}) {
    std::vector<std::byte> longer = whole;
    longer.resize(whole.size() + more);
    CHECK(refusal<Scalar, K>(longer, values.size()).starts_with("archive_"));
  }
  for (std::size_t bit = 0; bit < 8 * whole.size(); ++bit) {
    std::vector<std::byte> flipped = whole;
    flipped[bit / 8] ^= std::byte{1} << (bit % 8);
    const std::string id = refusal<Scalar, K>(flipped, values.size());
    CHECK((id.empty() || id.starts_with("archive_")));
  }
  for (std::size_t size = 0; size < values.size(); ++size) {
    const std::string id = refusal<Scalar, K>(whole, size);
    CHECK((id.empty() || id.starts_with("archive_")));
  }
  CHECK(rc::check("noise", [&](std::vector<std::uint8_t> noise) {
    std::vector<std::byte> bytes = whole;
    const std::size_t kept = *rc::gen::inRange<std::size_t>(0, whole.size() + 1);
    bytes.resize(kept);
    for (const std::uint8_t b : noise) bytes.push_back(static_cast<std::byte>(b));
    const std::string id = refusal<Scalar, K>(bytes, values.size());
    RC_ASSERT(id.empty() || id.starts_with("archive_"));
  }));
}

/// Settings that `validate` must refuse.
template <class K>
void refused(const K& compressor) {
  try {
    compressor.validate();
    FAIL_CHECK("this setting should be refused");
  } catch (const healthai::Error& e) {
    CHECK(e.id() == healthai::error::invalid_argument);
  }
}

}  // namespace compressing
