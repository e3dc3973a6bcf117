#include "healthai/secagg/mask.hpp"

#include <doctest/doctest.h>
#include <openssl/evp.h>
#include <rapidcheck.h>
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "crypto/vectors.hpp"
#include "healthai/core/random.hpp"

namespace secagg_mask_test {

using namespace healthai;
using namespace healthai::secagg;
using crypto_test::bytes;
using crypto_test::error_of;
using crypto_test::octets;

namespace {

/// AES-256 in counter mode by OpenSSL alone, of the whole text at once.
std::vector<std::uint8_t> counter_mode(std::span<const std::uint8_t> key,
                                       const std::array<std::uint8_t, 16>& counter,
                                       const std::vector<std::uint8_t>& text) {
  EVP_CIPHER_CTX* const context = EVP_CIPHER_CTX_new();
  std::vector<std::uint8_t> result(text.size() + 1);
  int written = 0;
  REQUIRE(EVP_EncryptInit_ex(context, EVP_aes_256_ctr(), nullptr, key.data(), counter.data()) == 1);
  REQUIRE(EVP_EncryptUpdate(context, result.data(), &written, text.data(), static_cast<int>(text.size())) ==
          1);
  EVP_CIPHER_CTX_free(context);
  result.resize(text.size());
  return result;
}
/// Element by element, from the bytes of the stream.
template <class Ring>
std::vector<Ring> expected_mask(const Secret<32>& seed, std::size_t size) {
  const auto stream = counter_mode(seed.bytes(), {}, std::vector<std::uint8_t>(size * sizeof(Ring)));
  std::vector<Ring> mask(size);
  for (std::size_t i = 0; i < size; ++i) {
    for (std::size_t b = 0; b < sizeof(Ring); ++b)
      mask[i] = static_cast<Ring>(mask[i] | Ring{stream[i * sizeof(Ring) + b]} << (8 * b));
  }
  return mask;
}

Secret<32> seed_number(std::uint64_t number) {
  Stream random(number, Purpose::test);
  Secret<32> seed;
  for (std::uint8_t& byte : seed.writable_bytes()) byte = static_cast<std::uint8_t>(random());
  return seed;
}
std::vector<SignedSeed> seeds_of(std::size_t count, std::uint64_t first = 0) {
  std::vector<SignedSeed> seeds;
  for (std::size_t k = 0; k < count; ++k)
    seeds.push_back({seed_number(first + k), k % 3 == 1 ? MaskSign::minus : MaskSign::plus});
  return seeds;
}
template <class Ring>
std::vector<Ring> numbers(std::size_t size) {
  Stream random(99, Purpose::test);
  std::vector<Ring> values(size);
  for (Ring& value : values) value = static_cast<Ring>(random());
  return values;
}
template <class Ring>
std::vector<Ring> expected_sum(std::vector<Ring> values, const std::vector<SignedSeed>& seeds) {
  for (const SignedSeed& s : seeds) {
    const std::vector<Ring> mask = expected_mask<Ring>(s.seed, values.size());
    for (std::size_t i = 0; i < values.size(); ++i)
      values[i] = static_cast<Ring>(s.sign == MaskSign::plus ? values[i] + mask[i] : values[i] - mask[i]);
  }
  return values;
}

}  // namespace

TEST_CASE("mask: what the tests compare with is AES-256 in counter mode (NIST SP 800-38A, F.5.5)") {
  const auto key = octets("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4");
  CHECK(hex(counter_mode(
            key, bytes<16>("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff"),
            octets("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411"
                   "e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710"))) ==
        "601ec313775789a5b7a7f504bbf3d228f443e3ca4d62b59aca84e990cacaf5c52b0930daa23de94ce87017ba2d84988ddfc9"
        "c58db6"
        "7aada613c2dd08457941a6");
}

// McGrew, Viega: The Galois/Counter Mode of Operation (GCM), appendix B, test cases 13 and 14, have the key 0: AES of the blocks 0
// (there called H), 1 (the tag of nothing) and 2 (the ciphertext of zeros).
TEST_CASE("mask: the first words of the seed 0 are those of published blocks") {
  std::vector<SignedSeed> seeds(1);
  std::vector<std::uint32_t> words(12);
  add_masks(words, seeds);
  CHECK(words == std::vector<std::uint32_t>{0x78c095dc, 0x898940a2, 0x14a248ad, 0x87208492, 0xfb8a0f53,
                                            0xb93645c7, 0xf1b463a9, 0x8b73cbc4, 0x3d40a7ce, 0x6e6b604d,
                                            0xd3c54e07, 0x189df3ba});
  std::vector<std::uint64_t> longs(2);
  add_masks(longs, seeds);
  CHECK(longs == std::vector<std::uint64_t>{0x898940a278c095dc, 0x8720849214a248ad});
}

TEST_CASE_TEMPLATE("mask: equals OpenSSL's stream, word by word", Ring, std::uint32_t, std::uint64_t) {
  MaskStream stream;  // the same one throughout: nothing of one call is left in the next
  // A piece is 8192 bytes: lengths around one, around several, and not a multiple of a block.
  for (const std::size_t size : {0U, 1U, 3U, 1023U, 1024U, 1025U, 2047U, 2048U, 2049U, 7001U}) {
    for (const std::size_t count : {0U, 1U, 2U, 5U}) {
      CAPTURE(size);
      CAPTURE(count);
      const std::vector<SignedSeed> seeds = seeds_of(count, size);
      std::vector<Ring> values = numbers<Ring>(size);
      stream.add_masks(values, seeds);
      CHECK(values == expected_sum(numbers<Ring>(size), seeds));
    }
  }
  // More masks than are made at a time.
  for (const std::size_t count : {31U, 32U, 33U, 70U}) {
    const std::vector<SignedSeed> seeds = seeds_of(count);
    std::vector<Ring> values = numbers<Ring>(2100);
    stream.add_masks(values, seeds);
    CHECK(values == expected_sum(numbers<Ring>(2100), seeds));
  }
}

TEST_CASE_TEMPLATE("mask: minus undoes plus", Ring, std::uint32_t, std::uint64_t) {
  std::vector<SignedSeed> seeds = seeds_of(9);
  std::vector<Ring> values = numbers<Ring>(5000);
  add_masks(values, seeds);
  CHECK(values != numbers<Ring>(5000));
  std::reverse(seeds.begin(), seeds.end());
  for (SignedSeed& s : seeds) s.sign = s.sign == MaskSign::plus ? MaskSign::minus : MaskSign::plus;
  add_masks(values, seeds);
  CHECK(values == numbers<Ring>(5000));
}

TEST_CASE_TEMPLATE("mask: slices, in any order, give the whole", Ring, std::uint32_t, std::uint64_t) {
  CHECK(rc::check([] {
    const auto size = *rc::gen::inRange<std::size_t>(1, 9000);
    const std::vector<SignedSeed> seeds = seeds_of(*rc::gen::inRange<std::size_t>(1, 5), size);
    std::vector<std::size_t> cuts =
        *rc::gen::container<std::vector<std::size_t>>(rc::gen::inRange<std::size_t>(0, size));
    cuts.insert(cuts.end(), {0, size});
    std::sort(cuts.begin(), cuts.end());
    std::vector<Ring> whole = numbers<Ring>(size), sliced = whole;
    MaskStream stream;
    stream.add_masks(whole, seeds);
    for (std::size_t i = cuts.size() - 1; i > 0; --i) {
      stream.add_masks(std::span(sliced).subspan(cuts[i - 1], cuts[i] - cuts[i - 1]), seeds, cuts[i - 1]);
    }
    RC_ASSERT(sliced == whole);
  }));
}

TEST_CASE("mask: two threads do a half each") {
  const std::vector<SignedSeed> seeds = seeds_of(4);
  std::vector<std::uint32_t> values = numbers<std::uint32_t>(50001);
  const std::span<std::uint32_t> all(values);
  std::thread elsewhere([&] { MaskStream().add_masks(all.subspan(20001), seeds, 20001); });
  MaskStream().add_masks(all.first(20001), seeds);
  elsewhere.join();
  CHECK(values == expected_sum(numbers<std::uint32_t>(50001), seeds));
}

TEST_CASE("mask: a slice far away, whose counter has more than 32 bits") {
  const std::vector<SignedSeed> seeds = seeds_of(1);
  const std::uint64_t offset = (std::uint64_t{1} << 34U) + 5;  // block 2^33 + 2, and the second half of it
  std::vector<std::uint64_t> values(1000);
  MaskStream().add_masks(values, seeds, offset);
  std::array<std::uint8_t, 16> counter{};
  counter[11] = 2;
  counter[15] = 2;
  const auto stream = counter_mode(seeds[0].seed.bytes(), counter, std::vector<std::uint8_t>(8 + 8000));
  for (std::size_t i = 0; i < values.size(); ++i) {
    std::uint64_t word = 0;
    for (std::size_t b = 8; b-- > 0;) word = word << 8U | stream[8 + 8 * i + b];
    REQUIRE(values[i] == word);
  }
}

TEST_CASE("mask: in a sum, the masks of pairs cancel") {
  constexpr std::size_t clients = 5, size = 3000;
  std::vector<std::uint32_t> sum(size), plain(size);
  MaskStream stream;
  for (std::size_t i = 0; i < clients; ++i) {
    std::vector<SignedSeed> seeds;
    for (std::size_t j = 0; j < clients; ++j) {
      if (j != i)
        seeds.push_back({seed_number((std::min)(i, j) * clients + (std::max)(i, j)),
                         i < j ? MaskSign::plus : MaskSign::minus});
    }
    std::vector<std::uint32_t> values(size, static_cast<std::uint32_t>(i + 1));
    stream.add_masks(values, seeds);
    for (std::size_t n = 0; n < size; ++n) {
      sum[n] += values[n];
      plain[n] += static_cast<std::uint32_t>(i + 1);
    }
  }
  CHECK(sum == plain);
}

TEST_CASE("mask: a slice that no counter reaches") {
  const std::vector<SignedSeed> seeds = seeds_of(1);
  std::vector<std::uint32_t> values(2);
  std::vector<std::uint64_t> longs(2);
  MaskStream stream;
  const std::uint64_t last = std::numeric_limits<std::uint64_t>::max();
  CHECK(
      error_of([&] { stream.add_masks(values, seeds, last); }).starts_with("overflow: a mask of 2 elements"));
  CHECK(error_of([&] { stream.add_masks(values, seeds, last / 4 - 1); }).starts_with("overflow"));
  CHECK(error_of([&] { stream.add_masks(longs, seeds, last / 8 - 1); }).starts_with("overflow"));
  CHECK(values == std::vector<std::uint32_t>(2));
  stream.add_masks(values, seeds, last / 4 - 2);
  stream.add_masks(longs, seeds, last / 8 - 2);
  CHECK(values != std::vector<std::uint32_t>(2));
}

}  // namespace secagg_mask_test
