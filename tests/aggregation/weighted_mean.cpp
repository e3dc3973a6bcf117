#include "healthai/aggregation/weighted_mean.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>
#include <bit>
#include <boost/multiprecision/cpp_bin_float.hpp>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "healthai/serialization/archive.hpp"

namespace aggregation_weighted_mean_test {

using namespace healthai;

static_assert(AdditiveAggregator<WeightedMean, float> && AdditiveAggregator<WeightedMean, double>);
static_assert(BatchAggregation<WeightedMean::State<float>, float>);

namespace {

using Exact = boost::multiprecision::number<boost::multiprecision::cpp_bin_float<
    400, boost::multiprecision::digit_base_2, void, std::int32_t, -100000, 100000>>;

template <class Scalar>
using Bits = std::conditional_t<sizeof(Scalar) == 4, std::uint32_t, std::uint64_t>;

template <class Scalar>
std::vector<Bits<Scalar>> bits(const Parameters<Scalar>& p) {
  std::vector<Bits<Scalar>> result;
  for (const Scalar value : p.span()) result.push_back(std::bit_cast<Bits<Scalar>>(value));
  return result;
}

template <class Scalar>
Update<Scalar> update(const Layout& layout, std::vector<Scalar> values, double weight) {
  return {Parameters<Scalar>(layout, values), weight};
}

template <class Scalar>
std::vector<Update<Scalar>> any_updates(const Layout& layout, std::size_t least = 1) {
  std::vector<Update<Scalar>> updates;
  const auto clients = *rc::gen::inRange<std::size_t>(least, 12);
  for (std::size_t k = 0; k < clients; ++k) {
    Parameters<Scalar> values{layout};
    for (Scalar& value : values.span()) {
      value = static_cast<Scalar>(
          std::ldexp(*rc::gen::inRange(-1'000'000, 1'000'000), *rc::gen::inRange(-30, 30)));
    }
    updates.push_back({std::move(values), static_cast<double>(*rc::gen::inRange(1, 100'000))});
  }
  return updates;
}

template <class Function>
ErrorId id_of(Function function) {
  try {
    function();
  } catch (const Error& e) {
    CHECK(std::string(e.what()).size() > 30);
    return e.id();
  }
  FAIL("no error was thrown");
  return error::file;
}

}  // namespace

TEST_CASE_TEMPLATE("weighted mean: by hand", Scalar, float, double) {
  const Layout layout{{"w", {2}}, {"b", {}}};
  auto state = WeightedMean{}.begin<Scalar>(layout);
  state.add(update<Scalar>(layout, {1, 2, -8}, 1));
  state.add(update<Scalar>(layout, {5, 2, 4}, 3));
  CHECK(state.weight() == 4);
  CHECK(state.count() == 2);
  const auto sum = state.weighted_sum();
  CHECK(std::vector<double>(sum.begin(), sum.end()) == std::vector<double>{16, 8, 4});
  const auto mean = state.finish();
  CHECK(mean.layout() == layout);
  CHECK(mean.data()[0] == 4);
  CHECK(mean.data()[1] == 2);
  CHECK(mean.data()[2] == 1);
}

TEST_CASE_TEMPLATE("weighted mean: one by one, in batches and in the last call give the same bits", Scalar,
                   float, double) {
  // Longer than one block of coordinates now and then.
  CHECK(rc::check([] {
    const Layout layout{
        {"a", {*rc::gen::elementOf(std::vector<std::size_t>{0, 1, 17, 64, 8195, 32768 + 19})}}};
    std::vector<Update<Scalar>> updates;
    std::uint32_t random = *rc::gen::arbitrary<std::uint32_t>();
    const auto clients = *rc::gen::inRange<std::size_t>(1, 12);
    for (std::size_t k = 0; k < clients; ++k) {
      Parameters<Scalar> values{layout};
      for (Scalar& value : values.span()) {
        random = random * 1664525U + 1013904223U;
        value = static_cast<Scalar>(
            std::ldexp(static_cast<double>(random) - 2e9, static_cast<int>(random % 60) - 60));
      }
      updates.push_back({std::move(values), (random % 1000) / 7.0 + 1});
    }
    const std::span<const Update<Scalar>> all(updates);
    const auto cut = *rc::gen::inRange<std::size_t>(0, clients + 1);

    auto singly = WeightedMean{}.begin<Scalar>(layout);
    for (const auto& u : updates) singly.add(u);
    const auto sum = singly.weighted_sum();
    const std::vector<double> sums(sum.begin(), sum.end());
    const auto expected = bits(singly.finish());

    auto owning = WeightedMean{}.begin<Scalar>(layout);
    for (auto u : updates) owning.add(std::move(u));
    RC_ASSERT(bits(owning.finish()) == expected);

    auto batches = WeightedMean{}.begin<Scalar>(layout);
    batches.add_batch(all.first(cut));
    batches.add_batch(all.subspan(cut));
    const auto batch_sum = batches.weighted_sum();
    RC_ASSERT(std::vector<double>(batch_sum.begin(), batch_sum.end()) == sums);
    RC_ASSERT(bits(batches.finish()) == expected);

    auto last = WeightedMean{}.begin<Scalar>(layout, Parameters<Scalar>(layout));
    last.add_batch(all.first(cut));
    RC_ASSERT(bits(last.finish(all.subspan(cut))) == expected);
    last.restart();
    RC_ASSERT(bits(last.finish(all)) == expected);

    auto in_place = WeightedMean{}.begin<Scalar>(layout);
    in_place.add_batch(all.first(clients - 1));
    auto update = updates.back();
    const Scalar* const memory = update.values.data();
    const auto mean = in_place.finish(std::move(update));
    RC_ASSERT(mean.data() == memory);
    RC_ASSERT(bits(mean) == expected);
  }));
}

TEST_CASE_TEMPLATE("weighted mean: close to the exact one", Scalar, float, double) {
  CHECK(rc::check([] {
    const Layout layout{{"a", {5}}};
    const auto updates = any_updates<Scalar>(layout);
    auto state = WeightedMean{}.begin<Scalar>(layout);
    state.add_batch(updates);
    const auto mean = state.finish();
    for (std::size_t i = 0; i < layout.size(); ++i) {
      Exact sum = 0;
      Exact absolute = 0;
      Exact weight = 0;
      for (const auto& u : updates) {
        const Exact term = Exact(u.weight) * Exact(u.values.data()[i]);
        sum += term;
        absolute += abs(term);
        weight += u.weight;
      }
      const Exact error = abs(Exact(mean.data()[i]) - sum / weight);
      // Relative to the mean of magnitudes (sums may cancel), and half a unit of Scalar in the result.
      const Exact rounding = abs(sum / weight) * Exact(std::numeric_limits<Scalar>::epsilon()) / 2;
      RC_ASSERT(error <= absolute / weight * Exact(1e-14) + rounding * Exact(1.0001));
    }
  }));
}

TEST_CASE("weighted mean: positive double updates within 1e-12 of the exact mean, relatively") {
  const Layout layout{{"a", {1}}};
  auto state = WeightedMean{}.begin<double>(layout);
  Exact sum = 0;
  Exact weight = 0;
  for (int k = 1; k <= 1000; ++k) {
    state.add(update<double>(layout, {1.0 / k}, k + 0.1));
    sum += Exact(1.0 / k) * Exact(k + 0.1);
    weight += Exact(k + 0.1);
  }
  const Exact exact = sum / weight;
  CHECK(abs(Exact(state.finish().data()[0]) - exact) <= exact * Exact(1e-12));
}

TEST_CASE("weighted mean: of one update it is that update") {
  CHECK(rc::check("float, whole weights up to 2^29: every bit", [] {
    const Layout layout{{"a", {1}}};
    const auto pattern = *rc::gen::suchThat(rc::gen::arbitrary<std::uint32_t>(), [](std::uint32_t b) {
      return (b & 0x7f800000U) != 0x7f800000U && b != 0x80000000U;  // finite, and not -0, which becomes 0
    });
    const double weight = *rc::gen::inRange(1, 1 << 29);
    auto state = WeightedMean{}.begin<float>(layout);
    state.add(update<float>(layout, {std::bit_cast<float>(pattern)}, weight));
    RC_ASSERT(bits(state.finish()).front() == pattern);
  }));
  CHECK(rc::check("double, any weight: one unit in the last place", [] {
    const Layout layout{{"a", {1}}};
    const double value =
        std::ldexp(1 + *rc::gen::inRange(0, 1 << 30) * 0x1p-30 + *rc::gen::inRange(0, 1 << 22) * 0x1p-52,
                   *rc::gen::inRange(-300, 300));
    const double weight = *rc::gen::inRange(1, 1 << 29) / 3.0;
    auto state = WeightedMean{}.begin<double>(layout);
    state.add(update<double>(layout, {value}, weight));
    const double mean = state.finish().data()[0];
    RC_ASSERT(mean >= std::nextafter(value, 0.0));
    RC_ASSERT(mean <= std::nextafter(value, HUGE_VAL));
  }));
}

TEST_CASE_TEMPLATE("weighted mean: partial states merge, and sums from elsewhere count", Scalar, float,
                   double) {
  const Layout layout{{"a", {3}}};
  // Small whole numbers: every sum is exact, so that grouping does not matter.
  auto whole = WeightedMean{}.begin<Scalar>(layout);
  auto left = WeightedMean{}.begin<Scalar>(layout);
  auto right = WeightedMean{}.begin<Scalar>(layout);
  for (int k = 1; k < 8; ++k) {
    const auto u = update<Scalar>(layout, {Scalar(k), Scalar(-k * k), Scalar(2)}, k);
    whole.add(u);
    (k < 4 ? left : right).add(u);
  }
  auto sums = WeightedMean{}.begin<Scalar>(layout);
  sums.add_sum(left.weighted_sum(), left.weight());
  sums.add_sum(right.weighted_sum(), right.weight());
  auto merged = WeightedMean{}.begin<Scalar>(layout);
  merged.merge(std::move(left));
  merged.merge(std::move(right));
  merged.merge(WeightedMean{}.begin<Scalar>(layout));
  CHECK(merged.count() == 7);
  CHECK(merged.weight() == 28);
  const auto expected = bits(whole.finish());
  CHECK(bits(merged.finish()) == expected);
  CHECK(bits(sums.finish()) == expected);

  const Layout other{{"b", {3}}};
  CHECK(id_of([&] { merged.merge(WeightedMean{}.begin<Scalar>(other)); }) == error::layout_mismatch);
  CHECK(id_of([&] { merged.add_sum(std::vector<double>(2), 1); }) == error::layout_mismatch);
}

TEST_CASE_TEMPLATE("weighted mean: weights of zero, and nothing at all", Scalar, float, double) {
  const Layout layout{{"a", {2}}};
  auto state = WeightedMean{}.begin<Scalar>(layout);
  const auto nothing = state.weighted_sum();
  CHECK(std::vector<double>(nothing.begin(), nothing.end()) == std::vector<double>{0, 0});
  CHECK(id_of([&] { static_cast<void>(state.finish()); }) == error::invalid_argument);
  state.add(update<Scalar>(layout, {3, 4}, 0));
  CHECK(id_of([&] { static_cast<void>(state.finish()); }) == error::invalid_argument);
  state.add(update<Scalar>(layout, {1, 2}, 5));
  const auto mean = state.finish();
  CHECK(mean.data()[0] == 1);
  CHECK(mean.data()[1] == 2);
}

TEST_CASE("weighted mean: what does not fit is an error that names the tensor") {
  const Layout layout{{"a", {2}}, {"b", {2}}};
  auto state = WeightedMean{}.begin<double>(layout);
  state.add(update<double>(layout, {1, 1, 1, 1e308}, 100));
  try {
    static_cast<void>(state.finish());
    FAIL("no error was thrown");
  } catch (const Error& e) {
    CHECK(e.id() == error::overflow);
    CHECK(std::string(e.what()).find("number 1 of tensor \"b\"") != std::string::npos);
  }
  auto opposite = WeightedMean{}.begin<double>(layout);  // infinity minus infinity
  opposite.add(update<double>(layout, {1, 1, 1, 1e308}, 100));
  opposite.add(update<double>(layout, {1, 1, 1, -1e308}, 100));
  CHECK(id_of([&] { static_cast<void>(opposite.finish()); }) == error::overflow);
  auto narrow = WeightedMean{}.begin<float>(layout);
  narrow.add_sum(std::vector<double>{1, 1e39, 1, 1}, 1);
  CHECK(id_of([&] { static_cast<void>(narrow.finish()); }) == error::overflow);
  auto heavy = WeightedMean{}.begin<float>(layout);
  heavy.add(update<float>(layout, {1, 1, 1, 1}, 1.5e308));
  heavy.add(update<float>(layout, {1, 1, 1, 1}, 1.5e308));
  CHECK(id_of([&] { static_cast<void>(heavy.finish()); }) == error::overflow);
  auto huge = WeightedMean{}.begin<float>(layout);  // the sums fit in double, the mean in float
  const float most = (std::numeric_limits<float>::max)();
  for (int k = 0; k < 3; ++k) huge.add(update<float>(layout, {most, -most, 0, 1}, 1e200));
  const auto mean = huge.finish();
  CHECK(mean.data()[0] == most);
  CHECK(mean.data()[1] == -most);
}

TEST_CASE("weighted mean: the result goes into memory that was lent") {
  const Layout layout{{"a", {1000}}};
  Parameters<float> spare{layout};
  const float* const memory = spare.data();
  auto state = WeightedMean{}.begin(layout, std::move(spare));
  state.add(Update<float>{Parameters<float>(layout), 1});
  auto mean = state.finish();
  CHECK(mean.data() == memory);
  state.restart(std::move(mean));
  CHECK(state.count() == 0);
  CHECK(state.weight() == 0);
  state.add(Update<float>{Parameters<float>(layout), 1});
  CHECK(state.finish().data() == memory);
  // Memory of another layout is not used.
  auto other = WeightedMean{}.begin(layout, Parameters<float>(Layout{{"b", {3}}}));
  other.add(Update<float>{Parameters<float>(layout), 1});
  CHECK(other.finish().layout() == layout);
}

TEST_CASE_TEMPLATE("weighted mean: a partial state travels", Scalar, float, double) {
  const Layout layout{{"a", {4}}};
  const auto travel = [](const auto& state) {
    return from_bytes<std::remove_cvref_t<decltype(state)>>(to_bytes(state));
  };
  auto state = WeightedMean{}.begin<Scalar>(layout);
  auto empty = travel(state);
  CHECK(empty.layout() == layout);
  CHECK(empty.count() == 0);
  state.add(update<Scalar>(layout, {1, 2, 3, Scalar(0.1)}, 1.0 / 3));
  state.add(update<Scalar>(layout, {4, 5, 6, Scalar(0.7)}, 2.0 / 3));
  auto copy = travel(state);
  CHECK(copy.count() == 2);
  empty.merge(std::move(copy));
  CHECK(bits(empty.finish()) == bits(state.finish()));

  auto broken = WeightedMean{}.begin<Scalar>(layout);
  broken.add_sum(std::vector<double>{0, 0, HUGE_VAL, 0}, 1);
  CHECK(id_of([&] { travel(broken); }) == error::archive_corrupt);
  auto negative = WeightedMean{}.begin<Scalar>(layout);
  negative.add_sum(std::vector<double>(4), -1);
  CHECK(id_of([&] { travel(negative); }) == error::archive_corrupt);
  auto nobody = to_bytes(WeightedMean{}.begin<Scalar>(layout));
  nobody[nobody.size() - 4 * sizeof(double) - 2] = std::byte{0xf0};  // a weight of 1 before four sums
  nobody[nobody.size() - 4 * sizeof(double) - 1] = std::byte{0x3f};
  CHECK(id_of([&] { (void)from_bytes<WeightedMean::State<Scalar>>(nobody); }) == error::archive_corrupt);
}

}  // namespace aggregation_weighted_mean_test
