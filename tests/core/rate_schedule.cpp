#include "healthai/core/rate_schedule.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <type_traits>

namespace core_rate_schedule_test {

using namespace healthai;

static_assert(std::is_trivially_copyable_v<RateSchedule>);
static_assert(std::is_convertible_v<double, RateSchedule> && std::is_convertible_v<int, RateSchedule> &&
              std::is_convertible_v<double, std::optional<RateSchedule>>);

namespace {

std::string message_of(const std::string& text) {
  try {
    static_cast<void>(parse_rate_schedule(text));
  } catch (const Error& e) {
    return std::string(e.id().name()) + ": " + e.what();
  }
  return "none";
}

}  // namespace

TEST_CASE("each schedule is its formula") {
  // The decimal numbers are those of Python's math module.
  const RateSchedule constant = 0.1;
  CHECK(constant.at(1) == 0.1);
  CHECK(constant.at(1000000) == 0.1);

  const auto step = RateSchedule::step(0.3, 0.5, 10);
  CHECK(step.at(1) == 0.3);
  CHECK(step.at(10) == 0.3);
  CHECK(step.at(11) == 0.15);
  CHECK(step.at(21) == 0.075);

  const auto exponential = RateSchedule::exponential(0.2, 0.9);
  CHECK(exponential.at(1) == 0.2);
  CHECK(exponential.at(10) == doctest::Approx(0.07748409780000002).epsilon(1e-15));

  const auto inverse_sqrt = RateSchedule::inverse_sqrt(0.1, 3);
  CHECK(inverse_sqrt.at(1) == 0.1);
  CHECK(inverse_sqrt.at(10) == 0.05);
  CHECK(RateSchedule::inverse_sqrt(0.1).at(7) == doctest::Approx(0.03779644730092272).epsilon(1e-15));

  const auto inverse = RateSchedule::inverse(0.1, 2);
  CHECK(inverse.at(3) == 0.05);
  CHECK(inverse.at(6) == doctest::Approx(0.028571428571428574).epsilon(1e-15));
  CHECK(RateSchedule::inverse(1).at(8) == 0.125);

  const auto cosine = RateSchedule::cosine(0.1, 8);
  CHECK(cosine.at(1) == 0.1);
  CHECK(cosine.at(2) == doctest::Approx(0.09619397662556434).epsilon(1e-15));
  CHECK(cosine.at(5) == doctest::Approx(0.05).epsilon(1e-15));
  CHECK(cosine.at(8) == doctest::Approx(0.003806023374435669).epsilon(1e-14));
  CHECK(cosine.at(9) == cosine.at(8));  // never 0
  CHECK(cosine.at(100) == cosine.at(8));
}

TEST_CASE("a warm-up climbs to the schedule, which then begins at its first round") {
  const auto schedule = RateSchedule::step(0.4, 0.5, 2).with_warm_up(3);
  const double expected[] = {0.1, 0.2, 0.3, 0.4, 0.4, 0.2, 0.2, 0.1};
  for (std::uint64_t round = 1; round <= 8; ++round) {
    CHECK(schedule.at(round) == doctest::Approx(expected[round - 1]).epsilon(1e-15));
  }
}

TEST_CASE("a rate never reaches 0") {
  CHECK(RateSchedule::exponential(0.1, 0.1).at(100000) == std::numeric_limits<double>::min());
  CHECK(RateSchedule::step(0.1, 1e-300, 1).at(4) == std::numeric_limits<double>::min());
  CHECK(RateSchedule::cosine(0.1, 1).at(5) == 0.1);
}

TEST_CASE("schedules outside their range are refused") {
  const double infinity = std::numeric_limits<double>::infinity();
  const auto not_a_number = std::numeric_limits<double>::quiet_NaN();
  for (const double bad : {0.0, -1.0, infinity, not_a_number}) {
    CHECK_THROWS_AS((void)RateSchedule::constant(bad), Error);
    CHECK_THROWS_AS((void)RateSchedule::inverse(bad, 3), Error);
    CHECK_THROWS_AS((void)RateSchedule::step(0.1, bad, 3), Error);
    CHECK_THROWS_AS((void)RateSchedule::exponential(0.1, bad), Error);
  }
  CHECK_THROWS_WITH_AS((void)RateSchedule::exponential(0.1, 1.5),
                       "rate schedule: the factor must be in (0, 1], but is 1.5", Error);
  CHECK_THROWS_WITH_AS((void)RateSchedule::cosine(0.1, 0),
                       "rate schedule: the number of rounds must be at least 1, but is 0", Error);
  CHECK_THROWS_WITH_AS((void)RateSchedule::inverse_sqrt(-2),
                       "rate schedule: the initial rate must be positive and finite, but is -2", Error);
}

TEST_CASE("texts name schedules") {
  CHECK(parse_rate_schedule("0.1") == 0.1);
  CHECK(parse_rate_schedule("1e-3") == 0.001);
  CHECK(parse_rate_schedule("0.1/step:0.5:10") == RateSchedule::step(0.1, 0.5, 10));
  CHECK(parse_rate_schedule("0.1/exponential:0.99") == RateSchedule::exponential(0.1, 0.99));
  CHECK(parse_rate_schedule("0.1/inverse_sqrt") == RateSchedule::inverse_sqrt(0.1));
  CHECK(parse_rate_schedule("0.1/inverse:20") == RateSchedule::inverse(0.1, 20));
  CHECK(parse_rate_schedule("0.1/cosine:100/warm_up:5") == RateSchedule::cosine(0.1, 100).with_warm_up(5));
  CHECK(parse_rate_schedule("0.1/warm_up:5") == RateSchedule(0.1).with_warm_up(5));
  CHECK(parse_rate_schedule("0.1/cosine:100") != RateSchedule::cosine(0.1, 101));
}

TEST_CASE("a text that is no schedule is refused, and the message lists the forms") {
  const std::string forms =
      "; write RATE, RATE/step:FACTOR:ROUNDS, RATE/exponential:FACTOR, RATE/inverse_sqrt[:ROUNDS], "
      "RATE/inverse[:ROUNDS] or RATE/cosine:ROUNDS, each with /warm_up:ROUNDS at its end if it shall warm up";
  CHECK(message_of("0.1/linear:5") ==
        "unknown_name: rate schedule \"0.1/linear:5\": no decay is called \"linear\"" + forms);
  CHECK(
      message_of("0.1/step:0.5") ==
      "invalid_argument: rate schedule \"0.1/step:0.5\": a number of rounds is missing, or no number of its "
      "kind" +
          forms);
  for (const char* text :
       {"", "fast", "0.1x", " 0.1", "0.1:2", "0.1/step", "0.1/step:0.5:1.5", "0.1/step:0.5:-1",
        "0.1/cosine:", "0.1/cosine:5:6", "0.1/inverse:", "0.1/cosine:5/cosine:5", "0.1/warm_up:5/cosine:5",
        "0.1/warm_up:5/warm_up:5", "0.1/step:x:3", "0.1/cosine:99999999999999999999"}) {
    CAPTURE(text);
    const std::string message = message_of(text);
    CHECK(message.starts_with("invalid_argument: rate schedule \""));
    CHECK(message.ends_with(forms));
  }
  CHECK(message_of("0.1/").ends_with(forms));
  CHECK(message_of("0.1/cosine:5/").ends_with(forms));
  for (const char* text : {"0", "-1", "inf", "nan", "0.1/step:2:5", "0.1/cosine:0"}) {
    CAPTURE(text);
    CHECK(message_of(text).starts_with("invalid_argument: rate schedule: "));
  }
}

TEST_CASE("what a schedule says of itself reads back as the same schedule, which falls and is positive") {
  rc::check([] {
    const double initial = *rc::gen::positive<double>();
    RC_PRE(initial > 1e-300 && initial < 1e300);
    const auto rounds = *rc::gen::inRange<std::uint64_t>(1, 50);
    const double factor = static_cast<double>(*rc::gen::inRange(1, 101)) / 100;
    RateSchedule schedule = initial;
    switch (*rc::gen::inRange(0, 6)) {
      case 0:
        schedule = RateSchedule::step(initial, factor, rounds);
        break;
      case 1:
        schedule = RateSchedule::exponential(initial, factor);
        break;
      case 2:
        schedule = RateSchedule::inverse_sqrt(initial, rounds);
        break;
      case 3:
        schedule = RateSchedule::inverse(initial, rounds);
        break;
      case 4:
        schedule = RateSchedule::cosine(initial, rounds);
        break;
      default:
        break;
    }
    const auto warm_up = *rc::gen::inRange<std::uint64_t>(0, 5);
    schedule = schedule.with_warm_up(warm_up);
    RC_ASSERT(parse_rate_schedule(schedule.describe()) == schedule);
    RC_ASSERT(schedule.at(warm_up + 1) == initial);
    for (std::uint64_t round = 1; round < 80; ++round) {
      RC_ASSERT(schedule.at(round) > 0);
      if (round <= warm_up) {
        RC_ASSERT(schedule.at(round) < schedule.at(round + 1));
      } else {
        RC_ASSERT(schedule.at(round) >= schedule.at(round + 1));
      }
    }
  });
}

}  // namespace core_rate_schedule_test
