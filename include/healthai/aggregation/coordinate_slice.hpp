#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <utility>

#include "healthai/core/error.hpp"

namespace healthai {

/// Which coordinates of a round's updates are at hand, where several machines share the work of one robust rule so that none
/// holds all updates: each has, of every update, the same slice of neighbouring coordinates. See SlicedAggregation.
///
/// What is done coordinate by coordinate is done on the slice. The few numbers that need whole vectors, such as distances, are
/// sums over coordinates. For these the coordinates are divided into parts, in a way that depends on their number only; each
/// part is summed by the machine that has it, the machines exchange these sums, and each adds them in the order of the
/// parts. So that all machines have the same bits, take the same decisions, and all slices together have the bits that one
/// machine would have got.
///
///     const auto mine = CoordinateSlice::share(size, rank, ranks, exchange);
///     auto state = rule.template begin<Scalar>(Layout{{"slice", {mine.length()}}});
///     state.add(...);  // of each update the coordinates [mine.begin(), mine.end()); the same order and weights everywhere
///     Parameters<Scalar> slice_of_result = state.finish(mine);
///
/// A slice may be empty, where there are more machines than parts: such a machine takes part in the exchanges and gets an empty
/// vector.
struct CoordinateSlice {
  std::size_t size = 0;        ///< coordinates of whole vectors
  std::size_t first_part = 0;  ///< the parts [first_part, last_part) of parts(size) are at hand
  std::size_t last_part = 0;
  /// Completes numbers to which each part contributes: `values` has `each` numbers for every part, part after part. Those of
  /// this slice's parts are there on entry, the others on return, as the machines that have these parts gave them: bit
  /// for bit. Every machine calls it equally often, with the same sizes, from the thread that called `finish`. An exception
  /// goes through `finish`. May be empty where the slice is the whole.
  std::function<void(std::span<double> values, std::size_t each)> exchange{};

  /// Into how many parts vectors of `size` numbers are divided; from 1 to 16.
  [[nodiscard]] static constexpr std::size_t parts(std::size_t size) noexcept {
    return std::clamp<std::size_t>(size / 16384, 1, 16);
  }
  /// Where a part begins; a multiple of 256, but for the end: `part_begin(size, parts(size)) == size`.
  [[nodiscard]] static constexpr std::size_t part_begin(std::size_t size, std::size_t part) noexcept {
    constexpr std::size_t multiple = 256;
    const std::size_t length = ((size + parts(size) - 1) / parts(size) + multiple - 1) / multiple * multiple;
    return (std::min)(size, part * length);
  }

  /// All coordinates, on one machine.
  [[nodiscard]] static CoordinateSlice whole(std::size_t size) { return {size, 0, parts(size)}; }
  /// What the machine number `machine` gets of so many: equally many parts each, or one more.
  /// \throws Error (`invalid_argument`) unless machine < machines
  [[nodiscard]] static CoordinateSlice share(
      std::size_t size, std::size_t machine, std::size_t machines,
      std::function<void(std::span<double> values, std::size_t each)> exchange) {
    if (machine >= machines) {
      throw Error(error::invalid_argument, "CoordinateSlice: there is no machine " + std::to_string(machine) +
                                               " among " + std::to_string(machines) +
                                               "; they are numbered from 0");
    }
    return {size, parts(size) * machine / machines, parts(size) * (machine + 1) / machines,
            std::move(exchange)};
  }

  [[nodiscard]] constexpr std::size_t begin() const noexcept { return part_begin(size, first_part); }
  [[nodiscard]] constexpr std::size_t end() const noexcept { return part_begin(size, last_part); }
  /// How many coordinates are at hand.
  [[nodiscard]] constexpr std::size_t length() const noexcept { return end() - begin(); }
  [[nodiscard]] constexpr bool is_whole() const noexcept {
    return first_part == 0 && last_part == parts(size);
  }

  /// \throws Error (`invalid_argument`) for parts that there are not, or if others are needed and cannot be asked
  void validate() const {
    if (first_part > last_part || last_part > parts(size)) {
      throw Error(error::invalid_argument, "CoordinateSlice: the parts from " + std::to_string(first_part) +
                                               " to " + std::to_string(last_part) + " are none of the " +
                                               std::to_string(parts(size)) + " parts of " +
                                               std::to_string(size) + " coordinates");
    }
    if (!is_whole() && !exchange) {
      throw Error(error::invalid_argument,
                  "CoordinateSlice: a slice that is not the whole needs an exchange with the others");
    }
  }
};

}  // namespace healthai
