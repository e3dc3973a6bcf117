#pragma once

#include <concepts>
#include <cstddef>
#include <span>
#include <string>

#include "healthai/core/error.hpp"
#include "healthai/core/number_text.hpp"

namespace healthai {

/// Turns every yes into a no and the other way round: y becomes 1 - y. What an attacker does to its data before its
/// model is built (data poisoning); `Attacked` needs to do nothing then.
/// \throws Error (`invalid_data`) naming the first row (from 0) whose target is neither 0 nor 1; nothing is changed
///   then.
template <std::floating_point Scalar>
void flip_labels(std::span<Scalar> targets) {
  for (std::size_t row = 0; row < targets.size(); ++row) {
    if (targets[row] == Scalar{0} || targets[row] == Scalar{1}) continue;
    throw Error(error::invalid_data, "flip_labels: expected targets of 0 and 1, but row " +
                                         std::to_string(row) + " has " +
                                         number_text(static_cast<double>(targets[row])));
  }
  for (Scalar& target : targets) target = Scalar{1} - target;
}

namespace detail {
inline void require_label(std::size_t label, std::size_t classes, const std::string& whose) {
  if (label < classes) return;
  throw Error(error::invalid_data, "flip_labels: expected labels below " + std::to_string(classes) +
                                       ", but " + whose + " is " + std::to_string(label));
}
}  // namespace detail

/// Reverses the order of `classes` classes: label l becomes classes - 1 - l (Fang, Cao, Jia, Gong: Local Model
/// Poisoning Attacks to Byzantine-Robust Federated Learning, 2020: the label flipping attack that it compares with).
/// \throws Error (`invalid_data`) naming the first row (from 0) whose label is not below `classes`; nothing is
///   changed then.
inline void flip_labels(std::span<std::size_t> labels, std::size_t classes) {
  for (std::size_t row = 0; row < labels.size(); ++row) {
    detail::require_label(labels[row], classes, "that of row " + std::to_string(row));
  }
  for (std::size_t& label : labels) label = classes - 1 - label;
}

/// Calls every `source` a `target`, and leaves other classes alone (Tolpegin, Truex, Gursoy, Liu: Data Poisoning
/// Attacks Against Federated Learning Systems, 2020).
inline void flip_labels(std::span<std::size_t> labels, std::size_t source, std::size_t target) noexcept {
  for (std::size_t& label : labels) {
    if (label == source) label = target;
  }
}

}  // namespace healthai
