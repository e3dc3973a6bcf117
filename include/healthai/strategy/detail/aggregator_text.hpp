#pragma once

#include <concepts>
#include <string>

namespace healthai::detail {

/// What a strategy's `describe()` says of its aggregator: `,aggregator=...` for one that describes itself, else nothing.
template <class Aggregator>
[[nodiscard]] std::string aggregator_text(const Aggregator& aggregator) {
  if constexpr (requires {
                  { aggregator.describe() } -> std::convertible_to<std::string>;
                }) {
    return ",aggregator=" + std::string(aggregator.describe());
  } else {
    static_cast<void>(aggregator);
    return {};
  }
}

/// Lets the aggregator check its own hyperparameters, if it can. \throws Error (`invalid_argument`)
template <class Aggregator>
void validate_aggregator(const Aggregator& aggregator) {
  if constexpr (requires { aggregator.validate(); }) {
    aggregator.validate();
  } else {
    static_cast<void>(aggregator);
  }
}

}  // namespace healthai::detail
