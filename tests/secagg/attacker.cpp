// A coordinator in league with members looks at everything that was said, puts together every secret that it can, and takes off every
// mask whose seed it knows. It must get nowhere but to the sum of all honest members (in a sparse graph: of all who are still
// connected by masks that it does not know).
#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "secagg/members.hpp"

namespace secagg_attacker_test {

using namespace secagg_test;

namespace {

constexpr std::size_t size = 12;

X25519Key copy(const X25519Key& key) {
  return X25519Key::from_secret(key.secret());
}

/// One member's secrets.
struct Secrets {
  X25519Key channel;
  X25519Key mask;
  Secret<32> self_mask;
};

/// A sum that was made, and whoever wants to know more than it.
class Attacker {
 public:
  /// \param colluders  tell it their secrets
  Attacker(const Cohort& cohort, const Silence& silence, std::vector<Index> colluders)
      : session_(cohort.session()), colluders_(std::move(colluders)) {
    seen_ = run(cohort, silence, [this](auto session, Index i, const SigningKey& key) {
      Secrets own{X25519Key::make(), X25519Key::make(), random_secret<32>()};
      Advertising state(std::move(session), i, key, copy(own.channel), copy(own.mask), own.self_mask.copy());
      truth_.emplace(i, std::move(own));
      return state;
    });
    REQUIRE(seen_.sum == seen_.expected);
    for (const KeysOfMember& entry : seen_.keys) keys_.emplace(entry.member, entry.keys);
    for (const Index i : colluders_) mask_keys_.emplace(i, copy(truth_.at(i).mask));
    collect();
    for (const auto& [i, keys] : keys_) {
      if (auto seed = secret_of(self_mask_shares_[i]);
          seed && session_->check_of(i, seed->bytes()) == keys.self_mask_check)
        self_masks_.emplace(i, std::move(*seed));
      auto key = secret_of(mask_key_shares_[i]);
      if (key && X25519Key::from_secret(*key).public_key() == keys.mask)
        mask_keys_.emplace(i, X25519Key::from_secret(*key));
    }
  }

  [[nodiscard]] const Run& seen() const { return seen_; }
  [[nodiscard]] const Session& session() const { return *session_; }
  [[nodiscard]] bool colludes(Index i) const { return std::ranges::count(colluders_, i) != 0; }
  [[nodiscard]] bool has_self_mask(Index i) const { return self_masks_.contains(i); }
  [[nodiscard]] bool has_mask_key(Index i) const { return mask_keys_.contains(i); }
  [[nodiscard]] std::vector<Index> honest_survivors() const {
    std::vector<Index> honest;
    for (const Index i : seen_.survivors) {
      if (!colludes(i)) honest.push_back(i);
    }
    return honest;
  }
  /// What it could not know, for a test that the attack would work.
  void learn_mask_key(Index i) { mask_keys_.emplace(i, copy(truth_.at(i).mask)); }
  void learn_self_mask(Index i) { self_masks_.emplace(i, truth_.at(i).self_mask.copy()); }

  /// What is left of a member's vector when every mask is off whose seed it knows.
  [[nodiscard]] RingVector peeled(Index member) const {
    std::vector<SignedSeed> known;
    if (has_self_mask(member)) known.push_back({self_masks_.at(member).copy(), MaskSign::minus});
    for (const auto& [other, shares] : seen_.sealed) {  // who shared secrets
      if (other == member || !session_->neighbours(member, other)) continue;
      const bool ours = has_mask_key(member);
      if (!ours && !has_mask_key(other)) continue;
      const Secret<32> agreed = ours ? mask_keys_.at(member).agree(keys_.at(other).mask)
                                     : mask_keys_.at(other).agree(keys_.at(member).mask);
      known.push_back({hkdf_sha256<32>(agreed.bytes(), {}, session_->text_of_mask(member, other)),
                       member < other ? MaskSign::minus : MaskSign::plus});
    }
    RingVector left = *seen_.masked[member];
    left.visit([&known](auto words) { add_masks(words, std::span<const SignedSeed>(known)); });
    return left;
  }

