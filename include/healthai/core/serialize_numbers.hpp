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

/// The same for an array that may be most of a message and that nobody looks at while its object is read. An archive of a
/// network has a member `detached(span)`: it sends such an array from its own memory, behind the rest, and receives it
/// straight into its place, so that the numbers are there only when the whole message is.
template <class Archive, class Number>
void serialize_detached(Archive& archive, std::span<Number> numbers) {
  if constexpr (requires { archive.detached(numbers); }) {
    archive.detached(numbers);
  } else {
    serialize_numbers(archive, numbers);
  }
}

}  // namespace healthai
