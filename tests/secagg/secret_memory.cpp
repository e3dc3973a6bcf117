#include "healthai/secagg/secret_memory.hpp"

#include <doctest/doctest.h>
#include <array>
#include <cstddef>
#include <cstdint>
#include <iostream>
#include <vector>

namespace secagg_secret_memory_test {

using namespace healthai::secagg;

template <class T>
concept Printable = requires(const T& value) {
  std::cout << value;
};

TEST_CASE("secret memory: wiping is zeros, and no more of them than asked for") {
  std::array<unsigned char, 6> bytes{1, 2, 3, 4, 5, 6};
  wipe(bytes.data() + 1, 3);
  CHECK(bytes == std::array<unsigned char, 6>{1, 0, 0, 0, 5, 6});
  wipe(nullptr, 0);
}

TEST_CASE("secret memory: a growing container takes its elements along, and cannot be printed") {
  WipedNumbers numbers;
  for (std::uint64_t i = 0; i < 1000; ++i) numbers.push_back(i);
  CHECK(numbers[999] == 999);
  const WipedBytes bytes(3, std::byte{7});
  const WipedBytes copy = bytes;
  CHECK(copy == bytes);
  static_assert(!Printable<WipedBytes>);
  static_assert(Printable<int>);
  CHECK(WipingAllocator<int>() == WipingAllocator<char>());
}

namespace {

/// Memory that stays when it is given back, so that one may look at it.
template <class T>
struct Arena {
  using value_type = T;
  static inline std::array<T, 64> memory{};
  static inline std::size_t used = 0;
  static inline std::size_t returned = 0;
  T* allocate(std::size_t count) {
    used += count;
    return memory.data() + used - count;
  }
  void deallocate(T* /*memory*/, std::size_t count) noexcept { returned += count; }
};

}  // namespace

TEST_CASE("secret memory: neither growing nor ending leaves anything behind") {
  using Memory = Arena<std::uint64_t>;
  {
    std::vector<std::uint64_t, WipingAllocator<std::uint64_t, Arena>> numbers{1, 2, 3};
    CHECK(Memory::memory[1] == 2);
    numbers.reserve(20);
    CHECK(numbers[1] == 2);
    CHECK(Memory::returned == 3);
    CHECK(Memory::memory[1] == 0);
    CHECK(Memory::memory[4] == 2);  // where it is now
  }
  CHECK(Memory::returned == 23);
  CHECK(Memory::memory == std::array<std::uint64_t, 64>{});
}

}  // namespace secagg_secret_memory_test
