#include "healthai/aggregation/coordinate_slice.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>
#include <algorithm>
#include <atomic>
#include <barrier>
#include <cstddef>
#include <cstring>
#include <initializer_list>
#include <limits>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "aggregation/updates.hpp"
#include "healthai/aggregation/any_aggregator.hpp"
#include "healthai/aggregation/bulyan.hpp"
#include "healthai/aggregation/centered_clipping.hpp"
#include "healthai/aggregation/geometric_median.hpp"
#include "healthai/aggregation/krum.hpp"
#include "healthai/aggregation/mean_of_closest.hpp"
#include "healthai/aggregation/median.hpp"
#include "healthai/aggregation/norm_bounded_mean.hpp"
#include "healthai/aggregation/reproducible_mean.hpp"
#include "healthai/aggregation/trimmed_mean.hpp"
#include "healthai/aggregation/weighted_mean.hpp"

namespace aggregation_coordinate_slice_test {

using namespace healthai;

static_assert(SlicedAggregation<Median::State<float>, float> &&
              SlicedAggregation<TrimmedMean::State<float>, float> &&
              SlicedAggregation<MeanOfClosest::State<double>, double> &&
              SlicedAggregation<Krum::State<float>, float> &&
              SlicedAggregation<MultiKrum::State<double>, double> &&
              SlicedAggregation<Bulyan::State<float>, float> &&
              SlicedAggregation<GeometricMedian::State<double>, double> &&
              SlicedAggregation<CenteredClipping::State<float>, float>);
// Sums have a better way, and so has a rule that needs the length of each update at once.
static_assert(!SlicedAggregation<WeightedMean::State<float>, float> &&
              !SlicedAggregation<ReproducibleMean::State<float>, float> &&
              !SlicedAggregation<NormBoundedMean::State<float>, float>);

namespace {

/// Threads that stand for machines meet here to exchange what their slices have.
class Meeting {
 public:
  Meeting(std::size_t size, std::size_t machines)
      : barrier_(static_cast<std::ptrdiff_t>(machines)), shown_(machines) {
    for (std::size_t m = 0; m < machines; ++m) {
      slices_.push_back(CoordinateSlice::share(
          size, m, machines,
          [this, m](std::span<double> values, std::size_t each) { exchange(m, values, each); }));
    }
  }
  [[nodiscard]] const CoordinateSlice& slice(std::size_t machine) const { return slices_[machine]; }
  /// Nobody waits for this machine from now on.
  void leave(std::size_t machine) {
    shown_[machine] = {};
    barrier_.arrive_and_drop();
  }
  /// How often machines that met had not called for the same thing.
  [[nodiscard]] std::size_t mismatches() const { return mismatches_; }
  /// How many numbers of each part were exchanged, time after time.
  [[nodiscard]] const std::vector<std::size_t>& exchanged() const { return exchanged_; }

 private:
  void exchange(std::size_t machine, std::span<double> values, std::size_t each) {
    shown_[machine] = values;
    if (machine == 0) exchanged_.push_back(each);
    barrier_.arrive_and_wait();
    for (std::size_t m = 0; m < slices_.size(); ++m) {
      if (values.size() != CoordinateSlice::parts(slices_[m].size) * each ||
          shown_[m].size() != values.size()) {
        ++mismatches_;
      } else if (m != machine) {
        const std::size_t first = slices_[m].first_part * each;
        const std::size_t count = slices_[m].last_part * each - first;
        std::copy_n(shown_[m].data() + first, count, values.data() + first);
      }
    }
    barrier_.arrive_and_wait();
  }
  std::barrier<> barrier_;
  std::vector<std::span<double>> shown_;
  std::vector<CoordinateSlice> slices_;
  std::vector<std::size_t> exchanged_;
  std::atomic<std::size_t> mismatches_{0};
};

/// What became of a rule on several machines.
template <class Scalar>
struct Outcome {
  std::vector<Parameters<Scalar>> results{};  ///< of each machine
  std::vector<std::string> errors{};          ///< the id, or empty
  std::vector<std::size_t> exchanged{};
  std::size_t mismatches = 0;

