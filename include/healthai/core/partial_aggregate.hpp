#pragma once

#include <vector>

#include "healthai/core/client_id.hpp"
#include "healthai/core/failure.hpp"
#include "healthai/core/summand.hpp"

namespace healthai {

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
  std::vector<ClientId> contributors{};  ///< whose Summands are in it
  std::vector<Failure> failures{};       ///< who was asked and is not in it
};

}  // namespace healthai
