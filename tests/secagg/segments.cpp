#include "healthai/secagg/segments.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "healthai/core/random.hpp"
#include "healthai/core/training.hpp"
#include "healthai/serialization/archive.hpp"
#include "refusals.hpp"

namespace secagg_segments_test {

using namespace healthai;
using namespace healthai::secagg;
using refusals_test::refuses;

namespace {

template <class Scalar>
Parameters<Scalar> numbers(const std::vector<Scalar>& values) {
  return Parameters<Scalar>(Layout({{"x", {values.size()}}}), values);
}
Layout row(std::size_t length) {
  return Layout({{"x", {length}}});
}

/// Two vectors, of which one is weighted, and two numbers.
SegmentPlan small_plan(std::uint64_t most_weight = 1000, std::uint64_t clients = 10,
                       std::uint64_t levels = 4096) {
  return {{{"update", row(3), true, 8, levels}, {"extra", row(2), false, 1, levels}},
          {{"loss", 100, levels}, ScalarSegment::count("rows", 1000)},
          most_weight,
          clients};
}
Summand<float> small_summand() {
  return {7,
          {{"update", true, numbers<float>({0, 1, -8})}, {"extra", false, numbers<float>({0.5F, -1})}},
          {{"loss", 50}, {"rows", -17}}};
}

/// One word after the other, as anybody would.
template <class Word>
void add_words(std::vector<Word>& sum, const std::vector<Word>& words) {
  for (std::size_t i = 0; i < sum.size(); ++i) sum[i] = static_cast<Word>(sum[i] + words[i]);
}

}  // namespace

TEST_CASE("segments: the words of a small summand by hand") {
  const SegmentPlan plan = small_plan();
  CHECK(plan.size() == 1 + 3 + 2 + 2);
  CHECK(plan.ring_bits() == 32);
  std::vector<std::uint32_t> words(plan.size());
  CHECK(plan.encode_nearest(small_summand(), std::span<std::uint32_t>(words)).empty());
  // 256 levels to 1 above -8; 2048 to 1 above -1; 20.48 to 1 above -100; 1 to 1 above -1000.
  CHECK(words == std::vector<std::uint32_t>{7, 7 * 2048, 7 * 2304, 0, 3072, 0, 3072, 983});
  // Everything is on a level, so that the other rounding has nothing to draw.
  std::vector<std::uint32_t> drawn(plan.size());
  Stream random(1, Purpose::test);
  CHECK(plan.encode(small_summand(), std::span<std::uint32_t>(drawn), random).empty());
  CHECK(drawn == words);
  const Summand<double> back = plan.decode(std::span<const std::uint32_t>(words), 1);
  CHECK(back.weight == 7);
  REQUIRE(back.vectors.size() == 2);
  CHECK(back.vectors[0].name == "update");
  CHECK(back.vectors[0].weighted);
  CHECK(!back.vectors[1].weighted);
  CHECK(back.vectors[0].values.layout() == row(3));
  CHECK(std::vector<double>(back.vectors[0].values.data(), back.vectors[0].values.data() + 3) ==
        std::vector<double>{0, 7, -56});
  CHECK(std::vector<double>(back.vectors[1].values.data(), back.vectors[1].values.data() + 2) ==
        std::vector<double>{0.5, -1});
  CHECK(back.scalars == std::vector<SummandScalar>{{"loss", 50}, {"rows", -17}});
}

TEST_CASE("segments: what a training reply exposes") {
  TrainReply<double> reply;
  reply.update = numbers<double>({0.25, -0.5});
  reply.num_examples = 12;
  reply.local_steps = 5;
  reply.metrics.add("loss", 3.5, 12);
  const Summand<double> summand = Train<double>::summand(reply);
  const SegmentPlan plan({{"update", row(2)}},
                         {ScalarSegment::count("local_steps", 100),
                          {"metric/loss/n", 64, 1024},
                          ScalarSegment::count("metric/loss/d", 5000)},
                         5000, 3);
  CHECK(plan.ring_bits() == 32);  // 15000 times 65536 is below 2^32
  std::vector<std::uint32_t> words(plan.size());
  CHECK(plan.encode_nearest(summand, std::span<std::uint32_t>(words)).empty());
  const auto back = plan.decode(std::span<const std::uint32_t>(words), 1);
  CHECK(back.weight == 12);
  CHECK(back.vectors[0].values.data()[1] == -6);
  CHECK(metrics_of(back.scalars)["loss"] == 3.5 / 12);
}

namespace {

/// Sums of encoded summands equal the sums of their quantised numbers, made by other arithmetic and in another order.
template <class Word, class Scalar>
void sums_are_exact() {
  CHECK(rc::check([] {
    Stream random(*rc::gen::arbitrary<std::uint64_t>(), Purpose::test);
    const auto clients = *rc::gen::inRange<std::size_t>(1, 12);
    const auto length = *rc::gen::inRange<std::size_t>(0, 40);
    const bool wide = sizeof(Word) == 8;
    const std::uint64_t most_weight = 1 + uniform_index(random, wide ? std::uint64_t{1} << 32U : 1000);
    // So that nothing wraps, and sometimes hardly.
    const std::uint64_t total = most_weight * clients;
    const std::uint64_t room = (wide ? UINT64_MAX : UINT32_MAX) / total;
    const std::uint64_t most = (std::min)(room, std::uint64_t{1} << 40U);
    const std::uint64_t levels = uniform_index(random, 2) == 0 ? most : 1 + uniform_index(random, most);
    const double clip = std::ldexp(1 + uniform(random), static_cast<int>(uniform_index(random, 20)) - 10);
    SegmentPlan plan({{"w", row(length), true, clip, levels}, {"u", row(length), false, clip, levels}},
                     {{"n", clip, levels}, ScalarSegment::count("c", 1000)}, most_weight, clients);
    RC_PRE(plan.ring_bits() == 8 * sizeof(Word));
    plan = from_bytes<SegmentPlan>(to_bytes(plan));

    std::vector<Word> sum(plan.size());
    std::vector<std::vector<Word>> all;
    std::uint64_t weights = 0;
    std::vector<std::uint64_t> levels_w(length), levels_u(length);
    std::vector<double> exact_w(length), exact_u(length);
    std::uint64_t level_n = 0;
    double count = 0;
    const FixedPoint point(clip, levels);
    const std::uint64_t seed = random();
    for (std::size_t k = 0; k < clients; ++k) {
      const std::uint64_t weight =
          uniform_index(random, 3) == 0 ? most_weight : uniform_index(random, most_weight + 1);
      Summand<Scalar> summand{static_cast<double>(weight), {}, {}};
      for (const bool weighted : {true, false}) {
        Parameters<Scalar> values(row(length));
        for (Scalar& value : values.span()) value = static_cast<Scalar>(clip * (2.2 * uniform(random) - 1.1));
        summand.vectors.push_back({weighted ? "w" : "u", weighted, std::move(values)});
      }
      summand.scalars = {{"n", clip * (2 * uniform(random) - 1)},
                         {"c", static_cast<double>(uniform_index(random, 2001)) - 1000}};
      Stream rounding(seed, Purpose::test, k), again(seed, Purpose::test, k);
      std::vector<Word> words(plan.size());
      static_cast<void>(plan.encode(summand, std::span<Word>(words), rounding));
      all.push_back(words);
      // The same by hand, one number after the other.
      weights += weight;
      for (std::size_t i = 0; i < length; ++i) {
        const auto value = static_cast<double>(summand.vectors[0].values.data()[i]);
        levels_w[i] += weight * point.stochastic(value, again);
        exact_w[i] += static_cast<double>(weight) * std::clamp(value, -clip, clip);
      }
      for (std::size_t i = 0; i < length; ++i) {
        const auto value = static_cast<double>(summand.vectors[1].values.data()[i]);
        levels_u[i] += point.stochastic(value, again);
        exact_u[i] += std::clamp(value, -clip, clip);
      }
      level_n += point.stochastic(summand.scalars[0].value, again);
      count += summand.scalars[1].value;
    }
    shuffle(std::span<std::vector<Word>>(all), random);
    for (const std::vector<Word>& words : all) add_words(sum, words);
    const Summand<double> got = plan.decode(std::span<const Word>(sum), clients);
    RC_ASSERT(got.weight == static_cast<double>(weights));
    // A step for each unit of weight, and what double rounds of sums of that size.
    const double step = 2 * clip / static_cast<double>(levels) + 0x1p-50 * clip;
    for (std::size_t i = 0; i < length; ++i) {
      const double w = got.vectors[0].values.data()[i], u = got.vectors[1].values.data()[i];
      RC_ASSERT(w == point.decode(levels_w[i], weights));
      RC_ASSERT(u == point.decode(levels_u[i], clients));
      RC_ASSERT(std::abs(w - exact_w[i]) <= step * static_cast<double>(weights));
      RC_ASSERT(std::abs(u - exact_u[i]) <= step * static_cast<double>(clients));
    }
    RC_ASSERT(got.scalars[0].value == point.decode(level_n, clients));
    RC_ASSERT(got.scalars[1].value == count);
  }));
}

}  // namespace

TEST_CASE("segments: the secure sum is the sum of what was quantised, bit for bit, in any order") {
  SUBCASE("32 bits, float") {
    sums_are_exact<std::uint32_t, float>();
  }
  SUBCASE("64 bits, double") {
    sums_are_exact<std::uint64_t, double>();
  }
}

TEST_CASE("segments: the ring is the first in which nothing wraps") {
  const auto ring = [](std::uint64_t levels, bool weighted, std::uint64_t most_weight,
                       std::uint64_t clients) {
    return SegmentPlan({{"v", row(1), weighted, 1, levels}}, {}, most_weight, clients).ring_bits();
  };
  // 3 * 5 * 17 * 257 * 65537 is 2^32 - 1, exactly what fits.
  CHECK(ring(65537, true, 257 * 17, 15) == 32);
  CHECK(ring(65537, true, 257 * 17, 16) == 64);
  CHECK(ring(65538, true, 257 * 17, 15) == 64);
  CHECK(ring(65538, false, 257 * 17, 15) == 32);  // counts clients only
  CHECK(ring(1, true, UINT32_MAX, 1) == 32);
  CHECK(ring(1, true, UINT32_MAX, 2) == 64);
  CHECK(ring(1, false, std::uint64_t{1} << 32U, 1) == 64);  // the weights themselves
  // 2^64 - 1 is 641 * 6700417 times 2^32 - 1.
  CHECK(ring(6700417, true, UINT32_MAX, 641) == 64);
  refuses([&] { ring(6700417, true, UINT32_MAX, 642); }, error::overflow, "segment \"v\"");
  refuses([&] { ring(6700418, true, UINT32_MAX, 641); }, error::overflow, "do not fit in 64 bits");
  CHECK(ring(1, true, UINT64_MAX, 1) == 64);
  refuses([&] { ring(1, false, UINT64_MAX, 2); }, error::overflow, "weights of 2 clients");
  // Numbers count too.
  CHECK(SegmentPlan({}, {{"n", 1, std::uint64_t{1} << 31U}}, 1, 1).ring_bits() == 32);
  CHECK(SegmentPlan({}, {{"n", 1, std::uint64_t{1} << 31U}}, 1, 2).ring_bits() == 64);
  // At the limit itself: all at the upper end.
  const SegmentPlan full({{"v", row(1), true, 1, 65537}}, {}, 257 * 17, 15);
  std::vector<std::uint32_t> one(2), sum(2);
  static_cast<void>(full.encode_nearest(Summand<double>{257 * 17, {{"v", true, numbers<double>({1})}}, {}},
                                        std::span<std::uint32_t>(one)));
  for (int k = 0; k < 15; ++k) add_words(sum, one);
  CHECK(sum[1] == UINT32_MAX);
  CHECK(full.decode(std::span<const std::uint32_t>(sum), 15).vectors[0].values.data()[0] == 257 * 17 * 15);
}

TEST_CASE("segments: what is clipped is counted, segment by segment") {
  const SegmentPlan plan({{"a", row(3000), true, 1, 16}, {"b", row(2), false, 1, 16}}, {{"n", 1, 16}}, 10, 3);
  Summand<double> summand{
      1, {{"a", true, Parameters<double>(row(3000))}, {"b", false, numbers<double>({1, -1})}}, {{"n", 1.5}}};
  for (const std::size_t i : {std::size_t{0}, std::size_t{1500}, std::size_t{2999}}) {
    summand.vectors[0].values.data()[i] = i == 0 ? -2 : 1.01;
  }
  std::vector<std::uint32_t> nearest(plan.size()), drawn(plan.size());
  Stream random(2, Purpose::test);
  for (const auto& report : {plan.encode_nearest(summand, std::span<std::uint32_t>(nearest)),
                             plan.encode(summand, std::span<std::uint32_t>(drawn), random)}) {
    REQUIRE(report.size() == 2);
    CHECK(report[0].name == "a");
    CHECK(report[0].clipped == 3);
    CHECK(report[0].of == 3000);
    CHECK(report[1].name == "n");
    CHECK(report[1].clipped == 1);
  }
  CHECK(nearest == drawn);
  CHECK(nearest[1] == 0);
  CHECK(nearest[1501] == 16);
  CHECK(nearest.back() == 16);
}

TEST_CASE("segments: what does not fit the plan") {
  const SegmentPlan plan = small_plan();
  std::vector<std::uint32_t> words(plan.size());
  const auto changed = [&](auto change) {
    Summand<float> summand = small_summand();
    change(summand);
    return [&plan, &words, summand] {
      static_cast<void>(plan.encode_nearest(summand, std::span<std::uint32_t>(words)));
    };
  };
  CHECK_NOTHROW(plan.require_fit(small_summand()));
  refuses([&] { SegmentPlan({}, {}, 1, 1).require_fit(small_summand()); }, error::invalid_reply,
          "0 to 1, but");
  CHECK_NOTHROW(changed([](auto& s) { s.weight = 1000; })());
  CHECK_NOTHROW(changed([](auto& s) { s.weight = 0; })());
  for (const double weight : {1001.0, 0.5, -1.0, std::nan(""), HUGE_VAL, 0x1p64}) {
    refuses(changed([&](auto& s) { s.weight = weight; }), error::invalid_reply,
            "whole number from 0 to 1000, but is ");
  }
  refuses(changed([](auto& s) { s.vectors.pop_back(); }), error::invalid_reply, "2 vectors");
  refuses(changed([](auto& s) { s.scalars.push_back({"more", 1}); }), error::invalid_reply, "2 numbers");
  refuses(changed([](auto& s) { s.vectors[1].name = "other"; }), error::invalid_reply,
          "expected \"extra\", got \"other\"");
  refuses(changed([](auto& s) { std::swap(s.scalars[0], s.scalars[1]); }), error::invalid_reply,
          "expected \"loss\", got \"rows\"");
  refuses(changed([](auto& s) { s.vectors[0].weighted = false; }), error::invalid_reply, "is weighted");
  refuses(changed([](auto& s) { s.vectors[1].weighted = true; }), error::invalid_reply, "is not weighted");
  refuses(changed([](auto& s) {
            s.vectors[0].values = numbers<float>({1, 2});
          }),
          error::layout_mismatch, "segment update: expected");
  refuses(changed([](auto& s) { s.vectors[1].values.data()[1] = HUGE_VALF; }), error::not_finite,
          "segment \"extra\"");
  refuses(changed([](auto& s) { s.scalars[0].value = std::nan(""); }), error::not_finite, "segment \"loss\"");
  words.pop_back();
  refuses(changed([](auto&) {}), error::invalid_argument, "expected 8 words, got 7");
  std::vector<std::uint64_t> wide(plan.size());
  refuses([&] { static_cast<void>(plan.encode_nearest(small_summand(), std::span<std::uint64_t>(wide))); },
          error::invalid_argument, "the ring has 32 bits, the words 64");
}

TEST_CASE("segments: sums that cannot be") {
  const SegmentPlan plan = small_plan();
  std::vector<std::uint32_t> words(plan.size());
  static_cast<void>(plan.encode_nearest(small_summand(), std::span<std::uint32_t>(words)));
  const auto decode = [&](std::uint64_t contributors, std::size_t at, std::uint32_t value) {
    auto copy = words;
    copy[at] = value;
    return [&plan, copy, contributors] {
      static_cast<void>(plan.decode(std::span<const std::uint32_t>(copy), contributors));
    };
  };
  CHECK_NOTHROW(decode(1, 0, 7)());
  refuses(decode(0, 0, 7), error::invalid_argument, "1 to 10 clients, not 0");
  refuses(decode(11, 0, 7), error::invalid_argument, "not 11");
  refuses(decode(2, 0, 2001), error::overflow, "weights of 2 clients sum to 2001, but each is at most 1000");
  CHECK_NOTHROW(decode(1, 2, 7 * 4096)());
  refuses(decode(1, 2, 7 * 4096 + 1), error::overflow, "segment \"update\"");
  refuses(decode(1, 4, 4097), error::overflow, "segment \"extra\"");
  refuses(decode(1, 7, 2001), error::overflow, "segment \"rows\"");
  refuses([&] { static_cast<void>(plan.decode(std::span<const std::uint32_t>(words).first(3), 1)); },
          error::invalid_argument, "expected 8 words, got 3");
}

TEST_CASE("segments: plans that are none, and plans that travel") {
  const auto plan = [](std::vector<VectorSegment> vectors, std::vector<ScalarSegment> scalars) {
    return [=] { SegmentPlan(vectors, scalars, 1, 1); };
  };
  refuses(plan({{"", row(1)}}, {}), error::invalid_argument, "no name");
  refuses(plan({{"a", row(1)}, {"b", row(1)}, {"a", row(2)}}, {}), error::invalid_argument, "called \"a\"");
  refuses(plan({}, {{"n"}, {"n"}}), error::invalid_argument, "called \"n\"");
  refuses(plan({{"a", row(1), true, -1}}, {}), error::invalid_argument,
          "segment \"a\": fixed point: the clip");
  refuses(plan({}, {{"n", 1, 0}}), error::invalid_argument, "segment \"n\": fixed point: levels");
  refuses([] { SegmentPlan({}, {}, 0, 1); }, error::invalid_argument, "at least 1, but are 0 and 1");
  refuses([] { SegmentPlan({}, {}, 1, 0); }, error::invalid_argument, "at least 1");
  refuses(
      plan({{"a", row(PTRDIFF_MAX / 16)}, {"b", row(PTRDIFF_MAX / 16)}, {"c", row(PTRDIFF_MAX / 16)}}, {}),
      error::overflow, "address");
  CHECK(SegmentPlan({}, {}, 5, 2).size() == 1);  // only the weight

  const SegmentPlan original = small_plan(1000, 10, 1U << 30U);
  CHECK(original.ring_bits() == 64);
  std::vector<std::byte> bytes = to_bytes(original);
  const auto copy = from_bytes<SegmentPlan>(bytes);
  CHECK(copy == original);
  CHECK(copy.size() == original.size());
  CHECK(copy.vectors()[0].layout == row(3));
  CHECK(copy.scalars()[1].levels == 2000);
  CHECK(copy.most_weight() == 1000);
  CHECK(copy.clients() == 10);
  CHECK(!(small_plan(999) == small_plan(1000)));
  // The last number is that of clients: of none there is no plan, of very many it would wrap.
  std::fill(bytes.end() - 8, bytes.end(), std::byte{0});
  refuses([&] { static_cast<void>(from_bytes<SegmentPlan>(bytes)); }, error::invalid_argument, "at least 1");
  std::fill(bytes.end() - 8, bytes.end(), std::byte{0xff});
  refuses([&] { static_cast<void>(from_bytes<SegmentPlan>(bytes)); }, error::overflow, "weights");
}

}  // namespace secagg_segments_test
