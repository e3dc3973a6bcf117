/// \file
/// libFuzzer target: shares of a secret, of which others than the first may be anything. They are an Error or a share that is written as
/// the very bytes it was read from; and what is put together is the secret or nothing.
/// Build with `clang++ -fsanitize=fuzzer,address,undefined`.

#include "healthai/secagg/secret_sharing.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <span>
#include <vector>

#include "healthai/core/random.hpp"
#include "healthai/secagg/detail/put_together.hpp"

namespace {

using namespace healthai;
using namespace healthai::secagg;

constexpr std::size_t holders = 5;
constexpr std::size_t threshold = 3;

struct Shared {
  Secret<32> secret{};
  std::vector<Share> shares{};
  Shared() {
    for (std::size_t i = 0; i < 32; ++i) secret.writable_bytes()[i] = static_cast<std::uint8_t>(7 * i);
    const std::vector<std::uint64_t> points{1, 2, 3, 4, 5};
    Stream random(1, Purpose::test);
    shares = share(std::as_bytes(secret.bytes()), threshold, points, random);
  }
};

}  // namespace

/// The first byte says, bit by bit, whose shares come from the others, 40 bytes each; those of the rest are right.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Shared shared;
  if (size == 0) return 0;
  auto bytes = std::as_bytes(std::span(data + 1, size - 1));
  std::vector<Share> shares;
  std::size_t right = 0;
  for (std::size_t i = 0; i < holders; ++i) {
    if ((data[0] >> i & 1U) == 0) {
      shares.push_back(shared.shares[i]);
      ++right;
      continue;
    }
    const auto own = bytes.first((std::min)(bytes.size(), share_bytes(32)));
    bytes = bytes.subspan(own.size());
    try {
      shares.push_back(decode_share(i + 1, own, 32));
      const WipedBytes again = encode_share(shares.back());
      if (!std::equal(again.begin(), again.end(), own.begin(), own.end())) std::abort();
    } catch (const Error&) {  // nothing of it
    }
  }
  secagg::detail::PutTogether put_together(threshold);
  const auto is_right = [](const Secret<32>& secret) { return secret == shared.secret; };
  const bool found = put_together(shares, is_right).has_value();
  if (right == holders && !found) std::abort();
  if (shares.size() < threshold && found) std::abort();
  if (right + 1 == shares.size() && right >= threshold && !found) std::abort();  // one wrong one does no harm
  return 0;
}
