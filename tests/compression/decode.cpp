#include "healthai/compression/decode.hpp"

#include "support.hpp"

namespace compression_decode_test {

using namespace healthai;
using namespace compressing;

namespace {

const Layout layout{{"a", {2}}, {"b", {3}}};
const std::vector<double> x{1, -2, 3, 0.5, -4};

template <class K>
CompressedUpdate made_by(const K& compressor) {
  return {std::string(K::name), layout.fingerprint(), encoded(compressor, x)};
}
template <class K>
void check_known(const K& compressor) {
  const auto decoded = decode<double>(made_by(compressor), layout);
  CHECK(decoded.layout() == layout);
  CHECK(std::vector<double>(decoded.data(), decoded.data() + 5) == through(compressor, x));
}
std::string error_of(const CompressedUpdate& update) {
  try {
    static_cast<void>(decode<double>(update, layout));
  } catch (const Error& e) {
    return std::string(e.id().name());
  }
  return "none";
}

}  // namespace

TEST_CASE("the decoder is found by the compressor's name") {
  check_known(TopK{.count = 2});
  check_known(RandomK{.count = 2});
  check_known(Qsgd{});
  check_known(Sign{});
  check_known(Float16{});
  check_known(BFloat16{});
  check_known(Int8{});
}

TEST_CASE("another model, an unknown compressor, the bytes of another one") {
  CHECK(error_of(made_by(TopK{})) == "none");
  CompressedUpdate update = made_by(TopK{});
  ++update.fingerprint;
  CHECK(error_of(update) == "layout_mismatch");
  update = made_by(TopK{});
  update.compressor = "zip";
  CHECK_THROWS_WITH_AS(static_cast<void>(decode<double>(update, layout)),
                       doctest::Contains("top_k, random_k, qsgd, sign, float16, bfloat16, int8"), Error);
  update.compressor = "sign";
  CHECK(error_of(update).starts_with("archive_"));
  update.compressor.assign(1000000, 'x');
  CHECK(error_of(update) == "unknown_name");
}

TEST_CASE("a reply is decompressed in place, once, or left alone") {
  TrainReply<double> reply;
  reply.num_examples = 3;
  reply.compressed = made_by(TopK{.count = 5});
  CHECK(Train<double>::bytes(reply) == 8 + 5 * 8 + 5);
  CHECK_THROWS_AS(static_cast<void>(Train<double>::summand(reply)), Error);
  decompress(reply, layout);
  CHECK_FALSE(reply.compressed);
  CHECK(Train<double>::bytes(reply) == 40);
  CHECK(reply.update.layout() == layout);
  CHECK(std::vector<double>(reply.update.data(), reply.update.data() + 5) == x);
  decompress(reply, layout);
  CHECK(Train<double>::summand(reply).vectors.at(0).values.data()[4] == -4);
  reply.compressed = made_by(TopK{});
  CHECK_THROWS_WITH_AS(decompress(reply, layout), doctest::Contains("both"), Error);
  CHECK(reply.compressed);
}

TEST_CASE("it travels in the archive") {
  TrainReply<double> reply;
  reply.compressed = made_by(Qsgd{});
  const auto copy = from_bytes<TrainReply<double>>(to_bytes(reply));
  REQUIRE(copy.compressed);
  CHECK(copy.compressed->compressor == "qsgd");
  CHECK(copy.compressed->fingerprint == layout.fingerprint());
  CHECK(copy.compressed->bytes == reply.compressed->bytes);
}

}  // namespace compression_decode_test
