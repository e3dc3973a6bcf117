// docs/wire-protocol.md says what is sent for secure sums.
#include <doctest/doctest.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "docs/wire_bytes.hpp"
#include "healthai/core/training.hpp"
#include "healthai/crypto/sha256.hpp"
#include "healthai/secagg/session.hpp"
#include "healthai/secagg/tasks.hpp"
#include "healthai/serialization/archive.hpp"
#include "healthai/serialization/encoded_message.hpp"
#include "refusals.hpp"

namespace docs_wire_protocol_secure_test {

using namespace healthai;
using namespace docs_wire_bytes;

namespace {

/// What a program of before reads and writes: the same objects without what is new.
struct ScalarOfBefore {
  std::string name{};
  double clip = 0;
  std::uint64_t levels = 0;
  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& name& clip& levels;
  }
};
struct NoiseOfBefore {
  double noise_multiplier = 0;
  std::uint32_t grid_bits = 0;
  std::uint64_t honest = 0;
  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& noise_multiplier& grid_bits& honest;
  }
};
struct TermsOfBefore {
  RoundId id{};
  std::vector<ClientId> members{};
  secagg::SecAggParameters parameters{};
  secagg::GraphSeed graph_seed{};
  secagg::SegmentPlan plan{};
  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& id& members& parameters& graph_seed& plan;
  }
};

}  // namespace

TEST_CASE("the terms of a secure sum, written by hand in both versions") {
  // With and without what is new in each of the three objects.
  const auto terms_of = [](const std::string& opener, double share, std::uint64_t patients) {
    secagg::Terms terms;
    terms.id = {11, 2, 1};
    terms.members = {"east", "north", "west"};
    terms.parameters = {3, 1, 2, 3, 0};
    terms.graph_seed.fill(0x5a);
    std::vector<secagg::ScalarSegment> numbers;
    if (patients == 0) numbers.push_back({"count", 0.5, 8, share});
    terms.plan = secagg::SegmentPlan({{"update", layout, true, 2, 8}}, numbers, 1, 3, {1.5, 20, 2, patients});
    terms.opener = opener;
    return terms;
  };
  const auto by_hand = [](const std::string& opener, double share, std::uint64_t patients) {
    Bytes bytes;
    bytes.u32(opener.empty() ? 0 : 1);
    bytes.object().u64(11).u64(2).u32(1);
    bytes.u64(3).object().text("east").object().text("north").object().text("west");
    bytes.object().u64(3).u64(1).u64(2).u64(3).u64(0);
    for (int i = 0; i < 32; ++i) bytes.u8(0x5a);
    bytes.object();
    bytes.u64(1).object().text("update");
    put_layout_alone(bytes);
    bytes.u8(1).f64(2).u64(std::uint64_t{2} << 20U);  // with noise the levels are those of its grid
    bytes.u64(patients == 0 ? 1 : 0);
    if (patients == 0) {
      bytes.u32(share == 1 ? 0 : 1).text("count").f64(0.5).u64(std::uint64_t{2} << 20U);
      if (share != 1) bytes.f64(share);
    }
    bytes.u32(patients == 0 ? 0 : 1).f64(1.5).u32(20).u64(2);
    if (patients != 0) bytes.u64(patients);
    bytes.u64(1).u64(3);
    if (!opener.empty()) bytes.text(opener);
    return bytes.str();
  };
  for (const std::string opener : {"", "fl.example.org"}) {
    struct Case {
      double share;
      std::uint64_t patients;
    };
    for (const Case& one : {Case{1, 0}, Case{0.25, 0}, Case{1, 40}}) {
      const double share = one.share;
      const std::uint64_t patients = one.patients;
      CAPTURE(opener);
      CAPTURE(share);
      CAPTURE(patients);
      const secagg::Terms terms = terms_of(opener, share, patients);
      const auto bytes = to_bytes(terms);
      CHECK(text_of(bytes) == by_hand(opener, share, patients));
      const auto read = from_bytes<secagg::Terms>(bytes);
      CHECK(read.opener == opener);
      CHECK(read.plan == terms.plan);
      CHECK(to_bytes(read) == bytes);
    }
  }
  // A program of before: it reads what says nothing new, and nothing else.
  using refusals_test::error_of;
  const auto reads = [](const auto& value, auto as) {
    return error_of([&] { return from_bytes<decltype(as)>(to_bytes(value)); });
  };
  CHECK(reads(terms_of("", 1, 0), TermsOfBefore()).empty());
  CHECK(reads(terms_of("fl.example.org", 1, 0), TermsOfBefore()) == "archive_version");
  CHECK(reads(secagg::ScalarSegment{"count", 0.5, 8}, ScalarOfBefore()).empty());
  CHECK(reads(secagg::ScalarSegment{"count", 0.5, 8, 0.25}, ScalarOfBefore()) == "archive_version");
  CHECK(reads(secagg::SumNoise{1.5, 20, 2}, NoiseOfBefore()).empty());
  CHECK(reads(secagg::SumNoise{1.5, 20, 2, 40}, NoiseOfBefore()) == "archive_version");
  // And what it writes is read, with what the page says in the place of what is new.
  const auto from_before = from_bytes<secagg::ScalarSegment>(to_bytes(ScalarOfBefore{"count", 0.5, 8}));
  CHECK(from_before == secagg::ScalarSegment{"count", 0.5, 8, 1});
  CHECK(from_bytes<secagg::SumNoise>(to_bytes(NoiseOfBefore{1.5, 20, 2})) == secagg::SumNoise{1.5, 20, 2, 0});
  const secagg::Terms plain = terms_of("", 1, 0);
  const auto bytes_of_before =
      to_bytes(TermsOfBefore{plain.id, plain.members, plain.parameters, plain.graph_seed, plain.plan});
  CHECK(bytes_of_before == to_bytes(plain));  // so that both sign the same
  CHECK(from_bytes<secagg::Terms>(bytes_of_before).opener.empty());
}

