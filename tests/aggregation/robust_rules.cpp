// What the robust rules have in common: properties under random inputs, and bounds under attack.
#include <doctest/doctest.h>
#include <rapidcheck.h>
#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>
#include <string>
#include <vector>

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

using namespace healthai;

namespace {

template <class Scalar>
using Updates = std::vector<Update<Scalar>>;

template <class Scalar>
Layout layout_of(std::size_t size) {
  return Layout{{"w", {size}}};
}

// The way the Federation uses a rule.
template <class Scalar, class Rule>
std::vector<double> aggregate(const Rule& rule, Updates<Scalar> updates) {
  auto state = rule.template begin<Scalar>(updates.front().values.layout());
  for (auto& update : updates) state.add(std::move(update));
  const Parameters<Scalar> result = state.finish();
  return {result.span().begin(), result.span().end()};
}

template <class Scalar>
Updates<Scalar> any_updates(std::size_t at_least) {
  const auto n = *rc::gen::inRange<std::size_t>(at_least, 24);
  const auto size = *rc::gen::inRange<std::size_t>(1, 40);
  Updates<Scalar> updates;
  for (std::size_t k = 0; k < n; ++k) {
    const auto values = *rc::gen::container<std::vector<int>>(size, rc::gen::inRange(-8000, 8000));
    Update<Scalar> update{Parameters<Scalar>(layout_of<Scalar>(size)), 1.0 + static_cast<double>(k % 3)};
    for (std::size_t i = 0; i < size; ++i)
      update.values.data()[i] = static_cast<Scalar>(values[i]) / Scalar{64};
    updates.push_back(std::move(update));
  }
  return updates;
}

double distance(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return std::sqrt(sum);
}
double length(const std::vector<double>& a) {
  return distance(a, std::vector<double>(a.size()));
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
    RC_ASSERT(distance(aggregate(GeometricMedian{}, updates), aggregate(GeometricMedian{}, shuffled)) < 1e-3);
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
  }));
}

