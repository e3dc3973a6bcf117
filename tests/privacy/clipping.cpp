#include "healthai/privacy/clipping.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <cmath>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "healthai/core/random.hpp"

namespace privacy_clipping_test {

using namespace healthai;

namespace {

TrainReply<double> reply_of(std::vector<double> update, std::vector<double> extra = {}) {
  TrainReply<double> reply;
  reply.update = Parameters<double>(Layout{{"w", {update.size()}}}, update);
  if (!extra.empty()) {
    reply.extra.push_back({"c", true, Parameters<double>(Layout{{"c", {extra.size()}}}, extra)});
  }
  reply.num_examples = 3;
  return reply;
}

}  // namespace

TEST_CASE("clipping by hand: update and extra vectors together") {
  auto reply = reply_of({2, 0}, {1, 2});  // of length 3
  CHECK_FALSE(clip_update(reply, 3).clipped());
  CHECK(reply.update.data()[0] == 2);
  const ClipResult result = clip_update(reply, 1.5);
  CHECK(result.norm == 3);
  CHECK(result.factor == doctest::Approx(0.5).epsilon(1e-14));
  CHECK(result.clipped());
  CHECK(reply.update.data()[0] == doctest::Approx(1).epsilon(1e-14));
  CHECK(reply.extra[0].values.data()[1] == doctest::Approx(1).epsilon(1e-14));
  CHECK(reply.num_examples == 3);
}

TEST_CASE_TEMPLATE(
    "clipping: never longer than the bound once rounded, the direction kept, short ones bit for bit", Scalar,
    float, double) {
  CHECK(rc::check([] {
    Stream random(*rc::gen::arbitrary<std::uint64_t>(), Purpose::test);
    const std::size_t size = uniform_index(random, 40);
    TrainReply<Scalar> reply;
    reply.update = Parameters<Scalar>(Layout{{"a", {size}}, {"b", {}}});
    const double magnitude = std::exp2(200 * uniform(random) - 100);
    for (Scalar& x : reply.update.span()) x = static_cast<Scalar>(magnitude * (2 * uniform(random) - 1));
    const auto before = reply.update;
    const double length = norm(before);
    const double bound = length * 2 * uniform(random);
    RC_PRE(bound > 0);
    const ClipResult result = clip_update(reply, bound);
    RC_ASSERT(result.norm == length);
    RC_ASSERT(result.clipped() == (length > bound));
    RC_ASSERT(norm(reply.update) <= bound);
    const double unit = sizeof(Scalar) == 4 ? 0x1p-20 : 0x1p-48;
    for (std::size_t i = 0; i < before.size(); ++i) {
      const double expected = static_cast<double>(before.data()[i]) * (length > bound ? bound / length : 1);
      const double tolerance = length > bound ? unit * std::fabs(expected) + 1e-45 : 0;
      RC_ASSERT(std::fabs(static_cast<double>(reply.update.data()[i]) - expected) <= tolerance);
    }
  }));
}

TEST_CASE("clipping: zeros, no numbers at all, huge and tiny ones") {
  auto zero = reply_of({0, 0});
  CHECK(clip_update(zero, 1e-300).norm == 0);
  CHECK(zero.update.data()[0] == 0);
  TrainReply<double> empty;
  CHECK(clip_update(empty, 1).norm == 0);
  TrainReply<double> no_columns;
  no_columns.update = Parameters<double>(Layout{{"w", {0, 3}}, {"b", {}}}, std::vector<double>{2});
  CHECK(clip_update(no_columns, 1).norm == 2);
  CHECK(no_columns.update.data()[0] <= 1);
  auto large = reply_of({3e200, 4e200});
  CHECK(clip_update(large, 5).norm == doctest::Approx(5e200));
  CHECK(norm(large.update) == doctest::Approx(5));
  // Below what the type can express, where every factor rounds to the number itself.
  TrainReply<float> tiny;
  const float least = std::numeric_limits<float>::denorm_min();
  tiny.update = Parameters<float>(Layout{{"w", {1}}}, std::vector<float>{least});
  CHECK(clip_update(tiny, 0.9 * static_cast<double>(least)).clipped());
  CHECK(tiny.update.data()[0] == 0);
}

TEST_CASE("clipping: what is not finite, or not to be seen, is refused and stays as it was") {
  for (const double bad : {std::nan(""), HUGE_VAL, -HUGE_VAL}) {
    auto reply = reply_of({5, bad});
    CHECK_THROWS_WITH_AS(clip_update(reply, 1), doctest::Contains("NaN or infinity"), Error);
    CHECK(reply.update.data()[0] == 5);
    auto extra = reply_of({5}, {bad});
    CHECK_THROWS_AS(clip_update(extra, 1), Error);
    auto fine = reply_of({5});
    CHECK_THROWS_AS(clip_update(fine, bad), Error);
  }
  auto beyond = reply_of({1.7e308, 1.7e308});
  CHECK_THROWS_WITH_AS(clip_update(beyond, 1), doctest::Contains("beyond the range"), Error);
  auto fine = reply_of({5});
  CHECK_THROWS_AS(clip_update(fine, 0), Error);
  CHECK_THROWS_AS(clip_update(fine, -1), Error);
  fine.compressed = CompressedUpdate{};
  CHECK_THROWS_WITH_AS(clip_update(fine, 1), doctest::Contains("Compressed{Clipped"), Error);
}

TEST_CASE("clipping by tensor: each to its own bound") {
  Parameters<double> update(Layout{{"a", {2}}, {"b", {}}, {"c", {0}}, {"d", {1}}},
                            std::vector<double>{3, 4, -2, 0.5});
  const std::vector<double> bounds{1, 4, 1, 0.25};
  const auto results = clip_per_layer(update, std::span<const double>(bounds));
  REQUIRE(results.size() == 4);
  CHECK(results[0].norm == 5);
  CHECK(results[0].clipped());
  CHECK_FALSE(results[1].clipped());
  CHECK_FALSE(results[2].clipped());
  CHECK(results[3].clipped());
  CHECK(update.data()[0] == doctest::Approx(0.6));
  CHECK(update.data()[1] == doctest::Approx(0.8));
  CHECK(update.data()[2] == -2);
  CHECK(update.data()[3] == doctest::Approx(0.25));
  CHECK_THROWS_WITH_AS(clip_per_layer(update, std::span<const double>(bounds).first(3)),
                       doctest::Contains("3 bounds"), Error);
}

}  // namespace privacy_clipping_test
