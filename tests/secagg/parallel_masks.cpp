#include "healthai/secagg/parallel_masks.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <vector>

#include "healthai/crypto/random_bytes.hpp"

namespace secagg_parallel_masks_test {

using namespace healthai;
using namespace healthai::secagg;

namespace {

std::vector<SignedSeed> some_seeds(std::size_t count) {
  std::vector<SignedSeed> seeds;
  for (std::size_t k = 0; k < count; ++k)
    seeds.push_back({random_secret<32>(), k % 3 == 0 ? MaskSign::minus : MaskSign::plus});
  return seeds;
}

template <class Ring>
void check_same_as_one_stream() {
  for (const std::size_t threads : {1U, 2U, 3U, 7U}) {
    ParallelMasks masks(threads);
    CHECK(masks.workers() == threads);
    for (const std::size_t count : {0U, 1U, 2U, 40U}) {
      // Around the least that is worth a thread, and lengths that no part divides.
      for (const std::size_t size : {0U, 1U, 17U, 4099U, 262'143U, 300'001U, 1'048'583U}) {
        if (count > 2 && size > 300'001) continue;  // much the same, and slow
        CAPTURE(threads);
        CAPTURE(count);
        CAPTURE(size);
        const std::vector<SignedSeed> seeds = some_seeds(count);
        std::vector<Ring> values(size), expected;
        std::iota(values.begin(), values.end(), Ring{12345});
        expected = values;
        MaskStream().add_masks(std::span<Ring>(expected), seeds);
        masks.add_masks(std::span<Ring>(values), seeds);
        CHECK(values == expected);
      }
    }
  }
}

}  // namespace

TEST_CASE_TEMPLATE("any number of threads puts on the masks of one", Ring, std::uint32_t, std::uint64_t) {
  check_same_as_one_stream<Ring>();
}

TEST_CASE("no number of threads means one for each processor") {
  CHECK(ParallelMasks(0).workers() >= 1);
}

}  // namespace secagg_parallel_masks_test