  [[nodiscard]] std::vector<Scalar> together() const {
    std::vector<Scalar> all;
    for (const auto& slice : results) all.insert(all.end(), slice.span().begin(), slice.span().end());
    return all;
  }
};

template <class Scalar, class Rule>
Outcome<Scalar> on_machines(std::size_t machines, const Rule& rule, const Updates<Scalar>& updates,
                            std::size_t size) {
  Meeting meeting(size, machines);
  Outcome<Scalar> outcome{std::vector<Parameters<Scalar>>(machines), std::vector<std::string>(machines)};
  {
    std::vector<std::jthread> threads;
    for (std::size_t m = 0; m < machines; ++m) {
      threads.emplace_back([&, m] {
        try {
          const CoordinateSlice& slice = meeting.slice(m);
          const Layout layout{{"slice", {slice.length()}}};
          auto state = rule.template begin<Scalar>(layout);
          for (const Update<Scalar>& update : updates) {
            state.add({{layout, update.values.span().subspan(slice.begin(), slice.length())}, update.weight});
          }
          outcome.results[m] = state.finish(slice);
        } catch (const Error& e) {
          outcome.errors[m] = e.id().name();
        }
        meeting.leave(m);
      });
    }
  }
  outcome.exchanged = meeting.exchanged();
  outcome.mismatches = meeting.mismatches();
  return outcome;
}

template <class Scalar, class Rule>
std::vector<Scalar> on_one(const Rule& rule, const Updates<Scalar>& updates) {
  auto state = rule.template begin<Scalar>(updates.front().values.layout());
  for (const Update<Scalar>& update : updates) state.add(update);
  const Parameters<Scalar> result = state.finish();
  return {result.span().begin(), result.span().end()};
}

template <class Scalar>
bool same_bits(const std::vector<Scalar>& a, const std::vector<Scalar>& b) {
  return a.size() == b.size() &&
         (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(Scalar)) == 0);
}

/// `n` updates around a common one, with weights of 1 to 3.
template <class Scalar>
Updates<Scalar> close_updates(std::size_t n, std::size_t size, double spread) {
  Stream random(n, Purpose::test, size);
  std::vector<double> common(size);
  for (double& c : common) c = 2 * uniform(random) - 1;
  Updates<Scalar> updates;
  for (std::size_t k = 0; k < n; ++k) {
    updates.push_back({Parameters<Scalar>(layout_of(size)), 1 + static_cast<double>(k % 3)});
    Scalar* const values = updates[k].values.data();
    for (std::size_t i = 0; i < size; ++i) {
      values[i] = static_cast<Scalar>(common[i] + spread * (uniform(random) - 0.5));
    }
  }
  return updates;
}

/// Calls check(rule) for rules of each kind that work on a group of n.
template <class Check>
void for_each_rule(std::size_t n, Check check) {
  check(Median{.threads = 2});
  check(TrimmedMean{.trim = 0.2, .threads = 1});
  check(MeanOfClosest{.count = n / 2 + 1, .threads = 1});
  check(MeanOfClosest{.count = 2, .centre = MeanOfClosest::Centre::global_model, .threads = 1});
  check(Krum{.malicious = (n - 3) / 2, .threads = 1});
  check(MultiKrum{.malicious = (n - 3) / 2, .keep = n / 2, .threads = 2});
  check(Bulyan{.malicious = (n - 3) / 4, .threads = 1});
  check(Bulyan{.malicious = (n - 3) / 4, .selection = Bulyan::Selection::multi_krum, .threads = 2});
  check(GeometricMedian{.threads = 2});
  check(CenteredClipping{.radius = 0.5, .threads = 1});
}

template <class Scalar, class Rule>
void check_same_bits(const Rule& rule, const Updates<Scalar>& updates,
                     std::initializer_list<std::size_t> numbers_of_machines) {
  const std::size_t size = updates.front().values.size();
  const std::vector<Scalar> one = on_one(rule, updates);
  for (const std::size_t machines : numbers_of_machines) {
    CAPTURE(rule.describe());
    CAPTURE(size);
    CAPTURE(machines);
    const auto outcome = on_machines(machines, rule, updates, size);
    CHECK(outcome.errors == std::vector<std::string>(machines));
    CHECK(outcome.mismatches == 0);
    CHECK(same_bits(outcome.together(), one));
  }
}

/// Whether numbers of this kind were exchanged.
bool contains(const std::vector<std::size_t>& exchanged, std::size_t each) {
  return std::find(exchanged.begin(), exchanged.end(), each) != exchanged.end();
}

}  // namespace

