#include "healthai/aggregation/reproducible_mean.hpp"

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

namespace aggregation_reproducible_mean_test {

using namespace healthai;

static_assert(AdditiveAggregator<ReproducibleMean, float> && AdditiveAggregator<ReproducibleMean, double>);
static_assert(BatchAggregation<ReproducibleMean::State<double>, double>);

namespace {

// Wide enough to add any products of doubles exactly: they span 2^-2148 to 2^2048.
using Exact = boost::multiprecision::number<boost::multiprecision::cpp_bin_float<
    4400, boost::multiprecision::digit_base_2, void, std::int32_t, -100000, 100000>>;

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

// Any finite number: bit patterns, so that all magnitudes come up, from subnormal to the largest, with both signs.
template <class Scalar>
Scalar any_finite() {
  const auto value = std::bit_cast<Scalar>(*rc::gen::resize(1000, rc::gen::arbitrary<Bits<Scalar>>()));
  return std::isfinite(value) ? value : (std::numeric_limits<Scalar>::max)();
}

// Numbers of all magnitudes, or close together, or opposite pairs that cancel; weights likewise.
template <class Scalar>
std::vector<Update<Scalar>> any_updates(const Layout& layout) {
  const auto clients = *rc::gen::inRange<std::size_t>(1, 12);
  const auto kind = *rc::gen::inRange(0, 4);
  std::vector<Update<Scalar>> updates;
  for (std::size_t k = 0; k < clients; ++k) {
    Parameters<Scalar> values{layout};
    for (std::size_t i = 0; i < layout.size(); ++i) {
      Scalar& value = values.data()[i];
      if (kind == 0) {
        value = any_finite<Scalar>();
      } else if (kind == 1) {
        value = static_cast<Scalar>(*rc::gen::inRange(-1'000'000, 1'000'000)) / Scalar{7};
      } else if (kind == 2) {  // the ends of the range
        const Scalar end =
            *rc::gen::element((std::numeric_limits<Scalar>::max)(), std::numeric_limits<Scalar>::denorm_min(),
                              (std::numeric_limits<Scalar>::min)(), Scalar{0});
        value = *rc::gen::arbitrary<bool>() ? end : -end;
      } else {
        value = k % 2 == 1 ? -updates[k - 1].values.data()[i] : any_finite<Scalar>();
      }
    }
    double weight = static_cast<double>(*rc::gen::inRange(1, 100'000));
    if (*rc::gen::inRange(0, 4) == 0) weight = std::abs(any_finite<double>());
    if (kind == 3 && k % 2 == 1) weight = updates[k - 1].weight;
    updates.push_back({std::move(values), weight});
  }
  if (updates.front().weight == 0) updates.front().weight = 1;
  return updates;
}

template <class Scalar>
Parameters<Scalar> mean_of(const Layout& layout, const std::vector<Update<Scalar>>& updates) {
  auto state = ReproducibleMean{}.begin<Scalar>(layout);
  state.add_batch(updates);
  return state.finish();
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

TEST_CASE_TEMPLATE("reproducible mean: by hand", Scalar, float, double) {
  const Layout layout{{"w", {2}}, {"b", {}}};
  auto state = ReproducibleMean{}.begin<Scalar>(layout);
  state.add(update<Scalar>(layout, {1, 2, -8}, 1));
  state.add(update<Scalar>(layout, {5, 2, 4}, 3));
  CHECK(state.weight() == 4);
  CHECK(state.count() == 2);
  const auto mean = state.finish();
  CHECK(mean.layout() == layout);
  CHECK(mean.data()[0] == 4);
  CHECK(mean.data()[1] == 2);
  CHECK(mean.data()[2] == 1);
}

TEST_CASE_TEMPLATE("reproducible mean: any order and any grouping give the same bits", Scalar, float,
                   double) {
  CHECK(rc::check([] {
    const Layout layout{{"a", {*rc::gen::elementOf(std::vector<std::size_t>{1, 3, 19})}}};
    auto updates = any_updates<Scalar>(layout);
    const auto mean = mean_of(layout, updates);
    RC_ASSERT(all_finite(mean.span()));
    const auto expected = bits(mean);

    // Shuffled.
    for (std::size_t k = updates.size(); k > 1; --k) {
      std::swap(updates[k - 1], updates[*rc::gen::inRange<std::size_t>(0, k)]);
    }
    RC_ASSERT(bits(mean_of(layout, updates)) == expected);

    // Dealt to partial states, one at a time or in batches; these are merged two by two in any order.
    std::vector<ReproducibleMean::State<Scalar>> parts(*rc::gen::inRange<std::size_t>(1, 5),
                                                       ReproducibleMean{}.begin<Scalar>(layout));
    for (std::size_t k = 0; k < updates.size();) {
      auto& part = parts[*rc::gen::inRange<std::size_t>(0, parts.size())];
      const auto count = *rc::gen::inRange<std::size_t>(1, updates.size() - k + 1);
      const std::span<const Update<Scalar>> some(updates.data() + k, count);
      if (*rc::gen::arbitrary<bool>()) {
        part.add_batch(some);
      } else {
        for (const auto& u : some) part.add(u);
      }
      k += count;
    }
    while (parts.size() > 1) {
      const auto into = *rc::gen::inRange<std::size_t>(0, parts.size() - 1);
      parts[into].merge(std::move(parts.back()));
      parts.pop_back();
    }
    RC_ASSERT(parts.front().count() == updates.size());
    RC_ASSERT(bits(parts.front().finish()) == expected);
  }));
}

TEST_CASE_TEMPLATE("reproducible mean: within its error bound of the exact mean", Scalar, float, double) {
  CHECK(rc::check([] {
    const Layout layout{{"a", {2}}};
    const auto updates = any_updates<Scalar>(layout);
    const auto mean = mean_of(layout, updates);
    const auto n = static_cast<double>(updates.size());
    for (std::size_t i = 0; i < layout.size(); ++i) {
      Exact sum = 0;
      Exact absolute = 0;
      Exact largest = 0;
      Exact weight = 0;
      for (const auto& u : updates) {
        const Exact term = Exact(u.weight) * Exact(u.values.data()[i]);
        sum += term;
        absolute += abs(term);
        if (abs(term) > largest) largest = abs(term);
        weight += u.weight;
      }
      const Exact exact = sum / weight;
      Exact unit = abs(exact) * Exact(std::numeric_limits<Scalar>::epsilon());
      if (unit < std::numeric_limits<Scalar>::denorm_min()) unit = std::numeric_limits<Scalar>::denorm_min();
      const Exact bound =
          (Exact(n) * Exact(0x1p-64) * largest + Exact(0x1p-53) * absolute) / weight + 5 * unit;
      RC_ASSERT(abs(Exact(mean.data()[i]) - exact) <= bound);
    }
  }));
}

TEST_CASE("reproducible mean: a sum that cancels keeps what WeightedMean loses") {
  const Layout layout{{"a", {1}}};
  // 2^62 and -2^62 leave 1 behind: 62 bits apart is within the window, wherever on the grid.
  for (int shift = -900; shift <= 900; ++shift) {
    const auto scaled = [&](double value) { return update<double>(layout, {std::ldexp(value, shift)}, 1); };
    const auto mean = mean_of<double>(layout, {scaled(0x1p62), scaled(1), scaled(-0x1p62)});
    CHECK(mean.data()[0] == std::ldexp(1.0 / 3, shift));
  }
}

TEST_CASE("reproducible mean: products beyond the range of double do not matter") {
  const Layout layout{{"a", {3}}};
  const double most = (std::numeric_limits<double>::max)();
  const double least = std::numeric_limits<double>::denorm_min();
  for (const double weight : {1.0, 3.0, 1e300, most, 1e-300, least}) {
    CAPTURE(weight);
    std::vector<Update<double>> updates;
    for (int k = 0; k < 7; ++k) updates.push_back(update<double>(layout, {most, -most, least}, weight));
    const auto mean = mean_of(layout, updates);
    CHECK(mean.data()[0] >= std::nextafter(std::nextafter(most, 0.0), 0.0));
    CHECK(mean.data()[1] <= std::nextafter(std::nextafter(-most, 0.0), 0.0));
    CHECK(mean.data()[2] == least);
  }
}

TEST_CASE("reproducible mean: misuse is an error") {
  const Layout layout{{"a", {2}}};
  auto state = ReproducibleMean{}.begin<float>(layout);
  CHECK(id_of([&] { static_cast<void>(state.finish()); }) == error::invalid_argument);
  state.add(update<float>(layout, {1, 2}, 0));
  CHECK(id_of([&] { static_cast<void>(state.finish()); }) == error::invalid_argument);
  CHECK(id_of([&] {
          state.merge(ReproducibleMean{}.begin<float>(Layout{{"b", {2}}}));
        }) == error::layout_mismatch);
  CHECK(id_of([&] { state.add_sum(std::vector<double>(3), 1); }) == error::layout_mismatch);
  state.restart();
  state.add_sum(std::vector<double>{1, 1e39}, 1);
  CHECK(id_of([&] { static_cast<void>(state.finish()); }) == error::overflow);
}

TEST_CASE_TEMPLATE("reproducible mean: sums from elsewhere are terms", Scalar, float, double) {
  const Layout layout{{"a", {2}}};
  auto state = ReproducibleMean{}.begin<Scalar>(layout);
  state.add(update<Scalar>(layout, {1, 2}, 2));
  state.add_sum(std::vector<double>{6, -12}, 6);
  CHECK(state.weight() == 8);
  CHECK(state.count() == 2);
  auto mean = state.finish();
  CHECK(mean.data()[0] == 1);
  CHECK(mean.data()[1] == -1);
  const Scalar* const memory = mean.data();
  state.restart(std::move(mean));
  CHECK(state.count() == 0);
  state.add(update<Scalar>(layout, {3, 4}, 1));
  const auto again = state.finish();
  CHECK(again.data() == memory);
  CHECK(again.data()[0] == 3);
}

TEST_CASE("reproducible mean: nothing of an earlier round is left after a restart") {
  const Layout layout{{"a", {2}}};
  const auto used = [&] {
    auto state = ReproducibleMean{}.begin<double>(layout);
    state.add(update<double>(layout, {1e200, -7}, 2));
    state.restart();
    return state;
  };
  auto merged = used();
  auto other = used();
  merged.merge(used());
  other.add(update<double>(layout, {3, 4}, 1));
  merged.merge(std::move(other));
  const auto mean = merged.finish();
  CHECK(mean.data()[0] == 3);
  CHECK(mean.data()[1] == 4);
  CHECK(to_bytes(used()) == to_bytes(ReproducibleMean{}.begin<double>(layout)));
}

TEST_CASE_TEMPLATE("reproducible mean: a partial state travels, and impossible digits are refused", Scalar,
                   float, double) {
  const Layout layout{{"a", {3}}};
  const auto send = [](const auto& state) { return to_bytes(state); };
  const auto receive = [](std::span<const std::byte> bytes) {
    return from_bytes<ReproducibleMean::State<Scalar>>(bytes);
  };
  auto state = ReproducibleMean{}.begin<Scalar>(layout);
  state.add(update<Scalar>(layout, {1, 2, Scalar(0.1)}, 1.0 / 3));
  const auto first = send(state);
  auto rest = ReproducibleMean{}.begin<Scalar>(layout);
  rest.add(update<Scalar>(layout, {4, 5, Scalar(1e-20)}, 2.0 / 3));
  state.add(update<Scalar>(layout, {4, 5, Scalar(1e-20)}, 2.0 / 3));
  rest.merge(receive(first));
  CHECK(rest.count() == 2);
  CHECK(bits(rest.finish()) == bits(state.finish()));

  auto anchor = first;  // the last int32 is the last anchor
  anchor[anchor.size() - 1] = std::byte{0x7f};
  CHECK(id_of([&] { receive(anchor); }) == error::archive_corrupt);
  auto digit = first;  // before three anchors, the last of the low digits
  digit[digit.size() - 3 * sizeof(std::int32_t) - 1] = std::byte{0x7f};
  CHECK(id_of([&] { receive(digit); }) == error::archive_corrupt);
  auto negative = ReproducibleMean{}.begin<Scalar>(layout);
  negative.add_sum(std::vector<double>(3), -1);
  CHECK(id_of([&] { receive(send(negative)); }) == error::archive_corrupt);
  auto nobody = send(ReproducibleMean{}.begin<Scalar>(layout));
  CHECK(receive(nobody).count() == 0);
  nobody[nobody.size() - sizeof(std::int32_t)] = std::byte{1};  // would push others' digits out of the window
  CHECK(id_of([&] { receive(nobody); }) == error::archive_corrupt);
}

}  // namespace aggregation_reproducible_mean_test
