#pragma once

#include <string>
#include <utility>
#include <vector>

#include "healthai/data/column_moments.hpp"
#include "healthai/data/scaling.hpp"
#include "healthai/data/standardise.hpp"
#include "healthai/server/ask.hpp"

namespace healthai {

/// Means and standard deviations of columns over all clients together, from n, sum and sum of squares of each: what
/// standardising needs, without a record leaving its place. Asks twice, the second time about the means of the first, so
/// that nothing cancels.
/// \throws Error (`invalid_data`) naming a column that is constant, (`below_quorum`, `no_clients`) as `ask_everyone`.
template <Transport<ColumnMoments> TransportType>
[[nodiscard]] Scaling federated_scaling(TransportType& transport, std::vector<std::string> names) {
  ColumnMomentsBroadcast about_zero{std::move(names), {}};
  const auto rough = ColumnMoments::total(ask_everyone<ColumnMoments>(transport, about_zero));
  const ColumnMomentsBroadcast about_means = recentred(about_zero, rough);
  return Scaling::from_moments(about_means,
                               ColumnMoments::total(ask_everyone<ColumnMoments>(transport, about_means)));
}

/// Tells every client to standardise with `scaling` from now on.
/// \return how many rows there are altogether. \throws Error (`below_quorum`, `no_clients`) as `ask_everyone`.
template <Transport<Standardise> TransportType>
double standardise(TransportType& transport, const Scaling& scaling) {
  return ask_everyone<Standardise>(transport, Standardise::request(scaling)).weight;
}

}  // namespace healthai