 private:
  /// All shares that it can get hold of: the released ones, and what colluders were sent, sealed for them.
  void collect() {
    for (const Index holder : seen_.survivors) {
      if (!seen_.released[holder]) continue;
      for (const ReleasedShare& one : seen_.released[holder]->self_masks)
        self_mask_shares_[one.of].emplace(point_of(holder), decode_share(point_of(holder), one.share, 32));
      for (const ReleasedShare& one : seen_.released[holder]->mask_keys)
        mask_key_shares_[one.of].emplace(point_of(holder), decode_share(point_of(holder), one.share, 32));
    }
    for (const Index holder : colluders_) {
      if (!seen_.sealed.contains(holder)) continue;
      for (const SealedShares& one : seen_.sealed.at(holder)) {
        const Secret<32> agreed = truth_.at(holder).channel.agree(keys_.at(one.other).channel);
        const auto text = session_->text_of_channel(one.other, holder);
        const auto both =
            AuthenticatedCipher(hkdf_sha256<32>(agreed.bytes(), {}, text)).open({}, one.sealed, text);
        REQUIRE(both);
        const std::span<const std::byte> bytes = both->bytes();
        const std::size_t half = bytes.size() / 2;
        self_mask_shares_[one.other].emplace(point_of(holder),
                                             decode_share(point_of(holder), bytes.first(half), 32));
        mask_key_shares_[one.other].emplace(point_of(holder),
                                            decode_share(point_of(holder), bytes.subspan(half), 32));
      }
    }
  }
  /// From any `threshold` of the shares; with fewer it tries all the same, as if they were enough.
  [[nodiscard]] std::optional<Secret<32>> secret_of(const std::map<std::uint64_t, Share>& shares) const {
    std::vector<Share> list;
    for (const auto& [point, share] : shares) {
      if (list.size() < session_->threshold()) list.push_back(share);
    }
    if (list.empty()) return std::nullopt;
    try {
      const auto bytes = reconstruct(list, 32);
      Secret<32> secret;
      for (std::size_t i = 0; i < 32; ++i) secret.writable_bytes()[i] = static_cast<std::uint8_t>(bytes[i]);
      return secret;
    } catch (const Error&) {  // together they are no secret
      return std::nullopt;
    }
  }

