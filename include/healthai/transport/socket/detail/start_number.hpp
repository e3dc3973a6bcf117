#pragma once

#include <cstdint>
#include <random>

#include "healthai/config.hpp"

namespace healthai::detail {

/// A number of its own for every start of a program. It only tells two starts apart, and is no secret.
[[nodiscard]] inline std::uint64_t start_number() {
  std::random_device source;
  return (std::uint64_t{source()} << 32U) ^ source();
}

}  // namespace healthai::detail
