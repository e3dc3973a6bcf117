#pragma once

#include <span>

#include "healthai/config.hpp"

namespace healthai {

/// For `serialize` functions: writes or reads the numbers of an array whose length is known, `archive& number` for each
/// of them. An archive that can take them all at once, as the library's own, says so by a member `numbers(span)`. What is
/// written is the same.
template <class Archive, class Number>
void serialize_numbers(Archive& archive, std::span<Number> numbers) {
  if constexpr (requires { archive.numbers(numbers); }) {
    archive.numbers(numbers);
  } else {
    for (Number& number : numbers) archive& number;
  }
}

}  // namespace healthai
