#pragma once

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "healthai/core/client_id.hpp"
#include "healthai/core/error.hpp"
#include "healthai/core/failure.hpp"
#include "healthai/core/finite.hpp"
#include "healthai/core/summand.hpp"

namespace healthai {

template <class Aggregator, class Scalar>
struct PartialAggregate;

namespace detail {

/// Adds numbers to sums of the same names; a name that is new begins a sum.
inline void add_scalars(std::vector<SummandScalar>& sums, std::vector<SummandScalar>&& scalars) {
  if (sums.empty()) {
    sums = std::move(scalars);
    return;
  }
  for (std::size_t i = 0; i < scalars.size(); ++i) {
    if (i < sums.size() &&
        sums[i].name == scalars[i].name) {  // the rule: all clients send the same, in order
      sums[i].value += scalars[i].value;
      continue;
    }
    const auto same = std::find_if(sums.begin(), sums.end(),
                                   [&](const SummandScalar& sum) { return sum.name == scalars[i].name; });
    if (same != sums.end()) {
      same->value += scalars[i].value;
    } else {
      sums.push_back(std::move(scalars[i]));
    }
  }
}

/// What no partial aggregate can be, if this one is: for those that others have made.
template <class Aggregator, class Scalar>
[[nodiscard]] std::optional<std::string> impossible(const PartialAggregate<Aggregator, Scalar>& part) {
  if (!is_finite(part.weight) || part.weight < 0) return "a weight that is negative or not finite";
  for (const SummandScalar& scalar : part.scalars) {
    if (!is_finite(scalar.value)) return "the number " + scalar.name + ", which is NaN or infinite";
  }
  if (part.contributors.empty() && (!part.states.empty() || part.weight > 0 || !part.scalars.empty())) {
    return "sums to which nobody has contributed";
  }
  std::vector<ClientId> named = part.contributors;
  for (const Failure& failure : part.failures) named.push_back(failure.client);
  std::sort(named.begin(), named.end());
  if (!named.empty() && named.front() == ClientId()) return "a client without an id";
  const auto twice = std::adjacent_find(named.begin(), named.end());
  if (twice != named.end()) return "client " + twice->str() + " twice";
  return std::nullopt;
}

}  // namespace detail

/// What is known of a round so far: the state of an aggregator for each vector of the Summand (a vector that is not
/// `weighted` enters with weight 1, whatever the Summand's), the summed numbers, and
/// who is in it. A federation makes one by folding replies; a relay, an MPI rank or secure aggregation hands over one that
/// stands for many clients, so that nothing is rounded twice and quorums count clients, not messages.
template <class Aggregator, class Scalar>
struct PartialAggregate {
  using State = typename Aggregator::template State<Scalar>;
  std::vector<State> states{};  ///< one a vector, in the Summand's order; empty while nobody has contributed
  double weight = 0;            ///< sum of the Summands' weights
  std::vector<SummandScalar> scalars{};  ///< sums, by name
  std::vector<ClientId> contributors{};  ///< whose Summands are in it; no client twice
  std::vector<Failure> failures{};       ///< who was asked and is not in it; no client twice

  /// Adds what other clients have contributed, by the aggregator's own `merge`. The states' sums are as exact as that; the weight
  /// and the numbers are added in double. After an exception this aggregate is of no more use.
  /// \throws Error (`invalid_reply`) for another number of vectors; as the states' `merge` does
  void merge(PartialAggregate&& part) {
    if (contributors.empty()) {
      states = std::move(part.states);
    } else if (!part.contributors.empty()) {
      if (part.states.size() != states.size()) {
        throw Error(error::invalid_reply, "a partial aggregate of " + std::to_string(part.states.size()) +
                                              " vectors was merged into one of " +
                                              std::to_string(states.size()));
      }
      for (std::size_t i = 0; i < states.size(); ++i) states[i].merge(std::move(part.states[i]));
    }
    weight += part.weight;
    detail::add_scalars(scalars, std::move(part.scalars));
    std::move(part.contributors.begin(), part.contributors.end(), std::back_inserter(contributors));
    std::move(part.failures.begin(), part.failures.end(), std::back_inserter(failures));
  }

  /// \throws Error (`archive_corrupt`) on reading what no clients can have contributed; what the states throw
  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& states& weight& scalars& contributors& failures;
    if constexpr (Archive::is_loading::value) {
      if (const auto what = detail::impossible(*this)) {
        throw Error(error::archive_corrupt, "a partial aggregate holds " + *what);
      }
    }
  }
};

}  // namespace healthai
