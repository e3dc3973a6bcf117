#include "healthai/secagg/detail/additive_reply.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <stop_token>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "healthai/client/control_variates.hpp"
#include "healthai/compression/compressed.hpp"
#include "healthai/compression/low_precision.hpp"
#include "healthai/compression/qsgd.hpp"
#include "healthai/compression/sign.hpp"
#include "healthai/compression/top_k.hpp"

namespace secagg_detail_additive_reply_test {

using namespace healthai;
using secagg::detail::replies_can_be_summed;

namespace {

struct Plain {
  TrainReply<double> train(const TrainRequest<double>&, std::stop_token) const { return {}; }
  EvaluateReply evaluate(const EvaluateRequest<double>&, std::stop_token) const { return {}; }
};
struct SaysNo : Plain {
  static constexpr bool additive = false;
};

template <class Compressor>
constexpr bool compressed_by = replies_can_be_summed<Compressed<Plain, Compressor>>();

// Of itself, and of what it is wrapped around.
static_assert(replies_can_be_summed<Plain>() && !replies_can_be_summed<SaysNo>());
static_assert(replies_can_be_summed<ControlVariates<Plain>>() &&
              !replies_can_be_summed<ControlVariates<SaysNo>>());
static_assert(compressed_by<RandomK> && !compressed_by<TopK> && !compressed_by<Sign> &&
              !compressed_by<Qsgd> && !compressed_by<Float16> && !compressed_by<BFloat16> &&
              !compressed_by<Int8>);
static_assert(!replies_can_be_summed<ControlVariates<ControlVariates<Compressed<Plain, Sign>>>>());
static_assert(!replies_can_be_summed<Compressed<SaysNo, RandomK>>());

}  // namespace

TEST_CASE(
    "a reply that was compressed with everybody's coordinates is put into its place; others are refused") {
  const Layout layout{{"w", {4}}};
  const std::vector<double> numbers{1, -2, 3, -4};
  const Parameters<double> values(layout, numbers);
  const auto same = [&](const Parameters<double>& update) {
    return std::ranges::equal(update.span(), numbers);
  };
  const auto reply_of = [&](const auto& compressor, std::uint64_t fingerprint) {
    using K = std::remove_cvref_t<decltype(compressor)>;
    Stream stream(1, Purpose::compression);
    TrainReply<double> reply;
    reply.compressed =
        CompressedUpdate{std::string(K::name), fingerprint, compressor.encode(values.span(), stream)};
    return reply;
  };
  const auto error_of = [&](TrainReply<double> reply) {
    try {
      secagg::detail::require_summable(reply, layout);
    } catch (const Error& e) {
      return std::string(e.id().name());
    }
    return std::string();
  };
  TrainReply<double> kept = reply_of(RandomK{.share = 1}, layout.fingerprint());
  secagg::detail::require_summable(kept, layout);
  CHECK(!kept.compressed);
  CHECK(same(kept.update));
  secagg::detail::require_summable(kept, layout);  // nothing is left to do
  CHECK(same(kept.update));
  CHECK(error_of(reply_of(TopK{.share = 1}, layout.fingerprint())) == "invalid_reply");
  CHECK(error_of(reply_of(RandomK{.share = 1}, 5)) == "layout_mismatch");
  TrainReply<double> torn = reply_of(RandomK{.share = 1}, layout.fingerprint());
  torn.compressed->bytes.pop_back();
  CHECK(error_of(std::move(torn)) == "archive_truncated");
}

}  // namespace secagg_detail_additive_reply_test
