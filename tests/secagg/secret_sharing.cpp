#include "healthai/secagg/secret_sharing.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <numeric>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "healthai/core/random.hpp"
#include "refusals.hpp"
#include "secagg/small_field.hpp"

namespace secagg_secret_sharing_test {

using namespace healthai;
using namespace healthai::secagg;
using refusals_test::refuses;

namespace {

WipedBytes random_secret(std::size_t bytes, Stream& random) {
  WipedBytes secret(bytes);
  for (std::byte& byte : secret) byte = static_cast<std::byte>(random());
  return secret;
}
std::vector<std::uint64_t> first_points(std::size_t count) {
  std::vector<std::uint64_t> points(count);
  std::iota(points.begin(), points.end(), std::uint64_t{1});
  return points;
}
/// `count` of them at random, in random order.
std::vector<Share> some_of(std::vector<Share> shares, std::size_t count, Stream& random) {
  shuffle(std::span<Share>(shares), random);
  shares.resize(count);
  return shares;
}
/// Nothing if the shares are told to be none.
template <class Field>
std::optional<WipedBytes> try_to(const std::vector<Share>& shares, std::size_t bytes) {
  try {
    return reconstruct<Field>(shares, bytes);
  } catch (const Error& e) {
    if (!(e.id() == error::invalid_reply)) throw;
    return std::nullopt;
  }
}

template <class Field>
void round_trips() {
  CHECK(rc::check([] {
    const auto n = *rc::gen::inRange<std::size_t>(2, 60);
    const auto t = *rc::gen::inRange<std::size_t>(2, n + 1);
    const auto bytes = *rc::gen::inRange<std::size_t>(1, 50);
    Stream random(*rc::gen::arbitrary<std::uint64_t>(), Purpose::test);
    std::vector<std::uint64_t> points = first_points(n);
    if constexpr (Field::modulus > 1000) {
      for (std::uint64_t& point : points) point += uniform_index(random, 3) * 1000;  // any points will do
    }
    const WipedBytes secret = random_secret(bytes, random);
    const std::vector<Share> shares = share<Field>(secret, t, points, random);
    RC_ASSERT(shares.size() == n);
    // Any t, or more; each over the wire.
    auto few = some_of(shares, t + uniform_index(random, n - t + 1), random);
    for (Share& one : few) {
      const WipedBytes wire = encode_share<Field>(one);
      RC_ASSERT(wire.size() == share_bytes<Field>(bytes));
      const Share back = decode_share<Field>(one.point, wire, bytes);
      RC_ASSERT(back.values == one.values);
      one = back;
    }
    RC_ASSERT(reconstruct<Field>(few, bytes) == secret);
    // One value changed, or one share less, is told or gives another secret.
    auto wrong = few;
    auto& value =
        wrong[uniform_index(random, wrong.size())].values[uniform_index(random, wrong[0].values.size())];
    value = Field::add(value, 1 + uniform_index(random, Field::modulus - 1));
    RC_ASSERT((try_to<Field>(wrong, bytes) != secret));
  }));
}

/// Gives these elements of the numbers modulo 7 in turn, and then again.
struct Given {
  std::vector<std::uint64_t> elements;
  std::size_t next = 0;
  static constexpr std::uint64_t min() { return 0; }
  static constexpr std::uint64_t max() { return UINT64_MAX; }
  std::uint64_t operator()() { return elements[next++ % elements.size()] << 61U; }
};

}  // namespace

TEST_CASE("secret sharing: any t shares make the secret, a wrong one does not") {
  SUBCASE("modulo 2^61 - 1") {
    round_trips<Mersenne61>();
  }
  SUBCASE("modulo 2^31 + 11") {
    round_trips<SmallField<(1ULL << 31U) + 11, 31>>();
  }
  SUBCASE("modulo 61") {
    round_trips<SmallField<61, 5>>();
  }
}

TEST_CASE("secret sharing: the secret that is all ones, and that of zeros") {
  Stream random(5, Purpose::test);
  for (const auto byte : {std::byte{0}, std::byte{0xff}}) {
    const WipedBytes secret(32, byte);
    const auto shares = share(secret, 2, first_points(3), random);
    CHECK(shares[0].values.size() == 5);
    CHECK(reconstruct(some_of(shares, 2, random), 32) == secret);
  }
}

TEST_CASE("secret sharing: one reconstructor, many secrets; and ten thousand holders") {
  Stream random(6, Purpose::test);
  const auto points = first_points(10000);
  const Reconstructor reconstructor{std::span<const std::uint64_t>(points).subspan(7000, 120)};
  CHECK(reconstructor.points().front() == 7001);
  for (int again = 0; again < 2; ++again) {
    const WipedBytes secret = random_secret(32, random);
    const auto shares = share(secret, 120, points, random);
    CHECK(reconstructor(std::span<const Share>(shares).subspan(7000, 120), 32) == secret);
    // One too few: 2^-49 is the probability that it does not show.
    CHECK(!try_to<Mersenne61>({shares.begin(), shares.begin() + 119}, 32));
  }
}

TEST_CASE("secret sharing: t - 1 shares are as likely for every secret") {
  // All coefficients there are, over the numbers modulo 7, with t = 2 and 3. The generator gives each in turn.
  using Field = SmallField<7>;
  for (const std::size_t t : {std::size_t{2}, std::size_t{3}}) {
    const std::uint64_t polynomials = t == 2 ? 7 : 49;
    std::vector<std::map<std::vector<std::uint64_t>, int>> seen(4);
    for (std::uint64_t secret = 0; secret < 4; ++secret) {
      for (std::uint64_t which = 0; which < polynomials; ++which) {
        Given given{{which % 7}};
        if (t == 3) given.elements.push_back(which / 7);
        const WipedBytes one{static_cast<std::byte>(secret)};
        const auto shares = share<Field>(one, t, first_points(6), given);
        // The first piece has the two lower bits; the others follow with coefficients of their own.
        std::vector<std::uint64_t> known;
        for (std::size_t i = 0; i < t - 1; ++i) known.push_back(shares[2 + i].values[0]);
        ++seen[secret][known];
      }
      CHECK(seen[secret].size() == polynomials);  // every share (pair of shares) once
      CHECK(seen[secret] == seen[0]);
    }
  }
}

TEST_CASE("secret sharing: shares that another program made") {
  // Of the 31-bit pieces of the secret 0x21, modulo 2^31 + 11, t = 3, for x = 1 to 5: the most significant piece first, each
  // as four bytes, highest first.
  using Field = SmallField<(1ULL << 31U) + 11, 31>;
  constexpr std::array<std::array<std::uint64_t, 2>, 5> theirs{{{0x70cf762e, 0x6ed4aa1c},
                                                                {0x30a0c5ac, 0x26eb91cc},
                                                                {0x3f73ee90, 0x2844b747},
                                                                {0x1d48f0cf, 0x72e01a8d},
                                                                {0x4a1fcc74, 0x06bdbb88}}};
  const WipedBytes expected{std::byte{0x21}, std::byte{0}, std::byte{0}, std::byte{0}};
  std::vector<Share> shares;
  for (std::size_t i = 0; i < theirs.size(); ++i) shares.push_back({i + 1, {theirs[i][1], theirs[i][0]}});
  for (std::size_t a = 0; a < 5; ++a) {
    for (std::size_t b = a + 1; b < 5; ++b) {
      for (std::size_t c = b + 1; c < 5; ++c) {
        CHECK(reconstruct<Field>(std::vector<Share>{shares[a], shares[b], shares[c]}, 4) == expected);
      }
    }
  }
  CHECK(try_to<Field>({shares[0], shares[1]}, 4) != expected);
}

TEST_CASE("secret sharing: what cannot be shared") {
  Stream random(7, Purpose::test);
  const WipedBytes secret(4, std::byte{1});
  const auto with = [&](std::vector<std::uint64_t> points, std::size_t t) {
    return [&, points = std::move(points), t] { static_cast<void>(share(secret, t, points, random)); };
  };
  refuses([&] { static_cast<void>(share(WipedBytes(), 2, first_points(3), random)); },
          error::invalid_argument, "no bytes");
  refuses(with({}, 2), error::invalid_argument, "no points");
  refuses(with({1, 2, 3}, 1), error::invalid_argument, "from 2 to the number of shares, 3, but is 1");
  refuses(with({1, 2, 3}, 4), error::invalid_argument, "but is 4");
  refuses(with({1, 0, 3}, 2), error::invalid_argument, "secret itself");
  refuses(with({4, 2, 4}, 2), error::invalid_argument, "two shares have the point 4");
  refuses(with({1, 2, Mersenne61::modulus}, 2), error::invalid_argument, "points must be below");
}

TEST_CASE("secret sharing: what cannot be put together") {
  Stream random(8, Purpose::test);
  const WipedBytes secret = random_secret(32, random);
  const auto shares = share(secret, 3, first_points(4), random);
  const auto changed = [&](auto change) {
    auto copy = shares;
    change(copy);
    return [copy] { static_cast<void>(Reconstructor(first_points(4))(copy, 32)); };
  };
  refuses(changed([](auto& all) { all.pop_back(); }), error::invalid_argument, "expected 4 shares, got 3");
  refuses(changed([](auto& all) { all[1].point = 9; }), error::invalid_argument, "that of 2 was expected");
  refuses(changed([](auto& all) { all[1].values.pop_back(); }), error::invalid_reply,
          "point 2 has 4 values, not 5");
  refuses(changed([](auto& all) { all[3].values[2] = Mersenne61::modulus; }), error::invalid_reply,
          "share of point 4 has a value");
  refuses(changed([](auto& all) {
            all[0].values[4] = Mersenne61::add(all[0].values[4], Mersenne61::modulus / 3);
          }),
          error::invalid_reply, "do not make a secret");
  refuses([&] { static_cast<void>(reconstruct(shares, 0)); }, error::invalid_argument, "no bytes");
  refuses([&] { static_cast<void>(reconstruct(shares, 64)); }, error::invalid_reply, "has 5 values, not 9");
  refuses([] { static_cast<void>(reconstruct(std::vector<Share>{}, 32)); }, error::invalid_argument,
          "no points");
  refuses([] { Reconstructor(std::vector<std::uint64_t>{3, 3}); }, error::invalid_argument, "two shares");
}

TEST_CASE("secret sharing: what is no share") {
  Stream random(9, Purpose::test);
  const auto one = share(random_secret(32, random), 2, first_points(2), random)[1];
  WipedBytes wire = encode_share(one);
  CHECK(wire.size() == 40);
  CHECK(static_cast<std::uint64_t>(wire[8]) == (one.values[1] & 0xffU));  // lowest byte first
  refuses([&] { static_cast<void>(decode_share(2, std::span<const std::byte>(wire).first(39), 32)); },
          error::invalid_reply, "share of point 2 has 39 bytes, not 40");
  refuses([&] { static_cast<void>(decode_share(2, wire, 16)); }, error::invalid_reply, "40 bytes, not 24");
  for (std::size_t i = 8; i < 16; ++i) wire[i] = std::byte{0xff};
  refuses([&] { static_cast<void>(decode_share(2, wire, 32)); }, error::invalid_reply, "not below");
  wire[15] = std::byte{0x1f};  // the modulus itself
  refuses([&] { static_cast<void>(decode_share(2, wire, 32)); }, error::invalid_reply, "not below");
  wire[8] = std::byte{0xfe};
  CHECK(decode_share(2, wire, 32).values[1] == Mersenne61::modulus - 1);
}

}  // namespace secagg_secret_sharing_test
