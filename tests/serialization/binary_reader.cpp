#include "healthai/serialization/binary_reader.hpp"

#include <doctest/doctest.h>
#include <boost/serialization/deque.hpp>
#include <boost/serialization/vector.hpp>

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "healthai/core/training.hpp"
#include "healthai/serialization/archive.hpp"

namespace serialization_binary_reader_test {

namespace {

using healthai::from_bytes;
using healthai::to_bytes;

/// The id of the Error that reading a T from `bytes` throws, "" when it throws none.
template <class T>
std::string error_of(const std::vector<std::byte>& bytes) {
  try {
    (void)from_bytes<T>(bytes);
  } catch (const healthai::Error& e) {
    return std::string(e.id().name());
  }
  return "";
}

/// Counts the bytes that containers ask for.
template <class T>
struct CountingAllocator {
  using value_type = T;
  static inline std::size_t total = 0;
  CountingAllocator() = default;
  template <class U>
  CountingAllocator(const CountingAllocator<U>&) {
  }  // NOLINT(google-explicit-constructor): allocators convert
  T* allocate(std::size_t n) {
    total += n * sizeof(T);
    return std::allocator<T>().allocate(n);
  }
  void deallocate(T* memory, std::size_t n) { std::allocator<T>().deallocate(memory, n); }
  friend bool operator==(const CountingAllocator&, const CountingAllocator&) { return true; }
};

struct Large {
  std::array<std::uint64_t, 64> memory{};
  std::uint8_t value = 0;
  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& value;
  }
};
struct Tree {
  std::vector<Tree> children{};
  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& children;
  }
};
/// Version 1 has two numbers, version 0 had one.
struct Evolved {
  std::uint8_t first = 0;
  std::uint8_t second = 0;
  template <class Archive>
  void serialize(Archive& archive, unsigned version) {
    archive& first;
    if (version >= 1) archive& second;
  }
};
/// The same, where what needs no second number is written as before.
struct Careful {
  static constexpr std::uint32_t newest_version = 1;
  std::uint8_t first = 0;
  std::uint8_t second = 0;
  [[nodiscard]] std::uint32_t oldest_version() const { return second == 0 ? 0 : 1; }
  template <class Archive>
  void serialize(Archive& archive, unsigned version) {
    archive& first;
    if (version >= 1) archive& second;
  }
};

constexpr std::uint64_t absurd_lengths[] = {std::uint64_t{1} << 40U, std::uint64_t{1} << 61U,
                                            std::uint64_t{1} << 62U, std::uint64_t{1} << 63U,
                                            ~std::uint64_t{0}};

}  // namespace

}  // namespace serialization_binary_reader_test

BOOST_CLASS_VERSION(serialization_binary_reader_test::Evolved, 1)

