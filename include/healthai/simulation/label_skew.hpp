#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/simulation/detail/dirichlet.hpp"
#include "healthai/simulation/detail/row_groups.hpp"

namespace healthai {

/// Clients of the same size whose classes differ (Hsu, Qi, Brown: Measuring the Effects of Non-Identical Data
/// Distribution for Federated Visual Classification, 2019): each client draws its class probabilities q
/// from Dirichlet(alpha p), where p are the shares of the classes in all rows, and then its rows, one after the
/// other, from q without replacement. A class without rows left gives its probability to the others in proportion; if
/// none that q favours has any, a class is drawn as often as it has rows left. Large alpha: all clients look like the
/// whole. Small alpha: one class a client.
struct DirichletLabels {
  double alpha =
      0.5;  ///< > 0: the sum of the concentrations, so that it does not depend on the number of classes
};

/// Clients that differ in classes and in size: the rows of each class are cut into one piece a client, by a draw of
/// its own from the symmetric Dirichlet distribution with concentration `alpha` (Yurochkin, Agarwal, Ghosh,
/// Greenewald, Hoang, Khazaeni: Bayesian Nonparametric Federated Learning of Neural Networks, 2019, in its
/// experiments). Clients below `minimum_rows` are filled up with random rows of whichever client is largest then,
/// where other programs draw everything anew until it fits.
struct DirichletShares {
  double alpha = 0.5;            ///< > 0
  std::size_t minimum_rows = 1;  ///< >= 1
};

/// Clients that see few classes (McMahan, Moore, Ramage, Hampson, Aguera y Arcas: Communication-Efficient Learning of
/// Deep Networks from Decentralized Data, 2017, section 3): rows are sorted by label (equal labels by row number) and
/// cut into clients * per_client shards of equal size (within one row), of which every client gets `per_client` at
/// random.
struct Shards {
  std::size_t per_client = 2;  ///< >= 1
};

/// The row numbers (from 0) of each of `clients` clients, ascending: every row at exactly one client.
/// \param labels  the class of each row, from 0; see `class_numbers` and, for a continuous target, `quantile_bins`
/// \throws Error (`invalid_argument`) for no clients, a setting outside its range, or a label that is not below the
///   number of rows; (`invalid_data`) for fewer rows than clients.
[[nodiscard]] inline std::vector<std::vector<std::size_t>> partition_rows(const DirichletLabels& how,
                                                                          std::span<const std::size_t> labels,
                                                                          std::size_t clients,
                                                                          std::uint64_t seed) {
  detail::require_alpha(how.alpha, "dirichlet");
  detail::require_rows(labels.size(), clients, 1, "dirichlet");
  Stream stream = detail::partition_stream(seed);
  std::vector<std::vector<std::size_t>> classes = detail::shuffled_classes(labels, stream);
  std::vector<double> concentrations;
  for (const auto& rows : classes) {
    concentrations.push_back(how.alpha *
                             (static_cast<double>(rows.size()) / static_cast<double>(labels.size())));
  }
  std::vector<std::vector<std::size_t>> groups;
  for (const std::size_t size : detail::equal_sizes(labels.size(), clients)) {
    std::vector<double> weights = detail::draw_dirichlet(concentrations, stream);
    std::vector<std::size_t>& group = groups.emplace_back();
    while (group.size() < size) {
      double total = 0;
      for (std::size_t k = 0; k < classes.size(); ++k) {
        if (classes[k].empty()) weights[k] = 0;
        total += weights[k];
      }
      if (total < (std::numeric_limits<double>::min)()) {
        for (std::size_t k = 0; k < classes.size(); ++k) {
          weights[k] = static_cast<double>(classes[k].size());
        }
        continue;
      }
      double left = uniform(stream) * total;
      std::size_t chosen = 0;
      for (std::size_t k = 0; k < classes.size(); ++k) {
        if (weights[k] <= 0) continue;
        chosen = k;  // the last one with any weight, should rounding leave something over
        if (left < weights[k]) break;
        left -= weights[k];
      }
      group.push_back(classes[chosen].back());
      classes[chosen].pop_back();
    }
  }
  return detail::ascending(std::move(groups));
}

/// \copydoc partition_rows(const DirichletLabels&, std::span<const std::size_t>, std::size_t, std::uint64_t)
[[nodiscard]] inline std::vector<std::vector<std::size_t>> partition_rows(const DirichletShares& how,
                                                                          std::span<const std::size_t> labels,
                                                                          std::size_t clients,
                                                                          std::uint64_t seed) {
  detail::require_alpha(how.alpha, "dirichlet_shares");
  if (how.minimum_rows == 0) {
    throw Error(error::invalid_argument, "dirichlet_shares: minimum_rows must be at least 1");
  }
  detail::require_rows(labels.size(), clients, how.minimum_rows, "dirichlet_shares");
  Stream stream = detail::partition_stream(seed);
  std::vector<std::vector<std::size_t>> groups(clients);
  for (const std::vector<std::size_t>& rows : detail::shuffled_classes(labels, stream)) {
    const std::vector<double> shares =
        detail::draw_dirichlet(std::vector<double>(clients, how.alpha), stream);
    const auto pieces = detail::cut(rows, detail::apportion(shares, rows.size()));
    for (std::size_t i = 0; i < clients; ++i) {
      groups[i].insert(groups[i].end(), pieces[i].begin(), pieces[i].end());
    }
  }
  detail::fill_up(groups, how.minimum_rows, stream);
  return detail::ascending(std::move(groups));
}

/// \copydoc partition_rows(const DirichletLabels&, std::span<const std::size_t>, std::size_t, std::uint64_t)
[[nodiscard]] inline std::vector<std::vector<std::size_t>> partition_rows(const Shards& how,
                                                                          std::span<const std::size_t> labels,
                                                                          std::size_t clients,
                                                                          std::uint64_t seed) {
  if (how.per_client == 0) throw Error(error::invalid_argument, "shards: each client needs at least one");
  detail::require_rows(labels.size(), clients, how.per_client, "shards");  // no shard may be empty
  std::vector<std::size_t> order(labels.size());
  for (std::size_t row = 0; row < order.size(); ++row) order[row] = row;
  std::stable_sort(order.begin(), order.end(),
                   [labels](std::size_t a, std::size_t b) { return labels[a] < labels[b]; });
  const std::size_t count = clients * how.per_client;
  const auto shards = detail::cut(order, detail::equal_sizes(order.size(), count));
  Stream stream = detail::partition_stream(seed);
  const std::vector<std::size_t> deal = detail::shuffled_rows(count, stream);
  std::vector<std::vector<std::size_t>> groups(clients);
  for (std::size_t i = 0; i < count; ++i) {
    std::vector<std::size_t>& group = groups[i / how.per_client];
    group.insert(group.end(), shards[deal[i]].begin(), shards[deal[i]].end());
  }
  return detail::ascending(std::move(groups));
}

}  // namespace healthai
