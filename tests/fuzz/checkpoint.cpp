/// \file
/// libFuzzer target: what a checkpoint file holds, behind its seal (see tests/serialization/sealed_file.cpp for the seal
/// itself). Any bytes give a checkpoint or an Error. Build with `clang++ -fsanitize=fuzzer,address,undefined`.

#include "healthai/server/checkpoint.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

#include "healthai/core/error.hpp"
#include "healthai/serialization/archive.hpp"
#include "healthai/strategy/fedavg.hpp"
#include "healthai/strategy/scaffold.hpp"

namespace {

template <class Scalar, class StrategyType>
void decode(std::span<const std::byte> bytes) {
  try {
    (void)healthai::to_bytes(healthai::from_bytes<healthai::Checkpoint<Scalar, StrategyType>>(bytes));
  } catch (const healthai::Error&) {
  }
}

}  // namespace

/// The first byte says what kind of run the others are taken for.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto bytes = std::as_bytes(std::span(data + 1, size - 1));
  switch (data[0] % 3) {
    case 0:
      decode<double, healthai::FedAvg>(bytes);
      break;
    case 1:
      decode<float, healthai::FedAvg>(bytes);
      break;
    default:
      decode<double, healthai::Scaffold>(bytes);
      break;
  }
  return 0;
}
