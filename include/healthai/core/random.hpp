#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string_view>
#include <utility>

#include "healthai/config.hpp"
#include "healthai/core/hash.hpp"

// Only Threefry's additions and rotations are used here. Random123's vector types would double the time to compile.
#if !defined(R123_USE_SSE) && !defined(R123_USE_X86INTRIN_H)
#define R123_USE_SSE 0
#define R123_USE_X86INTRIN_H 0
#endif
#include <Random123/threefry.h>

namespace healthai {

/// What random numbers are for. Each purpose has streams of its own; the numbers are stable, as checkpoints depend on
/// them.
enum class Purpose : std::uint64_t {
  client_selection = 1,
  local_batches = 2,
  initial_parameters = 3,
  simulation = 4,
  run_id = 5,
  compression = 20,
  secagg_graph = 30,
  test = 1000
};

/// A stream of random 64-bit numbers that depends on (seed, purpose, round, client) and on nothing else: adding a client
/// or a thread changes nobody else's numbers, and nothing needs to be saved to resume. Threefry-4x64-20 (Salmon,
/// Moraes, Dror, Shaw: Parallel Random Numbers: As Easy as 1, 2, 3, 2011) with those four as its key.
/// Not for secrets or for privacy noise. Satisfies UniformRandomBitGenerator; use Boost.Random's distributions, which
/// give the same numbers on every compiler, unlike the standard library's.
class Stream {
 public:
  using result_type = std::uint64_t;

  Stream(std::uint64_t seed, Purpose purpose, std::uint64_t round = 0, std::string_view client = {}) noexcept
      : key_{{seed, static_cast<std::uint64_t>(purpose), round, stable_hash(client)}} {}

  [[nodiscard]] static constexpr result_type min() noexcept { return 0; }
  [[nodiscard]] static constexpr result_type max() noexcept {
    return std::numeric_limits<result_type>::max();
  }

  result_type operator()() noexcept {
    if (used_ == block_.size()) {
      block_ = r123::Threefry4x64()(counter_, key_);
      ++counter_[0];
      used_ = 0;
    }
    return block_[used_++];
  }

 private:
  r123::Threefry4x64::key_type key_;
  r123::Threefry4x64::ctr_type counter_{{0, 0, 0, 0}};
  r123::Threefry4x64::ctr_type block_{};
  std::size_t used_ = 4;
};

/// A uniform number in [0, 1) with 53 random bits.
[[nodiscard]] inline double uniform(Stream& stream) noexcept {
  return static_cast<double>(stream() >> 11U) * 0x1p-53;
}

/// A uniform number in [0, count), the one that Boost.Random's uniform_int_distribution gives. `count` must not be 0.
[[nodiscard]] inline std::uint64_t uniform_index(Stream& stream, std::uint64_t count) noexcept {
  if (count == 1) return 0;
  std::uint64_t bits = stream();
  if (count <= 0x10000) {
    // bits * count / 2^64 is that number too, and without a division, unless it is just below the next one.
    const std::uint64_t scaled = (bits >> 32U) * count + ((bits & 0xffffffffU) * count >> 32U);
    if ((scaled & 0xffffffffU) != 0xffffffffU) return scaled >> 32U;
  }
  const std::uint64_t all = Stream::max();
  const std::uint64_t bucket = all / count + (all % count == count - 1 ? 1 : 0);
  while (bits / bucket >= count) bits = stream();
  return bits / bucket;
}

/// Fisher-Yates; `std::shuffle` gives other orders on other standard libraries.
template <class T>
void shuffle(std::span<T> values, Stream& stream) {
  for (std::size_t i = values.size(); i > 1; --i) {
    std::swap(values[i - 1], values[static_cast<std::size_t>(uniform_index(stream, i))]);
  }
}

}  // namespace healthai
