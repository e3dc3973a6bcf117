#pragma once

#include <charconv>
#include <string>

#include "healthai/config.hpp"

namespace healthai {

/// The shortest decimal text that reads back as the same double: "0.1", "1e-08". The same on every machine and locale.
[[nodiscard]] inline std::string number_text(double value) {
  char text[32];
  const auto result = std::to_chars(text, text + sizeof(text), value);
  return std::string(text, result.ptr);
}

}  // namespace healthai
