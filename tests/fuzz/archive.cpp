/// \file
/// libFuzzer target: whatever bytes arrive, reading gives a value or an Error; and a value that is accepted is written
/// as the very bytes it was read from. Build with `clang++ -fsanitize=fuzzer,address,undefined`.

#include "healthai/serialization/archive.hpp"

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "healthai/core/training.hpp"
#include "healthai/server/round_report.hpp"

namespace {

template <class T>
void decode(std::span<const std::byte> bytes) {
  try {
    const auto again = healthai::to_bytes(healthai::from_bytes<T>(bytes));
    if (!std::equal(again.begin(), again.end(), bytes.begin(), bytes.end())) std::abort();
  } catch (const healthai::Error&) {
  }
}

}  // namespace

/// The first byte says what the others are taken for.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto bytes = std::as_bytes(std::span(data + 1, size - 1));
  switch (data[0] % 4) {
    case 0:
      decode<healthai::TrainReply<double>>(bytes);
      break;
    case 1:
      decode<healthai::RoundReport>(bytes);
      break;
    case 2:
      decode<healthai::TrainBroadcast<float>>(bytes);
      break;
    default:
      decode<std::vector<std::pair<std::string, std::optional<std::vector<bool>>>>>(bytes);
  }
  return 0;
}
