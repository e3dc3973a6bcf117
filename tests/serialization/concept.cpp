#include "healthai/serialization/concept.hpp"

#include <doctest/doctest.h>

#include <vector>

namespace serialization_concept_test {

namespace {

struct Sink {
  std::vector<std::byte> bytes{};
  void write(std::span<const std::byte> more) { bytes.insert(bytes.end(), more.begin(), more.end()); }
};
struct WritesMutableBytes {
  void write(std::span<std::byte>) {}
};
struct WritesNothing {};

struct Source {
  [[nodiscard]] std::uint64_t remaining() const { return 0; }
  void read(std::span<std::byte>) {}
};
struct RemainingNotConst {
  std::uint64_t remaining() { return 0; }
  void read(std::span<std::byte>) {}
};
struct ReadsConstBytes {
  [[nodiscard]] std::uint64_t remaining() const { return 0; }
  void read(std::vector<std::byte>&) {}
};

static_assert(healthai::ByteSink<Sink>);
static_assert(!healthai::ByteSink<WritesMutableBytes>);
static_assert(!healthai::ByteSink<WritesNothing>);
static_assert(healthai::ByteSource<Source>);
static_assert(!healthai::ByteSource<RemainingNotConst>);
static_assert(!healthai::ByteSource<ReadsConstBytes>);
static_assert(!healthai::ByteSource<Sink>);

}  // namespace

TEST_CASE("the smallest sink appends to a vector") {
  Sink sink;
  const std::byte bytes[] = {std::byte{1}, std::byte{2}};
  sink.write(bytes);
  CHECK(sink.bytes == std::vector<std::byte>(bytes, bytes + 2));
}

}  // namespace serialization_concept_test
