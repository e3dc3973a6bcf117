#include "healthai/serialization/encoded_message.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "healthai/core/parameters.hpp"

namespace serialization_encoded_message_test {

using healthai::BinaryReader;
using healthai::decode_head;
using healthai::encode;
using healthai::EncodedMessage;
using healthai::Error;
using healthai::Layout;
using healthai::Parameters;
using healthai::SpanSource;

namespace {

/// Two large arrays with something before, between and after them.
struct Letter {
  std::string from{};
  Parameters<double> model{};
  std::vector<int> few{};
  Parameters<float> update{};
  bool urgent = false;
  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& from& model& few& update& urgent;
  }
};
Letter letter(std::size_t doubles, std::size_t floats) {
  Letter made{"north",
              Parameters<double>(Layout{{"x", {doubles}}}),
              {1, 2, 3},
              Parameters<float>(Layout{{"y", {floats}}}),
              true};
  for (std::size_t i = 0; i < doubles; ++i) made.model.data()[i] = static_cast<double>(i) / 3;
  for (std::size_t i = 0; i < floats; ++i) made.update.data()[i] = static_cast<float>(i) / 7;
  return made;
}
/// As a connection does it.
Letter through(const EncodedMessage& message) {
  Letter read;
  const auto places = decode_head(message.head, message.array_bytes(), read);
  std::vector<std::byte> wire;
  for (const auto& array : message.arrays) wire.insert(wire.end(), array.begin(), array.end());
  const std::byte* at = wire.data();
  for (const auto& place : places) {
    std::memcpy(place.data(), at, place.size());
    at += place.size();
  }
  CHECK(at == wire.data() + wire.size());
  return read;
}
/// "ID: MESSAGE" of the Error that decoding throws, "" if there is none.
std::string error_of(std::span<const std::byte> head, std::uint64_t array_bytes) {
  try {
    Letter read;
    (void)decode_head(head, array_bytes, read);
  } catch (const Error& e) {
    return std::string(e.id().name()) + ": " + e.what();
  }
  return "";
}

}  // namespace

TEST_CASE("the large arrays stay where they are, and come back to where they belong") {
  for (const std::size_t doubles : {std::size_t{0}, std::size_t{1}, std::size_t{1000}}) {
    for (const std::size_t floats : {std::size_t{0}, std::size_t{1}, std::size_t{77}}) {
      const auto value = std::make_shared<const Letter>(letter(doubles, floats));
      const auto message = encode(value);
      CHECK(message->array_bytes() == 8 * doubles + 4 * floats);
      CHECK(message->arrays.size() == (doubles > 0 ? 1U : 0U) + (floats > 0 ? 1U : 0U));
      if (doubles > 0) CHECK(static_cast<const void*>(message->arrays.front().data()) == value->model.data());
      if (floats > 0) CHECK(static_cast<const void*>(message->arrays.back().data()) == value->update.data());
      const Letter read = through(*message);
      CHECK(read.from == value->from);
      CHECK((read.model.flat() == value->model.flat()));
      CHECK(read.few == value->few);
      CHECK((read.update.flat() == value->update.flat()));
      CHECK(read.urgent);
    }
  }
}

TEST_CASE("a message keeps its value alive") {
  std::weak_ptr<const Letter> alive;
  std::shared_ptr<const EncodedMessage> message;
  {
    const auto value = std::make_shared<const Letter>(letter(3, 3));
    alive = value;
    message = encode(value);
  }
  CHECK_FALSE(alive.expired());
  CHECK((through(*message).model.flat() == letter(3, 3).model.flat()));
  message.reset();
  CHECK(alive.expired());
}

TEST_CASE("what stands before the value is read before it") {
  const auto message = encode(std::make_shared<const Letter>(letter(2, 0)), std::string("task"), 42);
  SpanSource source(message->head);
  BinaryReader reader(source);
  std::string task;
  int number = 0;
  reader >> task >> number;
  CHECK(task == "task");
  CHECK(number == 42);
  Letter read;
  const auto places =
      decode_head(std::span(message->head).subspan(static_cast<std::size_t>(reader.position())), 16, read);
  CHECK(places.size() == 1);
  CHECK(read.from == "north");
}

TEST_CASE("head and arrays that do not belong together are refused, before there is memory for them") {
  const auto message = encode(std::make_shared<const Letter>(letter(1000, 10)));
  CHECK(error_of(message->head, 8040) == "");
  CHECK(error_of(message->head, 8039) ==
        "archive_limit: the message has an array of 10 numbers of 4 bytes, but only 39 bytes of arrays are "
        "to come");
  CHECK(error_of(message->head, 0) ==
        "archive_limit: the message has an array of 1000 numbers of 8 bytes, but only 0 bytes of arrays are "
        "to come");
  CHECK(error_of(message->head, 8041) ==
        "archive_corrupt: the message promises 1 bytes of arrays more than it has arrays for");
  // A head that promises all memory of the machine.
  const std::uint64_t much = std::uint64_t{1} << 40U;
  auto head = message->head;
  const std::uint64_t thousand = 1000;
  std::size_t found = 0;
  for (std::size_t at = 0; at + 8 <= head.size(); ++at) {
    if (std::memcmp(head.data() + at, &thousand, 8) != 0) continue;
    ++found;
    std::memcpy(head.data() + at, &much, 8);
  }
  CHECK(found == 1);
  CHECK(error_of(head, 8040).find("archive_limit: the message has an array of 1099511627776 numbers") == 0);
}

TEST_CASE("of a head that was cut off or changed, an Error is all that comes") {
  const auto message = encode(std::make_shared<const Letter>(letter(5, 3)));
  for (std::size_t size = 0; size < message->head.size(); ++size) {
    CHECK(error_of(std::span(message->head).first(size), 52) != "");
  }
  auto longer = message->head;
  longer.push_back({});
  CHECK(error_of(longer, 52).find("archive_corrupt: the value ends at byte ") == 0);
  std::size_t refused = 0;
  for (std::size_t at = 0; at < message->head.size(); ++at) {
    for (const unsigned change : {1U, 128U, 255U}) {
      auto head = message->head;
      head[at] ^= static_cast<std::byte>(change);
      if (!error_of(head, 52).empty()) ++refused;  // a letter of a name may change
    }
  }
  CHECK(refused > message->head.size());
}

}  // namespace serialization_encoded_message_test
