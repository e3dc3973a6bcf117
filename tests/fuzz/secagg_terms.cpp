/// \file
/// libFuzzer target: terms of a secure sum, which a coordinator sends. Whatever the bytes, they are an Error or terms whose plan is sound:
/// what is encoded under it for one client is decoded again, and any other words are an Error or finite numbers.
/// Build with `clang++ -fsanitize=fuzzer,address,undefined`.

#include "healthai/secagg/terms.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <vector>

#include "healthai/secagg/ring_vector.hpp"
#include "healthai/serialization/archive.hpp"

namespace {

using namespace healthai;
using namespace healthai::secagg;

void require(bool good) {
  if (!good) std::abort();
}
/// Every number is at an end of its range.
[[nodiscard]] Summand<double> largest(const SegmentPlan& plan) {
  Summand<double> summand;
  summand.weight = std::floor(std::min(static_cast<double>(plan.most_weight()), 0x1p52));
  for (const VectorSegment& segment : plan.vectors()) {
    Parameters<double> values(segment.layout);
    for (double& value : values.span()) value = segment.clip;
    summand.vectors.push_back({segment.name, segment.weighted, std::move(values)});
  }
  for (const ScalarSegment& segment : plan.scalars())
    summand.scalars.push_back({segment.name, -segment.clip});
  return summand;
}
void use(const SegmentPlan& plan, std::span<const std::byte> bytes) {
  if (plan.size() > 4096 || plan.clients() == 0) return;
  const Summand<double> summand = largest(plan);
  RingVector words(plan.ring_bits(), plan.size());
  words.visit([&](auto span) { require(plan.encode_nearest(summand, span).empty()); });
  const auto decode = [&](std::uint64_t contributors) {
    return std::as_const(words).visit([&](auto span) { return plan.decode(span, contributors); });
  };
  const Summand<double> decoded = decode(1);
  require(decoded.weight == summand.weight && decoded.vectors.size() == plan.vectors().size());
  for (std::size_t i = 0; i < decoded.scalars.size(); ++i) {
    const double clip = plan.scalars()[i].clip;
    require(std::abs(decoded.scalars[i].value + clip) <= 1e-9 * clip);
  }
  // What a hostile member makes of the sum.
  words.visit([&](auto span) {
    std::memcpy(span.data(), bytes.data(), (std::min)(bytes.size(), span.size_bytes()));
  });
  try {
    const Summand<double> other = decode(plan.clients());
    for (const SummandScalar& number : other.scalars) require(std::isfinite(number.value));
  } catch (const Error&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  try {
    const auto terms = from_bytes<Terms>(bytes);
    const auto again = to_bytes(terms);
    require(std::equal(again.begin(), again.end(), bytes.begin(), bytes.end()));
    use(terms.plan, bytes);
  } catch (const Error&) {
  }
  return 0;
}
