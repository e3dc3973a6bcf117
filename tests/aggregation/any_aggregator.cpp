#include "healthai/aggregation/any_aggregator.hpp"

#include <doctest/doctest.h>

#include "healthai/aggregation/median.hpp"
#include "healthai/aggregation/trimmed_mean.hpp"
#include "healthai/core/error.hpp"
#include "healthai/strategy/fedavg.hpp"

namespace aggregation_any_aggregator_test {

using namespace healthai;

static_assert(Aggregator<AnyAggregator<float>, float> && Aggregator<AnyAggregator<double>, double>);
static_assert(!Aggregator<AnyAggregator<float>, double>);
static_assert(
    !AdditiveAggregator<AnyAggregator<double>, double>);  // what is inside is not known when it is compiled

namespace {

const Layout layout{{"w", {2}}};

template <class Scalar>
Parameters<Scalar> aggregate(const AnyAggregator<Scalar>& rule) {
  auto state = rule.template begin<Scalar>(layout);
  for (const double value : {1.0, 2.0, 9.0}) {
    Parameters<Scalar> update(layout);
    update.flat() << static_cast<Scalar>(value), static_cast<Scalar>(-value);
    state.add({std::move(update), value == 9.0 ? 2.0 : 1.0});
  }
  return state.finish();
}

}  // namespace

TEST_CASE("it is the rule that it holds, for float and double") {
  CHECK(aggregate<double>({}).data()[0] == 5.25);  // (1 + 2 + 2 * 9) / 4
  CHECK(aggregate<double>(Median{}).data()[1] == -2);
  CHECK(aggregate<float>(Median{}).data()[0] == 2);
  CHECK(AnyAggregator<double>().describe() == "WeightedMean");
  CHECK(AnyAggregator<double>(TrimmedMean{.trim = 0.2}).describe() == "TrimmedMean(trim=0.2)");
}

TEST_CASE("a copy is the same rule, and holds no other AnyAggregator") {
  const AnyAggregator<double> rule = Median{};
  const AnyAggregator<double> copy(rule);
  CHECK(copy.describe() == "Median");
}

TEST_CASE("a strategy describes and validates what is inside") {
  const BasicFedAvg<AnyAggregator<double>> strategy{.aggregator = TrimmedMean{.trim = 0.6}};
  CHECK(strategy.describe() == "FedAvg(server_learning_rate=1,aggregator=TrimmedMean(trim=0.6))");
  try {
    strategy.validate();
    FAIL("a share that leaves nothing was taken");
  } catch (const Error& e) {
    CHECK(std::string(e.what()).starts_with("TrimmedMean: trim is the share cut off at each side"));
  }
}

}  // namespace aggregation_any_aggregator_test
