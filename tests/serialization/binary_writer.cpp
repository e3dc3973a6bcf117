#include "healthai/serialization/binary_writer.hpp"

#include <doctest/doctest.h>
#include <boost/serialization/array_wrapper.hpp>
#include <boost/serialization/binary_object.hpp>
#include <boost/serialization/nvp.hpp>

#include <array>
#include <initializer_list>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "healthai/core/training.hpp"
#include "healthai/serialization/archive.hpp"

namespace serialization_binary_writer_test {

namespace {

using healthai::to_bytes;

std::vector<std::byte> bytes(std::initializer_list<unsigned> values) {
  std::vector<std::byte> result;
  for (const unsigned value : values) result.push_back(static_cast<std::byte>(value));
  return result;
}

enum class Colour : std::uint16_t { red = 0x0102 };

struct Point {
  std::int16_t x = 0;
  bool seen = false;
  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& x& seen;
  }
};
struct Versioned {
  std::uint8_t value = 0;
  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& value;
  }
};
struct Plain {
  std::uint8_t value = 0;
  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& value;
  }
};
struct Nothing {
  template <class Archive>
  void serialize(Archive&, unsigned /*version*/) {}
};
struct Tree {
  std::vector<Tree> children{};
  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& children;
  }
};

Tree tree_of_depth(unsigned depth) {
  Tree tree;
  for (unsigned i = 1; i < depth; ++i) {
    Tree parent;
    parent.children.push_back(std::move(tree));
    tree = std::move(parent);
  }
  return tree;
}

/// Notes where each large piece comes from.
struct PieceSink {
  std::vector<std::pair<const void*, std::size_t>> pieces{};
  void write(std::span<const std::byte> piece) { pieces.emplace_back(piece.data(), piece.size()); }
};

}  // namespace

}  // namespace serialization_binary_writer_test

BOOST_CLASS_VERSION(serialization_binary_writer_test::Versioned, 7)
BOOST_CLASS_IMPLEMENTATION(serialization_binary_writer_test::Plain, boost::serialization::object_serializable)
BOOST_CLASS_IMPLEMENTATION(serialization_binary_writer_test::Nothing,
                           boost::serialization::object_serializable)

namespace serialization_binary_writer_test {

TEST_CASE("the bytes are those that archive.hpp documents") {
  CHECK(to_bytes(std::uint32_t{0x01020304}) == bytes({4, 3, 2, 1}));
  CHECK(to_bytes(std::int16_t{-2}) == bytes({0xfe, 0xff}));
  CHECK(to_bytes(1L) == bytes({1, 0, 0, 0, 0, 0, 0, 0}));
  CHECK(to_bytes(std::size_t{258}) == bytes({2, 1, 0, 0, 0, 0, 0, 0}));
  CHECK(to_bytes('A') == bytes({65}));
  CHECK(to_bytes(true) == bytes({1}));
  CHECK(to_bytes(1.0) == bytes({0, 0, 0, 0, 0, 0, 0xf0, 0x3f}));
  CHECK(to_bytes(-2.0F) == bytes({0, 0, 0, 0xc0}));
  CHECK(to_bytes(Colour::red) == bytes({2, 1}));
  CHECK(to_bytes(std::string("hi")) == bytes({2, 0, 0, 0, 0, 0, 0, 0, 'h', 'i'}));
  CHECK(to_bytes(std::vector<std::int16_t>{1, -1}) == bytes({2, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0xff, 0xff}));
  CHECK(to_bytes(std::vector<bool>{true, false}) == bytes({2, 0, 0, 0, 0, 0, 0, 0, 1, 0}));
  CHECK(to_bytes(std::array<std::uint8_t, 2>{7, 8}) == bytes({7, 8}));
  CHECK(to_bytes(std::pair<std::uint8_t, bool>{7, true}) == bytes({7, 1}));
  CHECK(to_bytes(std::optional<std::uint8_t>{}) == bytes({0}));
  CHECK(to_bytes(std::optional<std::uint8_t>{9}) == bytes({1, 9}));
  CHECK(to_bytes(std::map<std::uint8_t, std::uint8_t>{{3, 4}, {1, 2}}) ==
        bytes({2, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4}));
  CHECK(to_bytes(std::vector<int>{}) == bytes({0, 0, 0, 0, 0, 0, 0, 0}));
}

TEST_CASE("a class begins with its version, unless it says that it has none") {
  CHECK(to_bytes(Point{-2, true}) == bytes({0, 0, 0, 0, 0xfe, 0xff, 1}));
  CHECK(to_bytes(Versioned{5}) == bytes({7, 0, 0, 0, 5}));
  CHECK(to_bytes(Plain{5}) == bytes({5}));
}

TEST_CASE("the wrappers of Boost.Serialization add nothing") {
  std::int16_t numbers[] = {1, 2};
  const auto expected = bytes({1, 0, 2, 0});
  CHECK(to_bytes(boost::serialization::make_array(numbers, 2)) == expected);
  CHECK(to_bytes(numbers) == expected);
  std::vector<std::byte> at_once;
  healthai::BytesSink sink(at_once);
  healthai::BinaryWriter(sink).numbers(std::span<std::int16_t>(numbers));
  CHECK(at_once == expected);
  CHECK(to_bytes(boost::serialization::make_nvp("numbers", numbers)) == expected);
  CHECK(to_bytes(boost::serialization::make_binary_object("ab", 2)) == bytes({'a', 'b'}));
  CHECK(to_bytes(boost::serialization::collection_size_type(3)) == bytes({3, 0, 0, 0, 0, 0, 0, 0}));
  CHECK(to_bytes(boost::serialization::item_version_type(3)) == bytes({3, 0, 0, 0}));
}

TEST_CASE("parameters are written in one piece, from their own memory") {
  healthai::Parameters<double> parameters(healthai::Layout{{"w", {100, 10}}});
  PieceSink sink;
  healthai::BinaryWriter writer(sink);
  writer << parameters;
  REQUIRE(!sink.pieces.empty());
  CHECK(sink.pieces.back().first == parameters.data());
  CHECK(sink.pieces.back().second == parameters.size_bytes());
  std::size_t total = 0;
  for (const auto& piece : sink.pieces) total += piece.second;
  CHECK(writer.position() == total);
  CHECK(healthai::encoded_size(parameters) == total);
}

TEST_CASE("what could not be read again is not written") {
  const auto id_of = [](const auto& value) {
    try {
      (void)to_bytes(value);
    } catch (const healthai::Error& e) {
      return std::string(e.id().name());
    }
    return std::string();
  };
  CHECK(id_of(std::vector<Nothing>(3)) == "archive_limit");
  CHECK(id_of(std::vector<Nothing>()).empty());
  CHECK(id_of(tree_of_depth(healthai::detail::max_nesting + 1)) == "archive_limit");
  CHECK(id_of(tree_of_depth(healthai::detail::max_nesting)).empty());
}

}  // namespace serialization_binary_writer_test
