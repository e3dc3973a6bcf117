/// \file
/// libFuzzer target: whatever bytes a relay sends, they are an Error, or a partial aggregate that can be merged into another and
/// finished, with an Error at worst. Build with `clang++ -fsanitize=fuzzer,address,undefined`.

#include "healthai/core/partial_aggregate.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "healthai/aggregation/reproducible_mean.hpp"
#include "healthai/aggregation/weighted_mean.hpp"
#include "healthai/core/training.hpp"
#include "healthai/serialization/archive.hpp"
#include "healthai/transport/partial_sum.hpp"

namespace {

template <class Aggregator>
void receive(std::span<const std::byte> bytes) {
  using namespace healthai;
  const Layout layout{{"w", {3}}};
  PartialAggregate<Aggregator, double> sum;
  sum.states.push_back(Aggregator{}.template begin<double>(layout));
  sum.states[0].add({Parameters<double>(layout, std::vector<double>{1, -2, 3e300}), 2});
  sum.contributors = {"a"};
  try {
    sum.merge(from_bytes<PartialAggregate<Aggregator, double>>(bytes));
    for (auto& state : sum.states) (void)state.finish();
  } catch (const Error&) {
  }
}

}  // namespace

/// The first byte says what the others are taken for.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto bytes = std::as_bytes(std::span(data + 1, size - 1));
  switch (data[0] % 3) {
    case 0:
      receive<healthai::WeightedMean>(bytes);
      break;
    case 1:
      receive<healthai::ReproducibleMean>(bytes);
      break;
    default:
      try {
        (void)healthai::from_bytes<healthai::PartialSumBroadcast<healthai::Train<double>>>(bytes);
      } catch (const healthai::Error&) {
      }
  }
  return 0;
}
