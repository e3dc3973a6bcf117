#include "healthai/compression/detail/packed_bits.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>

namespace compression_detail_packed_bits_test {

using namespace healthai::detail;

TEST_CASE("the lowest bit first") {
  std::vector<std::byte> bytes;
  BitPacker packer(bytes);
  for (const std::uint32_t number : {1U, 2U, 7U, 4U}) packer.put(number, 3);
  packer.finish();
  // 001 010 111 100 from the right: 100'111'010'001
  CHECK(bytes == std::vector<std::byte>{std::byte{0b11010001}, std::byte{0b1001}});
}

TEST_CASE("numbers of any width come back, from as many bytes as promised") {
  CHECK(rc::check([](const std::vector<std::uint32_t>& drawn) {
    const unsigned width = *rc::gen::inRange(1U, 33U);
    std::vector<std::byte> bytes;
    BitPacker packer(bytes);
    const auto cut = [width](std::uint32_t number) { return width == 32 ? number : number % (1U << width); };
    for (const std::uint32_t number : drawn) packer.put(cut(number), width);
    packer.finish();
    RC_ASSERT(bytes.size() == packed_size(drawn.size(), width));
    RC_ASSERT(bytes.size() == (drawn.size() * width + 7) / 8);
    BitUnpacker unpacker(bytes);
    for (const std::uint32_t number : drawn) RC_ASSERT(unpacker.get(width) == cut(number));
  }));
}

}  // namespace compression_detail_packed_bits_test
