#include "healthai/transport/partial_sum.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <cstddef>
#include <vector>

#include "healthai/aggregation/reproducible_mean.hpp"
#include "healthai/aggregation/weighted_mean.hpp"
#include "healthai/core/training.hpp"

namespace transport_partial_sum_test {

using namespace healthai;

namespace {

using TrainSum = PartialSum<Train<double>, WeightedMean>;
static_assert(Task<TrainSum> && Task<RegionRoster> && !AdditiveTask<TrainSum>);
static_assert(TrainSum::name == "sum.train.f64/WeightedMean");
static_assert(PartialSum<Train<float>, ReproducibleMean>::name == "sum.train.f32/ReproducibleMean");
static_assert(PartialSum<Evaluate<double>, WeightedMean>::name == "sum.evaluate.f64/WeightedMean");

TrainSum::Broadcast broadcast() {
  TrainSum::Broadcast broadcast;
  TrainBroadcast<double> work;
  work.id = {7, 3, 1};
  work.parameters = Parameters<double>(Layout{{"w", {2}}}, std::vector<double>{1, -2});
  broadcast.work = std::make_shared<const TrainBroadcast<double>>(std::move(work));
  broadcast.shares = {{"north", {"a", "b"}}, {"south", {"c"}}};
  broadcast.patience_ms = 1500;
  broadcast.grace_ms = 20;
  broadcast.accepts_partial_work = true;
  broadcast.extra_vectors = {{"control_variate", true}};
  return broadcast;
}

}  // namespace

TEST_CASE("a request travels whole") {
  const auto sent = broadcast();
  const auto came = from_bytes<TrainSum::Broadcast>(to_bytes(sent));
  REQUIRE(came.work);
  CHECK(came.work->id == sent.work->id);
  CHECK(came.work->parameters.data()[1] == -2);
  CHECK(came.shares == sent.shares);
  CHECK(came.patience_ms == sent.patience_ms);
  CHECK(came.grace_ms == 20);
  CHECK(came.accepts_partial_work);
  CHECK(came.extra_vectors == sent.extra_vectors);
  CHECK(from_bytes<RegionRoster::Reply>(to_bytes(RegionRoster::Reply{{"a", "b"}})).clients ==
        std::vector<ClientId>{"a", "b"});
}

TEST_CASE("one without work cannot be sent") {
  CHECK_THROWS_WITH_AS((void)to_bytes(TrainSum::Broadcast{}), "a partial sum was asked for without any work",
                       Error);
}

TEST_CASE("sizes are those of what travels") {
  CHECK(TrainSum::bytes(broadcast()) == 2 * sizeof(double) + 3);
  CHECK(TrainSum::bytes(TrainSum::Broadcast{}) == 0);
  TrainSum::Reply reply;
  reply.states.push_back(WeightedMean{}.begin<double>(Layout{{"w", {1000}}}));
  reply.states[0].add({Parameters<double>(Layout{{"w", {1000}}}), 1});
  reply.contributors = {"a"};
  CHECK(TrainSum::bytes(reply) == to_bytes(reply).size());
  CHECK(TrainSum::bytes(reply) > 8000);
  CHECK(RegionRoster::bytes(RegionRoster::Reply{{"a", "bc"}}) == 3);
}

TEST_CASE("a damaged request is an Error at worst") {
  int refusals = 0;
  CHECK(rc::check([&refusals] {
    auto bytes = to_bytes(broadcast());
    const auto changes = *rc::gen::inRange(1, 6);
    for (int i = 0; i < changes; ++i) {
      const auto at = *rc::gen::inRange<std::size_t>(0, bytes.size());
      bytes[at] = static_cast<std::byte>(*rc::gen::element<unsigned>(0, 1, 2, 0x7f, 0x80, 0xff));
    }
    try {
      RC_ASSERT(from_bytes<TrainSum::Broadcast>(bytes).work != nullptr);
    } catch (const Error&) {
      ++refusals;
    }
  }));
  CHECK(refusals > 20);
}

}  // namespace transport_partial_sum_test
