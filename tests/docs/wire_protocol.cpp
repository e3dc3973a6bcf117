// docs/wire-protocol.md says what is sent.
#include <doctest/doctest.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "docs/wire_bytes.hpp"
#include "healthai/core/failure.hpp"
#include "healthai/core/training.hpp"
#include "healthai/serialization/encoded_message.hpp"
#include "healthai/serialization/frame.hpp"
#include "healthai/transport/socket/protocol.hpp"

namespace docs_wire_protocol_test {

using namespace healthai;
using namespace docs_wire_bytes;

namespace {

template <class T>
std::string frame_of(FrameKind kind, std::uint64_t request, const T& value) {
  const auto message = encode(std::make_shared<const T>(value));
  return text_of(to_frame_header_bytes(
             {static_cast<std::uint32_t>(kind), request, message->head.size(), message->array_bytes()})) +
         text_of(message->head) + arrays_of(*message);
}

std::string hex_dump(const std::string& bytes) {
  constexpr const char* digits = "0123456789abcdef";
  std::string text;
  for (std::size_t line = 0; line < bytes.size(); line += 16) {
    for (const unsigned shift : {12U, 8U, 4U, 0U}) text += digits[line >> shift & 15U];
    std::string shown;
    text += ' ';
    for (std::size_t i = line; i < line + 16; ++i) {
      if (i >= bytes.size()) {
        text += "   ";
        continue;
      }
      const auto byte = static_cast<unsigned char>(bytes[i]);
      text += std::string(" ") + digits[byte >> 4U] + digits[byte & 15U];
      shown += byte >= 32 && byte < 127 ? static_cast<char>(byte) : '.';
    }
    text += "  " + shown + "\n";
  }
  return text;
}

}  // namespace

TEST_CASE("the dumps of a hello and its welcome are what is sent") {
  CHECK(hex_dump(frame_of(
            FrameKind::hello, protocol_version,
            Hello{"healthai 0.1", "north", 0x0123456789abcdefU, {"evaluate.f64", "train.f64"}, 0, {}})) ==
        block("hello"));
  CHECK(hex_dump(frame_of(FrameKind::welcome, 0, Welcome{"healthai 0.1", 0xfedcba9876543210U, 10, {}, {}})) ==
        block("welcome"));
}

TEST_CASE("kinds of frames, versions and limits are those of the code") {
  const std::array<const char*, 15> names{"hello",   "welcome",  "refused",   "ping",    "request",
                                          "stop",    "cancel",   "announce",  "grant",   "reply",
                                          "failure", "accepted", "discarded", "goodbye", "anchor"};
  static_assert(static_cast<std::uint32_t>(FrameKind::hello) == 1 &&
                static_cast<std::uint32_t>(FrameKind::request) == 5 &&
                static_cast<std::uint32_t>(FrameKind::grant) == 9 &&
                static_cast<std::uint32_t>(FrameKind::goodbye) == 14 &&
                static_cast<std::uint32_t>(FrameKind::anchor) == 15);
  for (std::size_t i = 0; i < names.size(); ++i) {
    CAPTURE(names[i]);
    CHECK(says("| " + std::to_string(i + 1) + " | `" + names[i] + "` |"));
  }
  CHECK(says("This is version " + std::to_string(protocol_version)));
  CHECK(says("| a node's frames before its welcome, head and arrays | " + std::to_string(largest_hello) +
             " bytes |"));
  CHECK(says("| a node's other frames, replies and failures that were [granted](#a-request) excepted | " +
             std::to_string(largest_unannounced_reply) + " bytes |"));
}

TEST_CASE("small heads are what the tables say") {
  CHECK(text_of(to_bytes(EntryRefusal{"identity", "no", true})) ==
        Bytes().object().text("identity").text("no").u8(1).str());
  CHECK(text_of(to_bytes(Announcement{70000})) == Bytes().object().u64(70000).str());
  CHECK(text_of(to_bytes(Failure{"north", "refused", "no"})) ==
        Bytes().object().object().text("north").text("refused").text("no").str());
  AuditAnchor anchor{7, {}};
  anchor.hash.fill(0x5a);
  CHECK(text_of(to_bytes(anchor)) == Bytes().object().u64(7).str() + std::string(32, 0x5a));
  CHECK(text_of(to_bytes(Hello{"x", "north", 1, {}, 2, {3, 4}})) ==
        Bytes().object().text("x").object().text("north").u64(1).u64(0).u64(2).u64(2).u64(3).u64(4).str());
}

TEST_CASE("a request to train, and its reply, written by hand") {
  TrainBroadcast<double> broadcast{{11, 2, 1}, 42, parameters, {}};
  broadcast.objective.proximal_mu = 0.1;
  broadcast.objective.linear_correction = parameters;
  broadcast.objective.local_steps = 5;
  Bytes head;
  head.text("train.f64").object();
  head.object().u64(11).u64(2).u32(1);
  head.u64(42);
  put_layout(head);
  head.object().f64(0.1).u8(1);
  put_layout(head);
  head.u8(1).u64(5).u8(0).u8(0).u8(0).u8(0);
  const auto request =
      encode(std::make_shared<const TrainBroadcast<double>>(broadcast), std::string("train.f64"));
  CHECK(text_of(request->head) == head.str());
  CHECK(arrays_of(*request) == numbers() + numbers());

  // The way back, from bytes that another program may have written.
  Bytes answer;
  answer.object();
  put_layout(answer);
  answer.f64(120);
  answer.object().u64(1).object().text("loss").f64(60).f64(120);
  answer.u64(5).u8(1);
  answer.f64(0).f64(0.25).u8(1).f64(0.75);
  answer.u64(1).object().text("control_variate").u8(0);
  put_layout(answer);
  answer.u64(1).object().text("cells").f64(9);
  answer.u8(0);
  std::string arrays = numbers() + numbers();
  TrainReply<double> reply;
  const auto places =
      decode_head(std::as_bytes(std::span(answer.str())), static_cast<std::uint64_t>(arrays.size()), reply);
  std::size_t at = 0;
  for (const auto& place : places) {
    std::memcpy(place.data(), arrays.data() + at, place.size());
    at += place.size();
  }
  CHECK(at == arrays.size());
  CHECK(reply.update.layout() == layout);
  CHECK(reply.update.data()[1] == -2);
  CHECK(reply.num_examples == 120);
  REQUIRE(reply.metrics.begin() != reply.metrics.end());
  CHECK(reply.metrics.begin()->numerator == 60);
  CHECK(reply.local_steps == 5);
  CHECK(reply.partial);
  CHECK(reply.learning_rate == 0.25);
  CHECK(reply.initial_loss == 0.75);
  REQUIRE(reply.extra.size() == 1);
  CHECK_FALSE(reply.extra[0].weighted);
  CHECK(reply.extra[0].values.data()[2] == 3);
  CHECK(reply.extra_scalars.at(0).value == 9);
  CHECK_FALSE(reply.compressed);

  TrainReply<float> small;
  small.compressed = CompressedUpdate{"sign", layout.fingerprint(), {std::byte{1}, std::byte{2}}};
  Bytes compressed;
  compressed.object().object().object().u64(0).f64(0).object().u64(0).u64(0).u8(0);
  compressed.f64(0).f64(0).u8(0).u64(0).u64(0);
  compressed.u8(1).object().text("sign").u64(layout.fingerprint()).u64(2).u8(1).u8(2);
  CHECK(text_of(to_bytes(small)) == compressed.str());

  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const char c : std::string("layoutbeta,2;intercept;")) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  }
  CHECK(layout.fingerprint() == hash);
}

TEST_CASE("an evaluation, written by hand") {
  Bytes head;
  head.text("evaluate.f64").object().object().u64(11).u64(2).u32(0);
  put_layout(head);
  const auto request = encode(
      std::make_shared<const EvaluateBroadcast<double>>(EvaluateBroadcast<double>{{11, 2, 0}, parameters}),
      std::string("evaluate.f64"));
  CHECK(text_of(request->head) == head.str());
  CHECK(arrays_of(*request) == numbers());
  EvaluateReply reply{30, {}};
  reply.metrics.add("loss", 15, 30);
  CHECK(text_of(to_bytes(reply)) ==
        Bytes().object().f64(30).object().u64(1).object().text("loss").f64(15).f64(30).str());
}

}  // namespace docs_wire_protocol_test
