#include "healthai/server/detail/fold.hpp"

#include <doctest/doctest.h>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "healthai/strategy/fedavg.hpp"

namespace server_detail_fold_test {

using namespace healthai;
using FedAvgFold = healthai::detail::Fold<FedAvg, float>;

namespace {

/// So large that updates do not wait for each other.
const Layout& large() {
  static const Layout layout{{"w", {(std::size_t{32} << 20U) / sizeof(float) + 5}}};
  return layout;
}
TrainReply<float> reply(std::uint32_t seed, double rows) {
  TrainReply<float> result;
  result.update = Parameters<float>(large());
  std::uint32_t random = seed;
  for (float& value : result.update.span()) {
    random = random * 1664525U + 1013904223U;
    value = static_cast<float>(random) / 1e9F;
  }
  result.num_examples = rows;
  return result;
}
bool same_bits(const Parameters<float>& a, const Parameters<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

}  // namespace

TEST_CASE("fold: the mean of large updates is made in the last one's memory, if it is known to be the last") {
  REQUIRE(healthai::detail::saves_memory<float>(large()));
  auto plain = WeightedMean{}.begin<float>(large());
  for (std::uint32_t k = 1; k <= 3; ++k) plain.add({reply(k, 7.0 * k).update, 7.0 * k});
  const Parameters<float> expected = plain.finish();

  FedAvgFold fold(FedAvg{}, large(), {});
  for (std::uint32_t k = 1; k <= 2; ++k) CHECK(!fold.add("site-" + std::to_string(k), reply(k, 7.0 * k)));
  fold.let_last_wait();
  TrainReply<float> last = reply(3, 21);
  const float* const memory = std::as_const(last.update).data();
  CHECK(!fold.add("site-3", std::move(last)));
  const RoundAggregate<float> round = fold.finish();
  CHECK(round.update.data() == memory);
  CHECK(same_bits(round.update, expected));
  CHECK(round.weight == 42);

  FedAvgFold unaware(FedAvg{}, large(), {});
  for (std::uint32_t k = 1; k <= 3; ++k) CHECK(!unaware.add("site-" + std::to_string(k), reply(k, 7.0 * k)));
  CHECK(same_bits(unaware.finish().update, expected));

  FedAvgFold without_last(FedAvg{}, large(), {});
  for (std::uint32_t k = 1; k <= 3; ++k)
    CHECK(!without_last.add("site-" + std::to_string(k), reply(k, 7.0 * k)));
  without_last.let_last_wait();  // and then it fails
  CHECK(same_bits(without_last.finish().update, expected));

  FedAvgFold only(FedAvg{}, large(), {});
  only.let_last_wait();
  CHECK(!only.add("site-1", reply(1, 7)));
  CHECK(same_bits(only.finish().update, reply(1, 7).update));
}

}  // namespace server_detail_fold_test
