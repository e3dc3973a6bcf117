// A coordinator in league with members looks at everything that was said, puts together every secret that it can, and tries to take
// masks off. It must get nowhere but to the sum of all honest members.
#include <doctest/doctest.h>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "secagg/members.hpp"

namespace secagg_attacker_test {

using namespace secagg_test;

namespace {

constexpr Index n = 8;
constexpr Index colluder = 7;
constexpr Index dropped = 5;  // after it had shared its secrets
constexpr std::size_t size = 12;

/// A secret of `of`, from the shares that were released, or nothing if they are too few.
std::optional<Secret<32>> recovered(const Run& seen, Index of, bool self_mask, std::size_t threshold) {
  std::vector<Share> shares;
  for (const Index holder : seen.survivors) {
    if (!seen.released[holder]) continue;
    for (const ReleasedShare& one :
         self_mask ? seen.released[holder]->self_masks : seen.released[holder]->mask_keys) {
      if (one.of == of) shares.push_back(decode_share(point_of(holder), one.share, 32));
    }
  }
  if (shares.size() < threshold) return std::nullopt;
  const auto bytes = reconstruct(shares, 32);
  Secret<32> secret;
  for (std::size_t i = 0; i < 32; ++i) secret.writable_bytes()[i] = static_cast<std::uint8_t>(bytes[i]);
  return secret;
}

/// What is left of a member's vector when every mask is off whose seed the attacker knows.
/// \param mask_keys  private mask keys that it knows
RingVector peeled(const Run& seen, const Session& session, Index member,
                  const std::map<Index, X25519Key>& mask_keys) {
  std::vector<SignedSeed> known;
  if (auto seed = recovered(seen, member, true, session.threshold()))
    known.push_back({std::move(*seed), MaskSign::minus});
  const auto keys_of = [&](Index other) {
    for (const KeysOfMember& entry : seen.keys) {
      if (entry.member == other) return entry.keys;
    }
    return AdvertisedKeys();
  };
  for (Index other = 0; other < n; ++other) {
    if (other == member) continue;
    const bool ours = mask_keys.contains(member);
    if (!ours && !mask_keys.contains(other)) continue;
    const Secret<32> agreed = ours ? mask_keys.at(member).agree(keys_of(other).mask)
                                   : mask_keys.at(other).agree(keys_of(member).mask);
    known.push_back({hkdf_sha256<32>(agreed.bytes(), {}, session.text_of_mask(member, other)),
                     member < other ? MaskSign::minus : MaskSign::plus});
  }
  RingVector left = *seen.masked[member];
  left.visit([&known](auto words) { add_masks(words, std::span<const SignedSeed>(known)); });
  return left;
}

}  // namespace

TEST_CASE("whatever is put together, only the sum of all honest members comes out") {
  const Cohort cohort(n, {.corrupt = 0.125, .dropout = 0}, size, 64);
  const auto session = cohort.session();
  REQUIRE(session->threshold() == 5);
  Silence silence(n, 6);
  silence[dropped] = 3;
  std::map<Index, X25519Key> everybodys;  // the truth, of which the attacker knows some
  const Run seen = run(cohort, silence, [&](auto its_session, Index i, const SigningKey& key) {
    X25519Key mask = X25519Key::make();
    everybodys.emplace(i, X25519Key::from_secret(mask.secret()));
    return Advertising(std::move(its_session), i, key, X25519Key::make(), std::move(mask),
                       random_secret<32>());
  });
  REQUIRE(seen.sum == seen.expected);

  std::map<Index, X25519Key> known;
  known.emplace(colluder, X25519Key::from_secret(everybodys.at(colluder).secret()));
  for (Index i = 0; i < n; ++i) {
    auto key = recovered(seen, i, false, session->threshold());
    CHECK(key.has_value() == (i == dropped));
    if (key) known.emplace(i, X25519Key::from_secret(*key));
  }
  REQUIRE(known.at(dropped).public_key() == everybodys.at(dropped).public_key());

  std::vector<Index> honest;
  for (const Index i : seen.survivors) {
    if (i != colluder) honest.push_back(i);
  }
  const auto sum_over = [&](unsigned chosen, const auto& vector_of_member) {
    RingVector sum(64, size);
    for (std::size_t k = 0; k < honest.size(); ++k) {
      if ((chosen >> k & 1U) != 0) sum += vector_of_member(honest[k]);
    }
    return sum;
  };
  const auto truth = [](Index member) { return vector_of(member, 64, size); };
  const auto left = [&](Index member) { return peeled(seen, *session, member, known); };
  const unsigned all = (1U << honest.size()) - 1;
  for (unsigned chosen = 1; chosen <= all; ++chosen) {
    CAPTURE(chosen);
    CHECK((sum_over(chosen, left) == sum_over(chosen, truth)) == (chosen == all));
  }

  // The attack itself works: with one more key, which the other share of that member would have given, its vector is bare.
  known.emplace(honest[2], X25519Key::from_secret(everybodys.at(honest[2]).secret()));
  CHECK(left(honest[2]) == truth(honest[2]));
  CHECK_FALSE(left(honest[1]) == truth(honest[1]));
}

}  // namespace secagg_attacker_test