namespace serialization_binary_reader_test {

TEST_CASE("an absurd length is refused before memory is asked for") {
  for (const std::uint64_t length : absurd_lengths) {
    const auto bytes = to_bytes(std::pair<std::uint64_t, std::uint64_t>{length, 0});
    CHECK(error_of<std::string>(bytes) == "archive_limit");
    CHECK(error_of<std::vector<std::byte>>(bytes) == "archive_limit");
    CHECK(error_of<std::vector<double>>(bytes) == "archive_limit");
    CHECK(error_of<std::vector<bool>>(bytes) == "archive_limit");
    CHECK(error_of<std::vector<std::string>>(bytes) == "archive_limit");
    CHECK(error_of<std::vector<Large>>(bytes) == "archive_limit");
    CHECK(error_of<std::map<int, int>>(bytes) == "archive_limit");
    CHECK(error_of<std::unordered_set<int>>(bytes) == "archive_limit");
    CHECK(error_of<std::deque<int>>(bytes) != "");  // Boost's own code, bounded through collection_size_type
  }
  // One number more than there is.
  CHECK(error_of<std::vector<double>>(to_bytes(std::pair<std::uint64_t, double>{2, 1.0})) == "archive_limit");
  CHECK(error_of<std::vector<double>>(to_bytes(std::pair<std::uint64_t, double>{1, 1.0})) == "");
}

TEST_CASE("parameters of an absurd layout are refused before memory is asked for") {
  const auto bytes = to_bytes(healthai::Layout{{"w", {std::size_t{1} << 40U}}});
  // As Parameters begin: their own version, then the layout.
  auto message = to_bytes(std::uint32_t{0});
  message.insert(message.end(), bytes.begin(), bytes.end());
  CHECK(error_of<healthai::Parameters<double>>(message) == "archive_limit");
  CHECK(error_of<healthai::Parameters<float>>(message) == "archive_limit");
}

TEST_CASE("objects larger in memory than in the archive get memory as they arrive") {
  using Allocator = CountingAllocator<Large>;
  using Vector = std::vector<Large, Allocator>;
  // 10000 elements are promised, as far as lengths can tell, but the first is already of a version that is not known.
  std::vector<std::byte> bytes = to_bytes(std::uint64_t{10000});
  bytes.resize(bytes.size() + 10000, std::byte{0xff});
  Allocator::total = 0;
  CHECK(error_of<Vector>(bytes) == "archive_version");
  CHECK(Allocator::total <= bytes.size() + sizeof(Large));

  Allocator::total = 0;
  const auto honest = to_bytes(Vector(1000));
  Allocator::total = 0;
  CHECK(from_bytes<Vector>(honest).size() == 1000);
  CHECK(Allocator::total <= 4 * 1000 * sizeof(Large));
}

TEST_CASE("values that cannot be are refused") {
  CHECK(error_of<bool>({std::byte{2}}) == "archive_corrupt");
  CHECK(error_of<bool>({std::byte{1}}) == "");
  CHECK(error_of<std::optional<std::uint8_t>>({std::byte{2}, std::byte{0}}) == "archive_corrupt");
  CHECK(error_of<std::vector<bool>>(to_bytes(std::vector<std::uint8_t>{0, 1, 2})) == "archive_corrupt");
  CHECK(error_of<std::map<std::uint8_t, bool>>(to_bytes(
            std::vector<std::pair<std::uint8_t, bool>>{{1, true}, {1, false}})) == "archive_corrupt");
  CHECK(error_of<std::multimap<std::uint8_t, bool>>(
            to_bytes(std::vector<std::pair<std::uint8_t, bool>>{{1, true}, {1, false}})) == "");
  CHECK(error_of<std::set<std::uint8_t>>(to_bytes(std::vector<std::uint8_t>{1, 1})) == "archive_corrupt");
  CHECK(error_of<std::uint32_t>(to_bytes(std::uint64_t{1})) == "archive_corrupt");  // bytes are left over
  CHECK(error_of<std::uint64_t>(to_bytes(std::uint32_t{1})) == "archive_truncated");
  CHECK(error_of<std::uint64_t>({}) == "archive_truncated");
}

TEST_CASE("an older class version is handed to serialize, a newer one refused") {
  const auto with_version = [](std::uint32_t version, std::vector<std::uint8_t> values) {
    auto bytes = to_bytes(version);
    for (const std::uint8_t value : values) bytes.push_back(static_cast<std::byte>(value));
    return bytes;
  };
  const auto old = from_bytes<Evolved>(with_version(0, {5}));
  CHECK(old.first == 5);
  CHECK(old.second == 0);
  const auto current = from_bytes<Evolved>(with_version(1, {5, 6}));
  CHECK(current.second == 6);
  CHECK(error_of<Evolved>(with_version(2, {5, 6})) == "archive_version");
  // A value is written as the oldest version that can say it.
  CHECK(to_bytes(Careful{5, 0}) == with_version(0, {5}));
  CHECK(to_bytes(Careful{5, 6}) == with_version(1, {5, 6}));
  CHECK(healthai::encoded_size(Careful{5, 0}) == 5);
  CHECK(from_bytes<Careful>(with_version(0, {5})).first == 5);
  CHECK(from_bytes<Careful>(with_version(1, {5, 6})).second == 6);
  CHECK(error_of<Careful>(with_version(2, {5, 6})) == "archive_version");
  // The same value in another form would have another digest.
  CHECK(error_of<Careful>(with_version(1, {5, 0})) == "archive_corrupt");
}

TEST_CASE("a recursive type cannot exhaust the stack") {
  std::vector<std::byte> bytes;
  for (int i = 0; i < 100000; ++i) {  // a tree of one child each: version, number of children
    const auto level = to_bytes(std::pair<std::uint32_t, std::uint64_t>{0, 1});
    bytes.insert(bytes.end(), level.begin(), level.end());
  }
  CHECK(error_of<Tree>(bytes) == "archive_limit");
}

TEST_CASE("every truncation of a message is an Error") {
  healthai::TrainReply<double> reply;
  reply.update = healthai::Parameters<double>(healthai::Layout{{"w", {2, 3}}, {"b", {}}});
  reply.num_examples = 12;
  reply.metrics.add("loss", 1.5, 12);
  const auto bytes = to_bytes(reply);
  CHECK(error_of<healthai::TrainReply<double>>(bytes) == "");
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    const std::vector<std::byte> cut(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(length));
    const std::string id = error_of<healthai::TrainReply<double>>(cut);
    CAPTURE(length);
    CHECK((id == "archive_truncated" || id == "archive_limit"));
  }
}

TEST_CASE("every single flipped byte of a message is an Error or another message, never a crash") {
  healthai::TrainBroadcast<float> broadcast;
  broadcast.parameters = healthai::Parameters<float>(healthai::Layout{{"w", {2, 3}}});
  broadcast.objective.local_steps = 3;
  const auto bytes = to_bytes(broadcast);
  std::size_t errors = 0;
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    for (unsigned flip = 1; flip < 256; ++flip) {
      auto damaged = bytes;
      damaged[at] ^= static_cast<std::byte>(flip);
      if (error_of<healthai::TrainBroadcast<float>>(damaged).empty()) {
        // What is accepted is a value like any other.
        CHECK(to_bytes(from_bytes<healthai::TrainBroadcast<float>>(damaged)) == damaged);
      } else {
        ++errors;
      }
    }
  }
  CHECK(errors > 0);
}

TEST_CASE("errors say where and what") {
  try {
    (void)from_bytes<std::pair<std::uint32_t, std::string>>(
        to_bytes(std::pair<std::uint32_t, std::uint64_t>{1, 77}));
    FAIL("no error");
  } catch (const healthai::Error& e) {
    CHECK(std::string(e.what()) ==
          "at byte 12 the data promise 77 elements of at least 1 bytes, but only 0 bytes are left");
  }
}

}  // namespace serialization_binary_reader_test
