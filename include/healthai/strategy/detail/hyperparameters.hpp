#pragma once

#include <concepts>
#include <string>
#include <string_view>

#include "healthai/core/error.hpp"
#include "healthai/core/finite.hpp"
#include "healthai/core/number_text.hpp"

// What `describe()` and `validate()` of the strategies have in common.
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

/// \throws Error (`invalid_argument`) unless `good`, which is false for NaN, and `value` is finite.
inline void require_hyperparameter(bool good, std::string_view strategy, std::string_view rule,
                                   double value) {
  if (good && is_finite(value)) return;
  throw Error(error::invalid_argument,
              std::string(strategy) + ": " + std::string(rule) + ", but is " + number_text(value));
}

/// \throws Error (`invalid_argument`) unless `value` is positive and finite.
inline void require_positive(std::string_view strategy, std::string_view parameter, double value) {
  require_hyperparameter(value > 0, strategy, std::string(parameter) + " must be positive", value);
}

}  // namespace healthai::detail
