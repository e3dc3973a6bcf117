#pragma once

#include <cmath>
#include <concepts>
#include <cstdint>
#include <random>
#include <span>
#include <utility>

#include <boost/random/normal_distribution.hpp>

#include "healthai/core/random.hpp"
#include "healthai/privacy/discrete_gaussian.hpp"

namespace healthai {

/// Where a mechanism has its noise and its random samples from.
///
/// - `source.add_gaussian(sums, variance)` adds to each whole number an independent one of this variance or a little more.
///   No sum overflows: both they and the variance are at most 2^62.
/// - `source.generator()` is a reference to a UniformRandomBitGenerator of 64 bits, for samples: who knows which rows
///   were sampled has lost the amplification that the sampling brings.
/// - It cannot be copied: two copies give the same noise twice, and the difference of what they hid lies open.
template <class N>
concept NoiseSource = std::movable<N> && !std::copy_constructible<N> &&
                      requires(N & source, std::span<std::int64_t> sums, double variance) {
  source.add_gaussian(sums, variance);
  requires std::uniform_random_bit_generator<std::remove_reference_t<decltype(source.generator())>>;
};

/// The source for all that leaves a hospital: exact discrete Gaussian noise. **The generator must be a cryptographic one**, seeded by the
/// operating system; nothing here can check that.
/// Thread safety: none.
template <std::uniform_random_bit_generator Generator>
class ExactNoise {
 public:
  explicit ExactNoise(Generator generator) : generator_(std::move(generator)) {}
  ExactNoise(ExactNoise&&) = default;
  ExactNoise& operator=(ExactNoise&&) = default;

  /// \throws Error (`invalid_argument`) for a variance outside (0, 2^62], or a generator that is stuck
  void add_gaussian(std::span<std::int64_t> sums, double variance) {
    DiscreteGaussian::of_variance(variance).add_to(sums, generator_);
  }
  [[nodiscard]] Generator& generator() noexcept { return generator_; }

 private:
  Generator generator_;
};

/// **For tests and simulations only**: rounded normal numbers of floating point, from a seed that anybody may know. It is quick and
/// reproducible, and protects nobody.
class TestNoise {
 public:
  explicit TestNoise(std::uint64_t seed) : stream_(seed, Purpose::test) {}
  TestNoise(TestNoise&&) = default;
  TestNoise& operator=(TestNoise&&) = default;

  void add_gaussian(std::span<std::int64_t> sums, double variance) {
    boost::random::normal_distribution<double> normal(0, std::sqrt(variance));
    for (std::int64_t& sum : sums) sum += std::llround(normal(stream_));
  }
  [[nodiscard]] Stream& generator() noexcept { return stream_; }

 private:
  Stream stream_;
};

}  // namespace healthai
