#include "healthai/compression/concept.hpp"

#include <doctest/doctest.h>

#include "healthai/compression.hpp"

namespace compression_concept_test {

using namespace healthai;

namespace {

template <class... K>
constexpr bool all_compress = ((Compressor<K, float> && Compressor<K, double>)&&...);
static_assert(all_compress<TopK, RandomK, Qsgd, Sign, Float16, BFloat16, Int8>);

struct NoDecoder : TopK {
  static void decode() {}
};
struct NeedsItself : Sign {
  // Decoding must not need the hyperparameters.
  void decode(std::span<const std::byte>, std::span<double>) const {}
};
struct NoValidation {
  static constexpr std::string_view name = "none";
  static constexpr bool additive = true;
};
static_assert(!Compressor<NoDecoder, double>);
static_assert(!Compressor<NeedsItself, double>);
static_assert(!Compressor<NoValidation, double> && !Compressor<int, double>);

}  // namespace

TEST_CASE("what each compressor says of itself") {
  static_assert(RandomK::additive && !TopK::additive && !Qsgd::additive && !Sign::additive);
  static_assert(!Float16::additive && !BFloat16::additive && !Int8::additive);
  CHECK(Qsgd{}.unbiased());
  CHECK_FALSE(RandomK{}.unbiased());
  CHECK(RandomK{.unbiased_scaling = true}.unbiased());
  CHECK_FALSE((TopK{}.unbiased() || Sign{}.unbiased() || Float16{}.unbiased() || Int8{}.unbiased()));
  CHECK((TopK{}.contracts() && Sign{}.contracts() && Float16{}.contracts() && BFloat16{}.contracts()));
  CHECK((RandomK{}.contracts() && Int8{}.contracts()));
  CHECK_FALSE(RandomK{.unbiased_scaling = true}.contracts());
  CHECK(Qsgd{.levels = 23, .bucket = 512}.contracts());
  CHECK_FALSE(Qsgd{.levels = 22, .bucket = 512}.contracts());
}

}  // namespace compression_concept_test