TEST_CASE(
    "coordinate slice: parts cover all coordinates, begin at multiples of 256, and are none too short") {
  CHECK(rc::check([](std::size_t random) {
    const std::size_t size = random % 1'000'000;
    const std::size_t parts = CoordinateSlice::parts(size);
    RC_ASSERT(parts >= 1);
    RC_ASSERT(parts <= 16);
    RC_ASSERT(CoordinateSlice::part_begin(size, 0) == 0);
    RC_ASSERT(CoordinateSlice::part_begin(size, parts) == size);
    for (std::size_t p = 0; p < parts; ++p) {
      const std::size_t begin = CoordinateSlice::part_begin(size, p);
      const std::size_t end = CoordinateSlice::part_begin(size, p + 1);
      RC_ASSERT(begin % 256 == 0);
      RC_ASSERT(end >= begin);
      if (size >= 16384) RC_ASSERT(end - begin >= 16384 - 15 * 256);
    }
  }));
  CHECK(CoordinateSlice::parts(16'383) == 1);
  CHECK(CoordinateSlice::parts(70'000) == 4);
  CHECK(CoordinateSlice::parts(100'000'000) == 16);
  CHECK(CoordinateSlice::part_begin(70'000, 1) == 17'664);
}

TEST_CASE("coordinate slice: shares follow one another, and none has two parts more than another") {
  const auto none = [](std::span<double>, std::size_t) {};
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{5}, std::size_t{70'000}, std::size_t{1'000'000}}) {
    for (std::size_t machines = 1; machines <= 20; ++machines) {
      std::size_t part = 0, least = 16, most = 0;
      for (std::size_t m = 0; m < machines; ++m) {
        const auto slice = CoordinateSlice::share(size, m, machines, none);
        CHECK_NOTHROW(slice.validate());
        CHECK(slice.first_part == part);
        CHECK(slice.length() == slice.end() - slice.begin());
        part = slice.last_part;
        least = std::min(least, slice.last_part - slice.first_part);
        most = std::max(most, slice.last_part - slice.first_part);
      }
      CHECK(part == CoordinateSlice::parts(size));
      CHECK(most <= least + 1);
    }
  }
  const auto whole = CoordinateSlice::whole(70'000);
  CHECK(whole.is_whole());
  CHECK(whole.begin() == 0);
  CHECK(whole.end() == 70'000);
  CHECK_NOTHROW(whole.validate());
  CHECK_THROWS_AS((void)CoordinateSlice::share(10, 3, 3, none), Error);
}

TEST_CASE("coordinate slice: what cannot be is refused") {
  const auto none = [](std::span<double>, std::size_t) {};
  CHECK_THROWS_AS((CoordinateSlice{70'000, 0, 5, none}.validate()), Error);
  CHECK_THROWS_AS((CoordinateSlice{70'000, 3, 2, none}.validate()), Error);
  CHECK_THROWS_AS((CoordinateSlice{70'000, 0, 3}.validate()), Error);  // nobody to ask for the others
  CHECK_NOTHROW((CoordinateSlice{70'000, 2, 2, none}.validate()));
  // A slice of other coordinates than the updates have.
  for_each_rule(9, [&](const auto& rule) {
    auto state = rule.template begin<float>(layout_of(100));
    for (auto& update : close_updates<float>(9, 100, 1)) state.add(std::move(update));
    try {
      static_cast<void>(state.finish(CoordinateSlice{70'000, 0, 1, none}));
      FAIL("no error was thrown");
    } catch (const Error& e) {
      CHECK(e.id() == error::layout_mismatch);
    }
  });
}

TEST_CASE_TEMPLATE("sliced robust rules: the bits of one machine, whatever their number", Scalar, float,
                   double) {
  std::size_t n = 9;
  for (const std::size_t size :
       {std::size_t{37}, std::size_t{5'000}, std::size_t{16'384}, std::size_t{40'001}, std::size_t{70'000}}) {
    n = n == 15 ? 9 : n + 2;
    const auto updates = close_updates<Scalar>(n, size, 1e-2);
    for_each_rule(n, [&](const auto& rule) { check_same_bits(rule, updates, {1, 2, 3, 4, 5}); });
  }
}

TEST_CASE_TEMPLATE("sliced robust rules: any small updates, also of no coordinates at all", Scalar, float,
                   double) {
  CHECK(rc::check([] {
    const auto n = *rc::gen::inRange<std::size_t>(7, 16);
    const auto size = *rc::gen::inRange<std::size_t>(0, 100);
    const auto machines = *rc::gen::inRange<std::size_t>(1, 6);
    Updates<Scalar> updates;
    for (std::size_t k = 0; k < n; ++k) {
      const auto values = *rc::gen::container<std::vector<int>>(size, rc::gen::inRange(-100, 100));
      updates.push_back({Parameters<Scalar>(layout_of(size)), 1 + static_cast<double>(k % 3)});
      for (std::size_t i = 0; i < size; ++i) {
        updates[k].values.data()[i] = static_cast<Scalar>(values[i]) / Scalar{7};
      }
    }
    for_each_rule(n, [&](const auto& rule) {
      const auto outcome = on_machines(machines, rule, updates, size);
      RC_ASSERT(outcome.errors == std::vector<std::string>(machines));
      RC_ASSERT(outcome.mismatches == 0U);
      RC_ASSERT(same_bits(outcome.together(), on_one(rule, updates)));
    });
  }));
}

TEST_CASE_TEMPLATE("sliced robust rules: where distances or scores need a second look", Scalar, float,
                   double) {
  constexpr std::size_t n = 11, size = 70'000, pairs = n * (n + 1) / 2;
  SUBCASE("equal updates, whose distances cancel, and scores too close to call") {
    auto updates = close_updates<Scalar>(n, size, 1e-5);
    updates[4].values = updates[3].values;
    updates[5].values = updates[3].values;
    updates[8].values = updates[9].values;
    for_each_rule(n, [&](const auto& rule) { check_same_bits(rule, updates, {2, 5}); });
    const auto krum = on_machines(3, MultiKrum{.malicious = 2, .keep = 2}, updates, size);
    REQUIRE(krum.exchanged.size() == 3);  // the products, the pairs that cancel, the close scores
    CHECK(krum.exchanged[0] == pairs);
    CHECK(krum.exchanged[1] == 4);
    CHECK(krum.exchanged[2] > 4);
  }
  SUBCASE("the first update far from all others") {
    auto updates = close_updates<Scalar>(n, size, 1e-3);
    for (Scalar& value : updates[0].values.span()) value += Scalar{1e6};
    for_each_rule(n, [&](const auto& rule) { check_same_bits(rule, updates, {2, 5}); });
    const auto krum = on_machines(3, Krum{.malicious = 2}, updates, size);
    REQUIRE(krum.exchanged.size() >= 2);
    CHECK(krum.exchanged[0] == pairs);
    CHECK(krum.exchanged[1] == pairs);
  }
  SUBCASE("so far that no distance is finite, and lengths tell who is central") {
    auto updates = close_updates<Scalar>(n, size, 1e-3);
    const Scalar far = std::numeric_limits<Scalar>::max() / Scalar{8};
    for (std::size_t i = 0; i < size; ++i) {
      updates[0].values.data()[i] = i % 2 == 0 ? far : -far;
      updates[7].values.data()[i] = i % 2 == 0 ? -far : far;
    }
    for_each_rule(n, [&](const auto& rule) { check_same_bits(rule, updates, {2, 5}); });
    const auto krum = on_machines(4, Krum{.malicious = 2}, updates, size);
    REQUIRE(krum.exchanged.size() >= 3);
    CHECK(krum.exchanged[1] == n);
    CHECK(krum.exchanged[2] == pairs);
  }
}

TEST_CASE("sliced robust rules: coordinate by coordinate nothing is exchanged, and distances once") {
  const auto updates = close_updates<float>(9, 70'000, 1);
  CHECK(on_machines(3, Median{}, updates, 70'000).exchanged.empty());
  CHECK(on_machines(3, TrimmedMean{}, updates, 70'000).exchanged.empty());
  CHECK(on_machines(3, MeanOfClosest{.count = 3}, updates, 70'000).exchanged.empty());
  CHECK(on_machines(3, GeometricMedian{}, updates, 70'000).exchanged == std::vector<std::size_t>{45});
  CHECK(contains(on_machines(3, CenteredClipping{}, updates, 70'000).exchanged, 55));
}

TEST_CASE("sliced Krum: every machine selects the same") {
  constexpr std::size_t n = 9, size = 40'000;
  const auto updates = close_updates<float>(n, size, 1e-5);
  const MultiKrum rule{.malicious = 2, .keep = 4};
  const auto expected = rule.select(std::span<const Update<float>>(updates));
  Meeting meeting(size, 3);
  std::vector<std::vector<std::size_t>> selected(3);
  {
    std::vector<std::jthread> threads;
    for (std::size_t m = 0; m < 3; ++m) {
      threads.emplace_back([&, m] {
        const CoordinateSlice& slice = meeting.slice(m);
        Updates<float> slices;
        for (const auto& update : updates) {
          slices.push_back(
              {{layout_of(slice.length()), update.values.span().subspan(slice.begin(), slice.length())},
               update.weight});
        }
        selected[m] = rule.select(std::span<const Update<float>>(slices), slice);
        meeting.leave(m);
      });
    }
  }
  for (const auto& mine : selected) CHECK(mine == expected);
}

TEST_CASE("sliced robust rules: without a result, the same error on every machine") {
  constexpr std::size_t n = 10, size = 40'000;
  const auto updates = close_updates<float>(n, size, 1);
  const auto check = [&](const auto& rule, const Updates<float>& some) {
    CAPTURE(rule.describe());
    for (std::size_t machines = 1; machines <= 4; ++machines) {
      CAPTURE(machines);
      const auto outcome = on_machines(machines, rule, some, size);
      CHECK(outcome.errors == std::vector<std::string>(machines, "invalid_argument"));
    }
  };
  for_each_rule(n, [&](const auto& rule) { check(rule, {}); });
  check(TrimmedMean{.trim = 0.5}, updates);
  check(MeanOfClosest{.count = n + 1}, updates);
  check(Krum{.malicious = n - 2}, updates);
  check(MultiKrum{.malicious = 1, .keep = n + 1}, updates);
  check(Bulyan{.malicious = 2}, updates);
  auto without_weight = updates;
  for (auto& update : without_weight) update.weight = 0;
  check(GeometricMedian{}, without_weight);
  check(MultiKrum{.malicious = 1, .keep = 3}, without_weight);
}

TEST_CASE("sliced robust rules: a mean that does not fit fails where it is, and leaves nobody waiting") {
  constexpr std::size_t n = 9, size = 70'000;
  auto updates = close_updates<double>(n, size, 1);
  for (auto& update : updates) {
    update.values.data()[size - 1] = std::numeric_limits<double>::max();
    update.weight = 2;
  }
  const MultiKrum rule{.malicious = 1, .keep = 5};
  CHECK_THROWS_AS(on_one(rule, updates), Error);
  const auto outcome = on_machines(3, rule, updates, size);
  CHECK(outcome.errors == std::vector<std::string>{"", "", "overflow"});
  CHECK(outcome.mismatches == 0);
  auto small = updates;
  for (auto& update : small) update.values.data()[size - 1] = 0;
  const auto expected = on_one(rule, small);
  const auto together = outcome.together();
  REQUIRE(together.size() < size);
  CHECK(same_bits(together,
                  {expected.begin(), expected.begin() + static_cast<std::ptrdiff_t>(together.size())}));
}

}  // namespace aggregation_coordinate_slice_test