TEST_CASE("robust rules: a single update, where the rule can do with one") {
  Updates<double> one;
  one.push_back({Parameters<double>(layout_of<double>(2), std::vector<double>{3, -4}), 5});
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
    for (std::size_t k = 0; k < n; ++k) updates.push_back({Parameters<float>(layout_of<float>(1)), 1});
    try {
      auto state = rule.template begin<float>(layout_of<float>(1));
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

TEST_CASE("robust rules: one at a time on any number of threads, the same bits") {
  Stream random(5, Purpose::test);
  Updates<float> updates;
  for (std::size_t k = 0; k < 11; ++k) {
    updates.push_back({Parameters<float>(layout_of<float>(40'000)), 1 + static_cast<double>(k)});
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
        {Parameters<double>(layout_of<double>(2), std::vector<double>{7 + std::cos(angle), std::sin(angle)}),
         1});
  }
  CHECK(distance(aggregate(GeometricMedian{}, updates), {7, 0}) < 1e-9);
  // The Fermat point of a right triangle at the origin with legs of 1: at 120 degrees to all corners.
  updates[0].values = Parameters<double>(layout_of<double>(2), std::vector<double>{0, 0});
  updates[1].values = Parameters<double>(layout_of<double>(2), std::vector<double>{1, 0});
  updates[2].values = Parameters<double>(layout_of<double>(2), std::vector<double>{0, 1});
  const double fermat = (3 - std::sqrt(3.0)) / 6;
  CHECK(distance(aggregate(GeometricMedian{}, updates), {fermat, fermat}) < 1e-7);
  updates[0].weight = 10;  // more than the others together
  CHECK(distance(aggregate(GeometricMedian{}, updates), {0, 0}) < 1e-4);
}

TEST_CASE("centred clipping: two steps by hand") {
  Updates<double> updates;
  updates.push_back({Parameters<double>(layout_of<double>(1), std::vector<double>{1}), 1});
  updates.push_back({Parameters<double>(layout_of<double>(1), std::vector<double>{-10}), 9});
  CHECK(aggregate(CenteredClipping{.radius = 2, .iterations = 1}, updates)[0] ==
        doctest::Approx((1.0 - 2) / 2));
  CHECK(aggregate(CenteredClipping{.radius = 2, .iterations = 2}, updates)[0] ==
        doctest::Approx(-0.5 + (1.5 - 2) / 2));
}

TEST_CASE("Krum: the double loop's choice among close float updates, every time") {
  for (const std::size_t size : {std::size_t{10'000}, std::size_t{100'000}}) {
    for (const double spread : {1e-3, 1e-5}) {
      for (std::uint64_t trial = 0; trial < 10; ++trial) {
        Stream random(trial, Purpose::test, size);
        constexpr std::size_t n = 10, malicious = 2;
        std::vector<double> common(size);
        for (double& c : common) c = 2 * uniform(random) - 1;
        Updates<float> updates;
        for (std::size_t k = 0; k < n; ++k) {
          updates.push_back({Parameters<float>(layout_of<float>(size)), 1});
          for (std::size_t i = 0; i < size; ++i) {
            updates[k].values.data()[i] =
                static_cast<float>(common[i] * (1 + spread * (2 * uniform(random) - 1)));
          }
        }
        std::vector<double> scores;
        for (std::size_t i = 0; i < n; ++i) {
          std::vector<double> squared;
          for (std::size_t j = 0; j < n; ++j) {
            if (i == j) continue;
            squared.push_back(
                (updates[i].values.flat().cast<double>() - updates[j].values.flat().cast<double>())
                    .squaredNorm());
          }
          std::sort(squared.begin(), squared.end());
          scores.push_back(std::accumulate(squared.begin(), squared.begin() + (n - malicious - 2), 0.0));
        }
        const auto best = std::min_element(scores.begin(), scores.end()) - scores.begin();
        CHECK(Krum{.malicious = malicious}.select(std::span<const Update<float>>(updates)) ==
              static_cast<std::size_t>(best));
      }
    }
  }
}

namespace {

// 20 clients whose honest updates lie around (1, ..., 1) with a standard deviation of about 0.29 a coordinate.
Updates<float> honest(std::size_t n, std::size_t size) {
  Stream random(3, Purpose::test);
  Updates<float> updates;
  for (std::size_t k = 0; k < n; ++k) {
    updates.push_back({Parameters<float>(layout_of<float>(size)), 1});
    for (float& value : updates.back().values.span()) value = static_cast<float>(0.5 + uniform(random));
  }
  return updates;
}

}  // namespace

TEST_CASE("robust rules: attackers who turn round or go anywhere do bounded harm, unlike to the mean") {
  constexpr std::size_t n = 23, malicious = 5, size = 50;
  const auto truth = std::vector<double>(size, 1.0);
  const double honest_distance = std::sqrt(static_cast<double>(size) / 12);  // of one update from the truth
  for (const bool sign_flip : {true, false}) {
    auto updates = honest(n, size);
    Stream random(9, Purpose::test);
    for (std::size_t k = 0; k < malicious; ++k) {
      for (float& value : updates[k].values.span()) {
        value = sign_flip ? -10 * value : static_cast<float>(1e6 * (uniform(random) - 0.4));
      }
    }
    CHECK(distance(aggregate(WeightedMean{}, updates), truth) > 2 * honest_distance);
    // Coordinate-wise rules stay in the range of the honest values.
    for (const auto& result : {aggregate(Median{}, updates), aggregate(TrimmedMean{.trim = 0.25}, updates),
                               aggregate(MeanOfClosest{.count = n - malicious}, updates),
                               aggregate(Bulyan{.malicious = malicious}, updates)}) {
      for (const double value : result) CHECK((value >= 0.5 && value <= 1.5));
    }
    // Krum takes an honest one; the mean of several is closer.
    CHECK(Krum{.malicious = malicious}.select(std::span<const Update<float>>(updates)) >= malicious);
    for (const std::size_t k : MultiKrum{.malicious = malicious, .keep = n - malicious}.select(
             std::span<const Update<float>>(updates))) {
      CHECK(k >= malicious);
    }
    CHECK(distance(aggregate(MultiKrum{.malicious = malicious, .keep = n - malicious}, updates), truth) <
          honest_distance / 2);
    // Lopuhaä and Rousseeuw: at most 2 / (1 - 2 share) times the farthest honest one from any point.
    const double share = static_cast<double>(malicious) / n;
    CHECK(distance(aggregate(GeometricMedian{}, updates), truth) <
          2 / (1 - 2 * share) * honest_distance * 1.2);
    // Each attacker moves a clipped centre by no more than radius / n a step.
    CHECK(distance(aggregate(CenteredClipping{.radius = 3, .iterations = 10}, updates), truth) <
          10 * 3 * share + 0.5);
    CHECK(length(aggregate(NormBoundedMean{.bound = 8}, updates)) <= 8);
  }
}