TEST_CASE("the steps of a secure sum, written by hand") {
  using namespace secagg;
  Advertise<Train<double>>::Broadcast first;
  first.id = first.terms.id = {11, 2, 1};
  first.terms.members = {"east", "north", "west"};
  first.work =
      std::make_shared<const TrainBroadcast<double>>(TrainBroadcast<double>{{11, 2, 1}, 42, parameters, {}});
  const auto request = encode(std::make_shared<const Advertise<Train<double>>::Broadcast>(first));
  const auto work = encode(first.work);
  const auto id = [](Bytes& bytes) { bytes.object().u64(11).u64(2).u32(1); };
  Bytes bytes;
  bytes.object();
  Bytes rest;
  id(rest);
  CHECK(text_of(request->head) ==
        bytes.str() + text_of(to_bytes(first.terms)) + rest.str() + text_of(work->head));
  CHECK(arrays_of(*request) == numbers());
  // The digest of it, as the page says.
  const std::string terms = text_of(to_bytes(first.terms));
  const std::string whole = "healthai secagg request 1\ntrain.f64\n" + Bytes().u64(terms.size()).str() +
                            terms + text_of(work->head) + numbers();
  const std::vector<std::span<const std::byte>> pieces{work->head, work->arrays.at(0)};
  const Digest d = request_digest("train.f64", first.terms, pieces);
  CHECK(d == sha256(std::as_bytes(std::span(whole))));

  const std::string digest = text_of(d);
  AdvertisedKeys keys;
  keys.channel.bytes.fill('c');
  keys.mask.bytes.fill('m');
  keys.self_mask_check.fill('s');
  keys.signature.fill('S');
  const std::string its_keys = Bytes().object().object().str() + std::string(32, 'c') +
                               Bytes().object().str() + std::string(32, 'm') + std::string(32, 's') +
                               std::string(64, 'S');
  CHECK(text_of(to_bytes(keys)) == its_keys);
  Bytes begin;
  begin.object();
  id(begin);
  CHECK(text_of(to_bytes(ShareSecrets::Broadcast{first.id, d, {{1, keys}}})) ==
        begin.str() + digest + Bytes().u64(1).object().u32(1).str() + its_keys);
  const SealedShares sealed{2, {std::byte{7}, std::byte{8}}};
  const std::string its_shares = Bytes().u64(1).object().u32(2).u64(2).u8(7).u8(8).str();
  CHECK(text_of(to_bytes(ShareSecrets::Reply{{sealed}})) == Bytes().object().str() + its_shares);
  CHECK(text_of(to_bytes(HandIn::Broadcast{first.id, d, {sealed}})) == begin.str() + digest + its_shares);
  RingVector vector(32, 2);
  vector.visit([](auto words) { words[0] = 5, words[1] = 6; });
  const auto handed_in = encode(std::make_shared<const RingVector>(vector));
  CHECK(text_of(handed_in->head) == Bytes().object().u32(32).u64(2).str());
  CHECK(arrays_of(*handed_in) == Bytes().u32(5).u32(6).str());
  CHECK(text_of(to_bytes(Confirm::Broadcast{first.id, d, {0, 2}})) ==
        begin.str() + digest + Bytes().u64(2).u32(0).u32(2).str());
  Confirm::Reply signed_list;
  signed_list.signature.fill('S');
  CHECK(text_of(to_bytes(signed_list)) == Bytes().object().str() + std::string(64, 'S'));
  Confirmation confirmation{2, {}};
  confirmation.signature.fill('S');
  CHECK(text_of(to_bytes(Release::Broadcast{first.id, d, {confirmation}})) ==
        begin.str() + digest + Bytes().u64(1).object().u32(2).str() + std::string(64, 'S'));
  CHECK(text_of(to_bytes(ReleasedShares{{{1, {std::byte{9}}}}, {}})) ==
        Bytes().object().u64(1).object().u32(1).u64(1).u8(9).u64(0).str());
  for (const std::string_view name :
       {Advertise<Train<double>>::name, ShareSecrets::name, HandIn::name, Confirm::name, Release::name})
    CHECK(says("`" + std::string(name) + "`"));
}

}  // namespace docs_wire_protocol_secure_test
