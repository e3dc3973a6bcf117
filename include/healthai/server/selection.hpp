#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "healthai/core/client_id.hpp"
#include "healthai/core/finite.hpp"
#include "healthai/core/number_text.hpp"
#include "healthai/core/random.hpp"

namespace healthai {

/// Everyone who is there.
struct AllClients {};

/// A uniformly random subset of fixed size: max(minimum, floor(fraction * those there)), but never more than are there.
struct FractionOfClients {
  double fraction = 0.1;    ///< in (0, 1]
  std::size_t minimum = 1;  ///< >= 1
};

/// Each client independently with the same probability; a round may come out empty.
struct PoissonSampling {
  double probability = 0.1;  ///< in (0, 1]
};

/// One client a round, in the order of ids, over and over: with FedAvg the model travels from one to the next (cyclic
/// weight transfer: Chang, Balachandar, Lam, Yi, Brown, Beers, Rosen, Rubin, Kalpathy-Cramer: Distributed Deep
/// Learning Networks Among Institutions for Medical Imaging, 2018). Round r asks client number (r - 1) modulo the
/// number of those there; a round whose client fails leaves the model to the next one.
struct Cyclic {};

/// Of `candidates` random clients the `clients` that have the largest training loss (Cho, Wang, Joshi: Client
/// Selection in Federated Learning: Convergence Analysis and Power-of-Choice Selection Strategies, 2020).
/// It is the variant that costs nothing ("rpow-d"): a client's loss is the metric `loss` of its latest reply that
/// counted, and infinite before the first. Where the paper draws candidates by their share of the rows, which a
/// coordinator does not know beforehand, all are equally likely here. Larger `candidates` learn faster and favour
/// clients that are hard to fit. Needs a transport that shows replies.
struct PowerOfChoice {
  std::size_t candidates = 10;  ///< d >= clients; no more than are there
  std::size_t clients = 1;      ///< m >= 1; no more than are there
};

/// Who is asked to train in a round.
using ClientSelection = std::variant<AllClients, FractionOfClients, PoissonSampling, Cyclic, PowerOfChoice>;

/// The latest training loss of each client that has reported one, in the order of their ids.
using ClientLosses = std::vector<std::pair<ClientId, double>>;

/// Puts the latest loss of `client` in its place.
inline void note_loss(ClientLosses& losses, const ClientId& client, double loss) {
  const auto at = std::lower_bound(losses.begin(), losses.end(), client,
                                   [](const auto& known, const ClientId& id) { return known.first < id; });
  if (at != losses.end() && at->first == client) {
    at->second = loss;
  } else {
    losses.emplace(at, client, loss);
  }
}

/// \throws Error (`invalid_argument`) for a setting outside its range.
inline void validate(const ClientSelection& selection) {
  const auto require_share = [](double share, const char* name) {
    if (!is_finite(share) || share <= 0 || share > 1) {
      throw Error(error::invalid_argument,
                  std::string(name) + " must be in (0, 1], but is " + number_text(share));
    }
  };
  if (const auto* fraction = std::get_if<FractionOfClients>(&selection)) {
    require_share(fraction->fraction, "client selection: fraction");
    if (fraction->minimum == 0)
      throw Error(error::invalid_argument, "client selection: minimum must be at least 1");
  }
  if (const auto* poisson = std::get_if<PoissonSampling>(&selection)) {
    require_share(poisson->probability, "client selection: probability");
  }
  if (const auto* power = std::get_if<PowerOfChoice>(&selection)) {
    if (power->clients == 0 || power->candidates < power->clients) {
      throw Error(error::invalid_argument,
                  "client selection: power of choice needs at least 1 client and at least as many "
                  "candidates, but has " +
                      std::to_string(power->clients) + " of " + std::to_string(power->candidates));
    }
  }
}

/// All of `clients` in a random order, which depends on (seed, client_selection, round, client) of each: who else is there
/// changes nobody's place among the others. A template so that sorting is compiled only where it is used; `Id` is ClientId.
template <class Id = ClientId>
[[nodiscard]] std::vector<Id> in_random_order(std::vector<Id> clients, std::uint64_t seed,
                                              std::uint64_t round) {
  std::vector<std::pair<std::uint64_t, Id>> drawn;
  drawn.reserve(clients.size());
  for (Id& client : clients) {
    const std::uint64_t key = Stream(seed, Purpose::client_selection, round, client.str())();
    drawn.emplace_back(key, std::move(client));
  }
  std::sort(drawn.begin(), drawn.end());
  clients.clear();
  for (auto& [key, client] : drawn) clients.push_back(std::move(client));
  return clients;
}

/// Chooses among `clients` for `round` (from 1); the result is in the order of their ids. Each client's fate depends
/// on its own random stream (seed, client_selection, round, client): who else is there changes nobody's numbers. A
/// template so that sorting is compiled only where it is used; `Id` is ClientId.
/// \param losses  for PowerOfChoice: see ClientLosses
template <class Id = ClientId>
[[nodiscard]] std::vector<Id> select_clients(const ClientSelection& selection, std::vector<Id> clients,
                                             std::uint64_t seed, std::uint64_t round,
                                             std::span<const std::pair<Id, double>> losses = {}) {
  std::sort(clients.begin(), clients.end());
  if (const auto* poisson = std::get_if<PoissonSampling>(&selection)) {
    std::erase_if(clients, [&](const Id& client) {
      Stream numbers(seed, Purpose::client_selection, round, client.str());
      return uniform(numbers) >= poisson->probability;
    });
  }
  // The first `count` of a random order.
  const auto sample = [&](std::size_t count) {
    clients = in_random_order(std::move(clients), seed, round);
    clients.resize((std::min)(count, clients.size()));
  };
  if (const auto* fraction = std::get_if<FractionOfClients>(&selection)) {
    const auto share = static_cast<std::size_t>(fraction->fraction * static_cast<double>(clients.size()));
    sample((std::max)(share, fraction->minimum));
    std::sort(clients.begin(), clients.end());
  }
  if (const auto* power = std::get_if<PowerOfChoice>(&selection)) {
    sample(power->candidates);
    std::vector<std::pair<double, Id>> by_loss;
    for (Id& client : clients) {
      const auto at = std::lower_bound(losses.begin(), losses.end(), client,
                                       [](const auto& known, const Id& id) { return known.first < id; });
      const bool known = at != losses.end() && at->first == client;
      by_loss.emplace_back(known ? at->second : std::numeric_limits<double>::infinity(), std::move(client));
    }
    std::stable_sort(by_loss.begin(), by_loss.end(),  // equal losses stay in random order
                     [](const auto& a, const auto& b) { return a.first > b.first; });
    by_loss.resize((std::min)(power->clients, by_loss.size()));
    clients.clear();
    for (auto& [loss, client] : by_loss) clients.push_back(std::move(client));
    std::sort(clients.begin(), clients.end());
  }
  if (std::holds_alternative<Cyclic>(selection) && !clients.empty()) {
    Id next = std::move(clients[static_cast<std::size_t>((round - 1) % clients.size())]);
    clients.assign(1, std::move(next));
  }
  return clients;
}

}  // namespace healthai
