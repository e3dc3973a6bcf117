#pragma once

#include <algorithm>
#include <cstddef>

#include "healthai/core/client_memory.hpp"
#include "healthai/core/parameters.hpp"
#include "healthai/strategy/round_aggregate.hpp"

namespace healthai::detail {

/// The mean over all clients, weighted by examples, of a vector that each client remembers, kept up from changes. A client that
/// has not yet taken part remembers zero, and counts with the average number of examples of those that have. With equal numbers of
/// examples it is the plain mean over all clients.
template <class Scalar>
struct MemoryMean {
  Parameters<double> sum{};  ///< over the clients seen, of examples times vector
  double examples = 0;       ///< of the clients seen
  double clients = 0;        ///< seen
  double everyone = 0;       ///< clients that there are

  /// Adds `factor * change` for each client of the round, where `change` is the weighted mean over them.
  void add(const Parameters<Scalar>& change, double factor, const RoundAggregate<Scalar>& round) {
    sum.flat() += (round.weight * factor) * change.flat().template cast<double>();
    examples += round.scalar(client_memory::new_examples);
    clients += round.scalar(client_memory::new_clients);
    everyone = (std::max)(clients, static_cast<double>(round.population));
  }

  /// The mean times `factor`.
  [[nodiscard]] Parameters<Scalar> mean(double factor = 1) const {
    Parameters<Scalar> result(sum.layout());
    const double total = clients > 0 ? examples * (everyone / clients) : 0;
    if (total > 0) result.flat() = (sum.flat() * (factor / total)).template cast<Scalar>();
    return result;
  }

  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& sum& examples& clients& everyone;
  }
};

}  // namespace healthai::detail
