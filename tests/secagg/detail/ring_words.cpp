#include "healthai/secagg/detail/ring_words.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "healthai/core/random.hpp"

namespace secagg_ring_words_test {

using namespace healthai;
using healthai::secagg::detail::combine_words;

TEST_CASE_TEMPLATE("sums and differences of any length, from any place, modulo the ring", Ring, std::uint32_t,
                   std::uint64_t) {
  Stream random(1, Purpose::test);
  for (const std::size_t offset : {0U, 1U, 3U}) {  // of the words, in bytes
    for (std::size_t count = 0; count < 70; ++count) {
      std::vector<Ring> words(count), sums(count + 1), plus, minus;
      for (Ring& word : words) word = static_cast<Ring>(random());
      for (Ring& sum : sums) sum = static_cast<Ring>(random());
      plus = minus = sums;
      for (std::size_t i = 0; i < count; ++i) {
        plus[i] = static_cast<Ring>(plus[i] + words[i]);
        minus[i] = static_cast<Ring>(minus[i] - words[i]);
      }
      std::vector<unsigned char> bytes(offset + count * sizeof(Ring) + 1);
      if (count != 0) std::memcpy(bytes.data() + offset, words.data(), count * sizeof(Ring));
      std::vector<Ring> result = sums;  // one more than is to be touched
      combine_words<false>(result.data(), bytes.data() + offset, count);
      CHECK(result == plus);
      result = sums;
      combine_words<true>(result.data(), bytes.data() + offset, count);
      CHECK(result == minus);
    }
  }
}

#if defined(__GNUC__)
TEST_CASE("shorter vectors, as processors without AVX2 have them, give the same") {
  std::vector<std::uint32_t> sums(11, 5), words(11, 7);
  CHECK(secagg::detail::combine_vectors<16, false>(sums.data(), words.data(), 11) == 8);
  CHECK(sums == std::vector<std::uint32_t>{12, 12, 12, 12, 12, 12, 12, 12, 5, 5, 5});
  CHECK(secagg::detail::combine_vectors<16, true>(sums.data(), words.data(), 4) == 4);
  CHECK(sums == std::vector<std::uint32_t>{5, 5, 5, 5, 12, 12, 12, 12, 5, 5, 5});
}
#endif

}  // namespace secagg_ring_words_test