  std::shared_ptr<const Session> session_;
  std::vector<Index> colluders_;
  std::map<Index, Secrets> truth_{};
  Run seen_{};
  std::map<Index, AdvertisedKeys> keys_{};
  std::map<Index, std::map<std::uint64_t, Share>> self_mask_shares_{};
  std::map<Index, std::map<std::uint64_t, Share>> mask_key_shares_{};
  std::map<Index, Secret<32>> self_masks_{};
  std::map<Index, X25519Key> mask_keys_{};
};

RingVector truth(Index member) {
  return vector_of(member, 64, size);
}

/// For each honest survivor, which of them are connected with it by masks between honest survivors: as bits.
std::vector<unsigned> connected(const Session& session, const std::vector<Index>& honest) {
  std::vector<unsigned> reach;
  for (std::size_t k = 0; k < honest.size(); ++k) {
    unsigned now = 1U << k, before = 0;
    while (now != before) {
      before = now;
      for (std::size_t i = 0; i < honest.size(); ++i) {
        for (std::size_t j = 0; j < honest.size(); ++j) {
          if ((now >> i & 1U) != 0 && session.neighbours(honest[i], honest[j])) now |= 1U << j;
        }
      }
    }
    reach.push_back(now);
  }
  return reach;
}

/// Of every set of honest survivors: their sum comes out if and only if it is made of whole connected parts.
void check_every_sum(const Attacker& attacker) {
  const std::vector<Index> honest = attacker.honest_survivors();
  const std::vector<unsigned> parts = connected(attacker.session(), honest);
  std::vector<RingVector> left, right;
  for (const Index i : honest) {
    left.push_back(attacker.peeled(i));
    right.push_back(truth(i));
    CHECK(attacker.has_self_mask(i));  // or there would be no sum
    CHECK_FALSE(attacker.has_mask_key(i));
  }
  std::size_t wrong = 0;
  for (unsigned chosen = 1; chosen < 1U << honest.size(); ++chosen) {
    bool whole = true;
    RingVector ours(64, size), theirs(64, size);
    for (std::size_t k = 0; k < honest.size(); ++k) {
      if ((chosen >> k & 1U) == 0) continue;
      whole = whole && (parts[k] & ~chosen) == 0;
      ours += left[k];
      theirs += right[k];
    }
    wrong += (ours == theirs) != whole ? 1U : 0U;
  }
  CHECK(wrong == 0);
}

Silence silence_of(std::size_t n, const std::map<Index, int>& silent) {
  Silence silence(n, 6);
  for (const auto& [member, step] : silent) silence[member] = step;
  return silence;
}

/// A graph of few members, which a client would not accept for so few.
Cohort sparse(std::size_t n, std::size_t degree, std::size_t threshold) {
  Cohort cohort(n, {.corrupt = 0, .dropout = 0}, size);
  cohort.terms.parameters.degree = degree;
  cohort.terms.parameters.threshold = threshold;
  return cohort;
}

}  // namespace

TEST_CASE("whatever is put together, only the sum of all honest members comes out: full graph") {
  struct Setting {
    std::size_t n;
    double corrupt;
    std::vector<Index> colluders;
    std::map<Index, int> silent;  // from which step on
  };
  for (const Setting& one : {Setting{8, 0.125, {7}, {}}, Setting{8, 0.125, {7}, {{5, 3}}},
                             Setting{8, 0.125, {0}, {{1, 1}, {2, 2}, {3, 3}}},
                             Setting{10, 0.3, {2, 4, 9}, {{0, 3}, {6, 3}, {8, 5}}},
                             Setting{10, 0.3, {0, 1, 2}, {{2, 3}, {5, 4}}}}) {  // a colluder drops out too
    const Cohort cohort(one.n, {.corrupt = one.corrupt, .dropout = 0}, size);
    CAPTURE(one.n);
    const Attacker attacker(cohort, silence_of(one.n, one.silent), one.colluders);
    const std::vector<Index> honest = attacker.honest_survivors();
    CHECK(connected(attacker.session(), honest).front() == (1U << honest.size()) - 1);
    check_every_sum(attacker);
  }
}

TEST_CASE("sparse graph: only what is connected comes out together, and who is surrounded is bare") {
  const Cohort cohort = sparse(14, 6, 4);
  {
    const Attacker attacker(cohort, silence_of(14, {{3, 3}, {12, 2}}), {0, 7});
    const std::vector<Index> honest = attacker.honest_survivors();
    CHECK(connected(attacker.session(), honest).front() == (1U << honest.size()) - 1);
    check_every_sum(attacker);
  }
  // All neighbours of a victim are in league: what a sparse graph makes no promise against.
  const Index victim = 5;
  const Attacker attacker(cohort, silence_of(14, {}), cohort.session()->holders(victim));
  CHECK(attacker.has_self_mask(victim));
  CHECK(attacker.peeled(victim) == truth(victim));
}

TEST_CASE("a vector that comes too late stays masked by the seed that nobody then asks for") {
  const Cohort cohort(8, {.corrupt = 0.125, .dropout = 0}, size);
  Attacker attacker(cohort, silence_of(8, {{5, 3}}), {7});
  CHECK(attacker.has_mask_key(5));
  CHECK_FALSE(attacker.has_self_mask(5));
  CHECK_FALSE(attacker.peeled(5) == truth(5));
  attacker.learn_self_mask(5);  // as it would from both shares
  CHECK(attacker.peeled(5) == truth(5));
}

TEST_CASE("the attack itself works: with one more key, a vector is bare") {
  const Cohort cohort(8, {.corrupt = 0.125, .dropout = 0}, size);
  Attacker attacker(cohort, silence_of(8, {{5, 3}}), {7});
  const std::vector<Index> honest = attacker.honest_survivors();
  for (const Index i : honest) CHECK_FALSE(attacker.peeled(i) == truth(i));
  attacker.learn_mask_key(honest[2]);
  CHECK(attacker.peeled(honest[2]) == truth(honest[2]));
  CHECK_FALSE(attacker.peeled(honest[1]) == truth(honest[1]));
}

TEST_CASE("more colluders than were allowed for: the threshold is then no protection") {
  // c + 1 of 4 members, whose threshold was made for none: three hold enough shares of everything.
  const Cohort cohort(4, {.corrupt = 0, .dropout = 0}, size);
  const Attacker attacker(cohort, silence_of(4, {}), {0, 1, 2});
  CHECK(attacker.has_mask_key(3));
  CHECK(attacker.peeled(3) == truth(3));
}

}  // namespace secagg_attacker_test
