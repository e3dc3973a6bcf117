// What the robust rules have in common: properties under random inputs. Bounds under attack: robust_bounds.cpp.
#include <doctest/doctest.h>
#include <rapidcheck.h>
#include <algorithm>
#include <cmath>
#include <span>
#include <string>
#include <vector>

#include "aggregation/updates.hpp"
#include "healthai/aggregation/bulyan.hpp"
#include "healthai/aggregation/centered_clipping.hpp"
#include "healthai/aggregation/geometric_median.hpp"
#include "healthai/aggregation/krum.hpp"
#include "healthai/aggregation/mean_of_closest.hpp"
#include "healthai/aggregation/median.hpp"
#include "healthai/aggregation/norm_bounded_mean.hpp"
#include "healthai/aggregation/trimmed_mean.hpp"
#include "healthai/aggregation/weighted_mean.hpp"
#include "healthai/core/random.hpp"

namespace aggregation_robust_rules_test {

using namespace healthai;

namespace {

template <class Scalar>
Updates<Scalar> any_updates(std::size_t at_least) {
  const auto n = *rc::gen::inRange<std::size_t>(at_least, 24);
  const auto size = *rc::gen::inRange<std::size_t>(1, 40);
  Updates<Scalar> updates;
  for (std::size_t k = 0; k < n; ++k) {
    const auto values = *rc::gen::container<std::vector<int>>(size, rc::gen::inRange(-8000, 8000));
    Update<Scalar> update{Parameters<Scalar>(layout_of(size)), 1.0 + static_cast<double>(k % 3)};
    for (std::size_t i = 0; i < size; ++i)
      update.values.data()[i] = static_cast<Scalar>(values[i]) / Scalar{64};
    updates.push_back(std::move(update));
  }
  return updates;
}

constexpr double tolerance = 2e-5;  // of float results, beside numbers up to 125

// Calls check(rule) for one rule of each kind that works on a group of n.
template <class Check>
void for_each_rule(std::size_t n, Check check) {
  check(Median{});
  check(TrimmedMean{.trim = 0.2});
  check(MeanOfClosest{.count = n / 2 + 1});
  check(Krum{.malicious = (n - 3) / 2});
  check(MultiKrum{.malicious = (n - 3) / 2, .keep = n / 2});
  check(Bulyan{.malicious = (n - 3) / 4});
  check(Bulyan{.malicious = (n - 3) / 4, .selection = Bulyan::Selection::multi_krum});
  check(GeometricMedian{});
}

}  // namespace

TEST_CASE("robust rules: the order of the clients does not matter") {
  CHECK(rc::check([] {
    const auto updates = any_updates<float>(3);
    auto shuffled = updates;
    std::rotate(shuffled.begin(), shuffled.begin() + static_cast<std::ptrdiff_t>(shuffled.size() / 2),
                shuffled.end());
    std::swap(shuffled.front(), shuffled.back());
    // Bit for bit where clients are alike to the rule; others add in another order, or choose another of two equals.
    RC_ASSERT(aggregate(Median{}, updates) == aggregate(Median{}, shuffled));
    RC_ASSERT(aggregate(TrimmedMean{.trim = 0.3}, updates) == aggregate(TrimmedMean{.trim = 0.3}, shuffled));
    RC_ASSERT(aggregate(MeanOfClosest{.count = 2}, updates) ==
              aggregate(MeanOfClosest{.count = 2}, shuffled));
    const auto close = [&](const auto& rule) {
      return distance(aggregate(rule, updates), aggregate(rule, shuffled)) < 1e-3;
    };
    RC_ASSERT(close(GeometricMedian{}));
    RC_ASSERT(close(CenteredClipping{.radius = 50}));
    RC_ASSERT(close(NormBoundedMean{.bound = 50}));
  }));
}

TEST_CASE("Krum and its kin: the order of the clients does not matter where no two scores are equal") {
  CHECK(rc::check([] {
    // With two neighbours or more. (With one, both of the closest pair have the same score, and the first is taken; this
    // happens in the last steps of Bulyan's own selection, so that the other one is tested here.)
    const auto n = *rc::gen::inRange<std::size_t>(7, 20);
    Stream random(*rc::gen::arbitrary<std::uint64_t>(), Purpose::test);
    Updates<double> updates;
    for (std::size_t k = 0; k < n; ++k) {
      updates.push_back({Parameters<double>(layout_of(5)), 1 + uniform(random)});
      for (double& value : updates.back().values.span()) value = uniform(random);
    }
    auto shuffled = updates;
    shuffle(std::span<Update<double>>(shuffled), random);
    const auto close = [&](const auto& rule) {
      return distance(aggregate(rule, updates), aggregate(rule, shuffled)) < 1e-12;
    };
    RC_ASSERT(close(Krum{.malicious = n - 4}));
    RC_ASSERT(close(MultiKrum{.malicious = n / 3, .keep = n / 2}));
    RC_ASSERT(close(Bulyan{.malicious = 1, .selection = Bulyan::Selection::multi_krum}));
  }));
}

TEST_CASE("robust rules: every client twice changes nothing, unless a rule counts neighbours") {
  CHECK(rc::check([] {
    const auto updates = any_updates<double>(2);
    auto twice = updates;
    twice.insert(twice.end(), updates.begin(), updates.end());
    const auto n = updates.size();
    const auto close = [&](const auto& rule, const auto& rule_of_twice, double difference) {
      return distance(aggregate(rule, updates), aggregate(rule_of_twice, twice)) < difference;
    };
    RC_ASSERT(close(Median{}, Median{}, 1e-12));
    const double trim =
        (static_cast<double>((n - 1) / 2) + 0.25) / static_cast<double>(n);  // floor: the same share
    RC_ASSERT(close(TrimmedMean{.trim = trim}, TrimmedMean{.trim = trim}, 1e-10));
    for (const auto centre : {MeanOfClosest::Centre::median, MeanOfClosest::Centre::global_model}) {
      const MeanOfClosest once{.count = (n + 1) / 2, .centre = centre};
      RC_ASSERT(close(once, MeanOfClosest{.count = 2 * once.count, .centre = centre}, 1e-10));
    }
    RC_ASSERT(close(GeometricMedian{}, GeometricMedian{}, 1e-3));
    RC_ASSERT(close(CenteredClipping{.radius = 50}, CenteredClipping{.radius = 50}, 1e-9));
    RC_ASSERT(close(NormBoundedMean{.bound = 50}, NormBoundedMean{.bound = 50}, 1e-9));
  }));
}

TEST_CASE("robust rules: a length scales with what it bounds") {
  CHECK(rc::check([] {
    const auto updates = any_updates<double>(1);
    auto scaled = updates;
    for (auto& update : scaled) update.values.flat() *= 4;
    const auto close = [](const std::vector<double>& plain, const std::vector<double>& after) {
      for (std::size_t i = 0; i < plain.size(); ++i) {
        if (std::abs(after[i] - 4 * plain[i]) > 1e-8) return false;
      }
      return true;
    };
    RC_ASSERT(close(aggregate(CenteredClipping{.radius = 50}, updates),
                    aggregate(CenteredClipping{.radius = 200}, scaled)));
    RC_ASSERT(close(aggregate(NormBoundedMean{.bound = 50}, updates),
                    aggregate(NormBoundedMean{.bound = 200}, scaled)));
  }));
}

TEST_CASE("robust rules: moving all updates moves the result, scaling them scales it") {
  CHECK(rc::check([] {
    const auto updates = any_updates<double>(3);
    auto moved = updates;
    auto scaled = updates;
    for (auto& update : moved) update.values.flat().array() += 1000;
    for (auto& update : scaled) update.values.flat() *= 4;
    for_each_rule(updates.size(), [&](const auto& rule) {
      const auto plain = aggregate(rule, updates);
      const auto after_move = aggregate(rule, moved);
      const auto after_scale = aggregate(rule, scaled);
      for (std::size_t i = 0; i < plain.size(); ++i) {
        RC_ASSERT(std::abs(after_move[i] - 1000 - plain[i]) < tolerance * 100);
        RC_ASSERT(std::abs(after_scale[i] - 4 * plain[i]) < tolerance * 100);
      }
    });
  }));
}

TEST_CASE_TEMPLATE("robust rules: of equal updates it is that update", Scalar, float, double) {
  CHECK(rc::check([] {
    auto updates = any_updates<Scalar>(3);
    for (auto& update : updates) update.values = updates.front().values;
    const auto& same = updates.front().values;
    for_each_rule(updates.size(), [&](const auto& rule) {
      const auto result = aggregate(rule, updates);
      for (std::size_t i = 0; i < same.size(); ++i) {
        RC_ASSERT(std::abs(result[i] - static_cast<double>(same.data()[i])) < 1e-12);
      }
    });
    // These begin at the global model; with room enough they are the mean.
    const auto of_one = aggregate(WeightedMean{}, updates);
    RC_ASSERT(distance(aggregate(CenteredClipping{.radius = 1e4}, updates), of_one) < 1e-3);
    RC_ASSERT(distance(aggregate(NormBoundedMean{.bound = 1e4}, updates), of_one) < 1e-9);
  }));
}

TEST_CASE("robust rules: a single update, where the rule can do with one") {
  Updates<double> one;
  one.push_back({Parameters<double>(layout_of(2), std::vector<double>{3, -4}), 5});
  CHECK(aggregate(Median{}, one) == std::vector<double>{3, -4});
  CHECK(aggregate(TrimmedMean{}, one) == std::vector<double>{3, -4});
  CHECK(aggregate(MeanOfClosest{}, one) == std::vector<double>{3, -4});
  CHECK(aggregate(GeometricMedian{}, one) == std::vector<double>{3, -4});
  CHECK(aggregate(NormBoundedMean{.bound = 1}, one)[0] == doctest::Approx(0.6));
  CHECK(aggregate(NormBoundedMean{.bound = 5}, one) == std::vector<double>{3, -4});
  CHECK(length(aggregate(CenteredClipping{.radius = 1, .iterations = 3}, one)) == doctest::Approx(3));
  CHECK(length(aggregate(CenteredClipping{.radius = 9, .iterations = 1}, one)) == doctest::Approx(5));
}

TEST_CASE("robust rules: impossible settings and too few updates are errors that name them") {
  const auto message = [](const auto& rule, std::size_t n) -> std::string {
    Updates<float> updates;
    for (std::size_t k = 0; k < n; ++k) updates.push_back({Parameters<float>(layout_of(1)), 1});
    try {
      auto state = rule.template begin<float>(layout_of(1));
      for (auto& update : updates) state.add(std::move(update));
      static_cast<void>(state.finish());
      return "";
    } catch (const Error& e) {
      CHECK(e.id() == error::invalid_argument);
      return e.what();
    }
  };
  CHECK(message(Median{}, 0).find("at least one update") != std::string::npos);
  CHECK(message(TrimmedMean{.trim = 0.51}, 5).find("[0, 0.5]") != std::string::npos);
  CHECK(message(TrimmedMean{.trim = 0.5}, 4).find("leaves nothing of 4") != std::string::npos);
  CHECK(message(TrimmedMean{.trim = 0.5}, 5).empty());
  CHECK(message(TrimmedMean{.trim = -0.1}, 4).find("-0.1") != std::string::npos);
  CHECK(message(TrimmedMean{.trim = std::nan("")}, 4).find("nan") != std::string::npos);
  CHECK(message(Krum{}, 1).find("but there are 1") != std::string::npos);
  CHECK(message(Krum{.malicious = 2}, 4).find("at least 5 updates") != std::string::npos);
  CHECK(message(Krum{.malicious = 2}, 5).empty());
  CHECK(message(MultiKrum{.keep = 0}, 5).find("keep") != std::string::npos);
  CHECK(message(MultiKrum{.keep = 6}, 5).find("at least 6") != std::string::npos);
  CHECK(message(Bulyan{.malicious = 1}, 6).find("4 * malicious + 3") != std::string::npos);
  CHECK(message(Bulyan{.malicious = 1}, 7).empty());
  CHECK(message(MeanOfClosest{.count = 3}, 2).find("but there are 2") != std::string::npos);
  CHECK(message(GeometricMedian{.smoothing = 0}, 3).find("smoothing") != std::string::npos);
  CHECK(message(CenteredClipping{.radius = -1}, 3).find("radius") != std::string::npos);
  CHECK(message(NormBoundedMean{.bound = 0}, 3).find("bound") != std::string::npos);
}

TEST_CASE("rules that look at weights: a total weight of zero is an error, not NaN") {
  Updates<double> updates;
  for (int k = 0; k < 5; ++k) {
    updates.push_back({Parameters<double>(layout_of(1), std::vector<double>{1.0 + k}), 0});
  }
  const auto refuses = [&](const auto& rule) {
    try {
      static_cast<void>(aggregate(rule, updates));
      return false;
    } catch (const Error& e) {
      return e.id() == error::invalid_argument &&
             std::string(e.what()).find("total weight above 0") != std::string::npos;
    }
  };
  CHECK(refuses(WeightedMean{}));
  CHECK(refuses(MultiKrum{.malicious = 1, .keep = 3}));
  CHECK(refuses(GeometricMedian{}));
  CHECK(refuses(NormBoundedMean{.bound = 1}));
  // The others count clients alike.
  CHECK(aggregate(Median{}, updates) == std::vector<double>{3});
  CHECK(aggregate(CenteredClipping{.radius = 100, .iterations = 1}, updates)[0] == doctest::Approx(3));
}

TEST_CASE("robust rules: one at a time on any number of threads, the same bits") {
  Stream random(5, Purpose::test);
  Updates<float> updates;
  for (std::size_t k = 0; k < 11; ++k) {
    updates.push_back({Parameters<float>(layout_of(40'000)), 1 + static_cast<double>(k)});
    for (float& value : updates.back().values.span()) value = static_cast<float>(uniform(random));
  }
  const auto same = [&](auto rule) {
    rule.threads = 1;
    const auto one = aggregate(rule, updates);
    rule.threads = 3;
    CHECK(aggregate(rule, updates) == one);
  };
  same(Median{});
  same(TrimmedMean{.trim = 0.1});
  same(MeanOfClosest{.count = 4});
  same(Krum{.malicious = 2});
  same(MultiKrum{.malicious = 2, .keep = 4});
  same(Bulyan{.malicious = 2});
  same(GeometricMedian{});
  same(CenteredClipping{.radius = 10});
}

TEST_CASE("geometric median: the closed form of a triangle, and of a majority in one place") {
  Updates<double> updates;  // equilateral: the centre
  for (int k = 0; k < 3; ++k) {
    const double angle = 2 * 3.14159265358979323846 * k / 3;
    updates.push_back(
        {Parameters<double>(layout_of(2), std::vector<double>{7 + std::cos(angle), std::sin(angle)}), 1});
  }
  CHECK(distance(aggregate(GeometricMedian{}, updates), {7, 0}) < 1e-9);
  // The Fermat point of a right triangle at the origin with legs of 1: at 120 degrees to all corners.
  updates[0].values = Parameters<double>(layout_of(2), std::vector<double>{0, 0});
  updates[1].values = Parameters<double>(layout_of(2), std::vector<double>{1, 0});
  updates[2].values = Parameters<double>(layout_of(2), std::vector<double>{0, 1});
  const double fermat = (3 - std::sqrt(3.0)) / 6;
  CHECK(distance(aggregate(GeometricMedian{}, updates), {fermat, fermat}) < 1e-7);
  updates[0].weight = 10;  // more than the others together
  CHECK(distance(aggregate(GeometricMedian{}, updates), {0, 0}) < 1e-4);
}

TEST_CASE("centred clipping: two steps by hand") {
  Updates<double> updates;
  updates.push_back({Parameters<double>(layout_of(1), std::vector<double>{1}), 1});
  updates.push_back({Parameters<double>(layout_of(1), std::vector<double>{-10}), 9});
  CHECK(aggregate(CenteredClipping{.radius = 2, .iterations = 1}, updates)[0] ==
        doctest::Approx((1.0 - 2) / 2));
  CHECK(aggregate(CenteredClipping{.radius = 2, .iterations = 2}, updates)[0] ==
        doctest::Approx(-0.5 + (1.5 - 2) / 2));
}

}  // namespace aggregation_robust_rules_test
