#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

#include "aggregation/updates.hpp"
#include "healthai/aggregation/any_aggregator.hpp"
#include "healthai/aggregation/median.hpp"
#include "healthai/aggregation/norm_bounded_mean.hpp"
#include "healthai/aggregation/reproducible_mean.hpp"
#include "healthai/aggregation/weighted_mean.hpp"

namespace aggregation_sum_in_pieces_test {

using namespace healthai;

static_assert(SumInPieces<WeightedMean::State<float>, float> &&
              SumInPieces<ReproducibleMean::State<double>, double> &&
              SumInPieces<NormBoundedMean::State<double>, double> &&
              !SumInPieces<Median::State<double>, double>);
// A norm-bounded mean has no add_sum: a sum that someone else has made cannot be shortened any more.
static_assert(!AdditiveAggregator<NormBoundedMean, float> && !AdditiveAggregator<NormBoundedMean, double>);

namespace {

struct alignas(64) Line {
  std::byte bytes[64];
};

/// The updates dealt out to several machines, which bring their sums together in pieces of so many coordinates.
template <class Scalar, class Rule>
std::vector<double> in_pieces(const Rule& rule, const Updates<Scalar>& updates, std::size_t machines,
                              std::size_t piece) {
  using State = typename Rule::template State<Scalar>;
  const Layout layout = updates.front().values.layout();
  std::vector<State> states;
  for (std::size_t m = 0; m < machines; ++m) states.push_back(rule.template begin<Scalar>(layout));
  std::vector<double> weights;
  std::vector<Updates<Scalar>> last(machines);
  for (std::size_t k = 0; k < updates.size(); ++k) {
    weights.push_back(updates[k].weight);
    constexpr bool takes_last =
        requires(State & state, std::span<const Update<Scalar>> some, std::byte * bytes) {
      state.write_piece(some, 0, 0, bytes);
    };
    if (takes_last && k % 3 == 0) {
      last[k % machines].push_back(updates[k]);
    } else {
      states[k % machines].add(Update<Scalar>(updates[k]));
    }
  }
  Parameters<Scalar> mean = states[0].begin_mean(weights);
  const std::size_t lines = states[0].piece_bytes(piece) / sizeof(Line) + 1;
  std::vector<Line> total(lines), other(lines);
  for (std::size_t begin = 0; begin < layout.size(); begin += piece) {
    const std::size_t count = (std::min)(piece, layout.size() - begin);
    const auto write = [&](std::size_t machine, std::vector<Line>& to) {
      if constexpr (requires { states[0].write_piece(last[0], begin, count, to.front().bytes); }) {
        states[machine].write_piece(last[machine], begin, count, to.front().bytes);
      } else {
        states[machine].write_piece(begin, count, to.front().bytes);
      }
    };
    write(0, total);
    for (std::size_t m = 1; m < machines; ++m) {
      write(m, other);
      states[0].add_piece(total.front().bytes, other.front().bytes, count);
    }
    states[0].finish_piece(begin, count, total.front().bytes, mean);
  }
  return {mean.span().begin(), mean.span().end()};
}

/// Numbers whose sums are not rounded: integers, and powers of two that a bound of 32 shortens by a power of two.
template <class Scalar>
Updates<Scalar> exact_updates(std::size_t n, std::size_t size) {
  Updates<Scalar> updates;
  for (std::size_t k = 0; k < n; ++k) {
    updates.push_back({Parameters<Scalar>(layout_of(size)), static_cast<double>(*rc::gen::inRange(1, 100))});
    Scalar* const values = updates[k].values.data();
    if (size == 2 && *rc::gen::arbitrary<bool>()) {
      values[*rc::gen::inRange<std::size_t>(0, 2)] =
          static_cast<Scalar>(*rc::gen::element(-4096, -64, 128, 1024));
    } else {
      for (std::size_t i = 0; i < size; ++i) values[i] = static_cast<Scalar>(*rc::gen::inRange(-20, 20));
    }
  }
  return updates;
}
/// Any numbers.
template <class Scalar>
Updates<Scalar> rough_updates(std::size_t n, std::size_t size) {
  Updates<Scalar> updates;
  for (std::size_t k = 0; k < n; ++k) {
    updates.push_back({Parameters<Scalar>(layout_of(size)), *rc::gen::inRange(1, 1000) * 0.37});
    for (Scalar& value : updates[k].values.span())
      value = static_cast<Scalar>(*rc::gen::inRange(-1'000'000, 1'000'000) * 1e-7);
  }
  return updates;
}

}  // namespace

TEST_CASE_TEMPLATE("sums in pieces: what is not rounded is the mean of all updates", Scalar, float, double) {
  CHECK(rc::check([] {
    const auto machines = *rc::gen::inRange<std::size_t>(1, 6);
    const auto size = *rc::gen::inRange<std::size_t>(1, 40);
    const auto piece = *rc::gen::inRange<std::size_t>(1, 50);
    const auto updates = exact_updates<Scalar>(*rc::gen::inRange<std::size_t>(1, 12), size);
    RC_ASSERT(in_pieces<Scalar>(WeightedMean{}, updates, machines, piece) ==
              aggregate(WeightedMean{}, updates));
    const auto pairs = exact_updates<Scalar>(*rc::gen::inRange<std::size_t>(1, 12), 2);
    const NormBoundedMean bounded{.bound = 32};
    RC_ASSERT(in_pieces<Scalar>(bounded, pairs, machines, piece) == aggregate(bounded, pairs));
  }));
}

TEST_CASE_TEMPLATE("sums in pieces: the reproducible mean has the same bits however updates are dealt out",
                   Scalar, float, double) {
  CHECK(rc::check([] {
    const auto machines = *rc::gen::inRange<std::size_t>(1, 6);
    const auto piece = *rc::gen::inRange<std::size_t>(1, 50);
    const auto updates =
        rough_updates<Scalar>(*rc::gen::inRange<std::size_t>(1, 12), *rc::gen::inRange<std::size_t>(1, 40));
    const ReproducibleMean rule;
    RC_ASSERT(in_pieces<Scalar>(rule, updates, machines, piece) == aggregate(rule, updates));
    RC_ASSERT(in_pieces<Scalar>(AnyAggregator<Scalar>(rule), updates, machines, piece) ==
              aggregate(rule, updates));
  }));
}

TEST_CASE("sums in pieces: there is no result without updates or weight, and for numbers too large") {
  auto state = WeightedMean{}.begin<double>(layout_of(3));
  CHECK_THROWS_AS(static_cast<void>(state.begin_mean({})), Error);
  CHECK_THROWS_AS(static_cast<void>(state.begin_mean(std::vector<double>{0, 0})), Error);
  Parameters<double> mean = state.begin_mean(std::vector<double>{1e-300, 0});
  alignas(64) double sums[3] = {1, 1e300, 2};
  CHECK_THROWS_WITH_AS(state.finish_piece(0, 3, reinterpret_cast<std::byte*>(sums), mean),
                       doctest::Contains("number 1 of tensor \"w\""), Error);
}

TEST_CASE("sums in pieces: a rule chosen at run time says how it is shared, and refuses other ways") {
  CHECK(AnyAggregator<double>(WeightedMean{}).how_shared() == Sharing::pieces);
  CHECK(AnyAggregator<double>(NormBoundedMean{}).how_shared() == Sharing::pieces);
  CHECK(!AnyAggregator<double>(NormBoundedMean{}).additive());
  const AnyAggregator<double> median(Median{});
  CHECK(median.how_shared() == Sharing::slices);
  auto state = median.begin<double>(layout_of(3));
  CHECK_THROWS_AS(static_cast<void>(state.piece_bytes(3)), Error);
  auto mean = AnyAggregator<double>().begin<double>(layout_of(3));
  CHECK_THROWS_AS(static_cast<void>(mean.finish(CoordinateSlice::whole(3))), Error);
}

}  // namespace aggregation_sum_in_pieces_test
