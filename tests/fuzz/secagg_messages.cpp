/// \file
/// libFuzzer target: what members send to the coordinator of a secure sum. Whatever the bytes, they are an Error, or a message that is
/// written as the very bytes it was read from; and the coordinator's states take it, say what is wrong with it, or open no sum.
/// Build with `clang++ -fsanitize=fuzzer,address,undefined`.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <utility>

#include "healthai/core/training.hpp"
#include "healthai/secagg/coordinator/kept_sums.hpp"
#include "healthai/secagg/tasks.hpp"
#include "healthai/serialization/archive.hpp"
#include "secagg_scene.hpp"

namespace {

using namespace healthai;
using namespace healthai::secagg;

/// \param use  what is done with it
template <class T, class Use>
void decode(std::span<const std::byte> bytes, const Use& use) {
  try {
    T message = from_bytes<T>(bytes);
    const auto again = to_bytes(message);
    if (!std::equal(again.begin(), again.end(), bytes.begin(), bytes.end())) std::abort();
    use(std::move(message));
  } catch (const Error&) {
  }
}
template <class T>
void decode(std::span<const std::byte> bytes) {
  decode<T>(bytes, [](const T&) {});
}

/// The coordinator of an honest sum, before each step.
struct Coordinator {
  Course course{};
  CollectingKeys keys{course.scene.session};
  CollectingVectors vectors{CollectingShares(course.all_shares)};
  CollectingConfirmations confirmations{course.scene.session, course.masked};
  CollectingReleases releases = collecting_releases();

  [[nodiscard]] CollectingReleases collecting_releases() {
    CollectingConfirmations all = confirmations;
    for (const Confirmation& one : course.confirmations) Scene::require(!all.add(one.member, one.signature));
    CollectingReleases collecting(std::move(all));
    for (const Index i : {1U, 2U}) {
      const Unmasking unmasking(std::move(course.confirming[i]), collecting.message());
      Scene::require(!collecting.add(i, unmasking.message()));
    }
    return collecting;
  }
};

}  // namespace

/// The first byte says what the others are taken for.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Coordinator coordinator;
  if (size == 0) return 0;
  const auto bytes = std::as_bytes(std::span(data + 1, size - 1));
  switch (data[0] % 11) {
    case 0:
      decode<AdvertisedKeys>(bytes, [](AdvertisedKeys keys) {
        CollectingKeys collecting = coordinator.keys;
        (void)collecting.add(0, std::move(keys));
      });
      break;
    case 1:
      decode<ShareSecrets::Reply>(bytes, [](ShareSecrets::Reply reply) {
        CollectingShares collecting = coordinator.course.all_shares;
        (void)collecting.add(0, std::move(reply.shares));
        const CollectingVectors next(std::move(collecting));
      });
      break;
    case 2:
      decode<RingVector>(bytes, [](const RingVector& vector) {
        CollectingVectors collecting = coordinator.vectors;
        for (const Index member : {0U, 1U, 2U, 3U}) (void)collecting.add(member, vector);
        (void)std::move(collecting).finish();
      });
      break;
    case 3:
      decode<Confirm::Reply>(bytes, [](const Confirm::Reply& reply) {
        CollectingConfirmations collecting = coordinator.confirmations;
        for (const Index member : {0U, 3U}) (void)collecting.add(member, reply.signature);
      });
      break;
    case 4:
      decode<ReleasedShares>(bytes, [](const ReleasedShares& shares) {
        CollectingReleases collecting = coordinator.releases;
        for (const Index member : {0U, 3U}) (void)collecting.add(member, shares);
        (void)std::move(collecting).open();
      });
      break;
    case 5:
      decode<Advertise<Train<double>>::Broadcast>(bytes);
      break;
    case 6:
      decode<ShareSecrets::Broadcast>(bytes);
      break;
    case 7:
      decode<HandIn::Broadcast>(bytes);
      break;
    case 8:
      decode<Confirm::Broadcast>(bytes);
      break;
    case 9:
      decode<Release::Broadcast>(bytes);
      break;
    default:  // not from the network, but from a file
      try {
        const auto sum = from_bytes<KeptSum>(bytes);
        CollectingConfirmations collecting(coordinator.course.scene.session, sum.masked);
        (void)collecting.add(0, {});
      } catch (const Error&) {
      }
  }
  return 0;
}
