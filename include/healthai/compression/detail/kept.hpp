#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "healthai/core/error.hpp"

// How many coordinates the compressors that drop the others keep.
namespace healthai::detail {

/// \throws Error (`invalid_argument`)
inline void validate_kept(double share, const std::optional<std::size_t>& count, std::string_view who) {
  if (!(share > 0 && share <= 1)) {
    throw Error(error::invalid_argument, std::string(who) + ": share must be in (0, 1]");
  }
  if (count && *count == 0) {
    throw Error(error::invalid_argument, std::string(who) + ": count must be at least 1");
  }
}

/// `count`, or else `share` of `size` rounded to the nearest; at least 1 and at most `size`.
[[nodiscard]] inline std::size_t kept(double share, const std::optional<std::size_t>& count,
                                      std::size_t size) noexcept {
  const auto wanted =
      count ? *count : static_cast<std::size_t>(std::round(share * static_cast<double>(size)));
  return (std::min)((std::max)(wanted, std::size_t{1}), size);
}

}  // namespace healthai::detail
