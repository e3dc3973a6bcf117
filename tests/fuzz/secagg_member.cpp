/// \file
/// libFuzzer target: what a coordinator sends to a member of a secure sum, who is in the state for it. Whatever the bytes, the member
/// answers or refuses with an Error. Build with `clang++ -fsanitize=fuzzer,address,undefined`.

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "healthai/core/training.hpp"
#include "healthai/secagg/tasks.hpp"
#include "healthai/serialization/archive.hpp"
#include "secagg_scene.hpp"

/// The first byte says at which step the member is.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace healthai;
  using namespace healthai::secagg;
  if (size == 0) return 0;
  const auto bytes = std::as_bytes(std::span(data + 1, size - 1));
  try {
    switch (data[0] % 5) {
      case 0: {
        static const Scene scene;
        const auto request = from_bytes<Advertise<Train<double>>::Broadcast>(bytes);
        require_acceptable(request.terms, *scene.members, {.options = {.corrupt = 0, .dropout = 0}}, "site0");
        const Session session(scene.members, request.terms, {});
        if (session.holders(0).size() != Scene::n) std::abort();
        break;
      }
      case 1: {
        const auto keys = from_bytes<KeyList>(bytes);
        static const Scene scene;
        const SharingSecrets state(scene.advertising(0), keys);
        break;
      }
      case 2: {
        const auto shares = from_bytes<std::vector<SealedShares>>(bytes);
        Course course(3);
        const Masking state(std::move(course.sharing[0]), shares);
        break;
      }
      case 3: {
        auto survivors = from_bytes<std::vector<Index>>(bytes);
        Course course(4);
        const Confirming state(std::move(course.masking[0]), std::move(survivors));
        break;
      }
      default: {
        const auto confirmations = from_bytes<std::vector<Confirmation>>(bytes);
        Course course(5);
        const Unmasking state(std::move(course.confirming[0]), confirmations);
        // With fewer signatures than all survivors' nothing is released.
        if (confirmations.size() < course.survivors.size()) std::abort();
        break;
      }
    }
  } catch (const Error&) {
  }
  return 0;
}
