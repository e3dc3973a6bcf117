#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/simulation/detail/dirichlet.hpp"
#include "healthai/simulation/detail/row_groups.hpp"

namespace healthai {

/// Every client has a random sample of the same size (sizes differ by at most one).
struct Iid {};

/// Every client has a random sample, but some have many rows and some have few: the shares of rows are one draw from
/// the symmetric Dirichlet distribution with concentration `alpha` (Li, Diao, Chen, He: Federated Learning on Non-IID
/// Data Silos: An Experimental Study, 2022, quantity skew). Large alpha: nearly equal sizes. Small alpha: one client
/// has nearly everything. Clients below `minimum_rows` are filled up with random rows of whichever client is largest
/// then.
struct QuantitySkew {
  double alpha = 0.5;            ///< > 0
  std::size_t minimum_rows = 1;  ///< >= 1
};

/// The row numbers (from 0) of each of `clients` clients, ascending: every row at exactly one client.
/// \throws Error (`invalid_argument`) for no clients, (`invalid_data`) for fewer rows than clients.
[[nodiscard]] inline std::vector<std::vector<std::size_t>> partition_rows(const Iid& /*how*/,
                                                                          std::size_t rows,
                                                                          std::size_t clients,
                                                                          std::uint64_t seed) {
  detail::require_rows(rows, clients, 1, "iid");
  Stream stream = detail::partition_stream(seed);
  return detail::ascending(
      detail::cut(detail::shuffled_rows(rows, stream), detail::equal_sizes(rows, clients)));
}

/// The row numbers (from 0) of each of `clients` clients, ascending: every row at exactly one client.
/// \throws Error (`invalid_argument`) for no clients or a setting outside its range; (`invalid_data`) if there are
///   fewer rows than all clients need.
[[nodiscard]] inline std::vector<std::vector<std::size_t>> partition_rows(const QuantitySkew& how,
                                                                          std::size_t rows,
                                                                          std::size_t clients,
                                                                          std::uint64_t seed) {
  detail::require_alpha(how.alpha, "quantity");
  if (how.minimum_rows == 0)
    throw Error(error::invalid_argument, "quantity: minimum_rows must be at least 1");
  detail::require_rows(rows, clients, how.minimum_rows, "quantity");
  Stream stream = detail::partition_stream(seed);
  const std::vector<double> shares = detail::draw_dirichlet(std::vector<double>(clients, how.alpha), stream);
  auto groups = detail::cut(detail::shuffled_rows(rows, stream), detail::apportion(shares, rows));
  detail::fill_up(groups, how.minimum_rows, stream);
  return detail::ascending(std::move(groups));
}

}  // namespace healthai
