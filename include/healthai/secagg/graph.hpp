#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <string>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/core/random.hpp"

namespace healthai::secagg {

/// 32 random bytes that everyone knows, drawn once the roster is pinned. They hide nothing: but whoever could choose them after
/// choosing whom to corrupt could surround a client, which is why a sparse graph promises nothing against an active coordinator.
using GraphSeed = std::array<std::uint8_t, 32>;

/// Who shares masks and secrets with whom: clients are numbered from 0, in the order of the roster. Either everyone with everyone,
/// or a Harary graph of even degree k over a random order of the clients (Bell, Bonawitz, Gascón, Lepoint, Raykova: Secure
/// Single-Server Aggregation with (Poly)Logarithmic Overhead, 2020, section 3.2): in a circle, each with the k/2 before it and
/// the k/2 after it. Symmetric, every degree is k, and no k - 1 clients who leave disconnect the rest. The same on every machine.
/// Thread safety: immutable; safe from any thread.
class NeighbourGraph {
 public:
  /// Everyone with everyone. \throws Error (`invalid_argument`) for fewer than 2 clients
  [[nodiscard]] static NeighbourGraph full(std::size_t clients) {
    if (clients < 2) {
      throw Error(error::invalid_argument,
                  "secure aggregation: a graph needs 2 clients, but there are " + std::to_string(clients));
    }
    NeighbourGraph graph;
    graph.clients_ = clients;
    graph.degree_ = clients - 1;
    return graph;
  }
  /// \param degree  even, at least 2, below clients - 1
  /// \throws Error (`invalid_argument`)
  [[nodiscard]] static NeighbourGraph harary(std::size_t clients, std::size_t degree, const GraphSeed& seed) {
    if (degree < 2 || degree % 2 != 0 || degree + 1 >= clients) {
      throw Error(error::invalid_argument,
                  "secure aggregation: the degree of a sparse graph must be even, at least 2 and below "
                  "clients - 1, but is " +
                      std::to_string(degree) + " of " + std::to_string(clients) + " clients");
    }
    NeighbourGraph graph;
    graph.clients_ = clients;
    graph.degree_ = degree;
    graph.order_.resize(clients);
    std::iota(graph.order_.begin(), graph.order_.end(), std::size_t{0});
    Stream random = stream_of(seed);
    shuffle(std::span<std::size_t>(graph.order_), random);
    graph.place_.resize(clients);
    for (std::size_t place = 0; place < clients; ++place) graph.place_[graph.order_[place]] = place;
    return graph;
  }

  [[nodiscard]] std::size_t clients() const noexcept { return clients_; }
  /// How many neighbours each has, without itself.
  [[nodiscard]] std::size_t degree() const noexcept { return degree_; }

  /// The neighbours of a client, in ascending order. \throws Error (`invalid_argument`) for a client that there is not
  [[nodiscard]] std::vector<std::size_t> neighbours(std::size_t client) const {
    require_client(client);
    std::vector<std::size_t> result;
    result.reserve(degree_);
    if (order_.empty()) {
      for (std::size_t other = 0; other < clients_; ++other) {
        if (other != client) result.push_back(other);
      }
      return result;
    }
    for (std::size_t distance = 1; distance <= degree_ / 2; ++distance) {
      result.push_back(order_[(place_[client] + distance) % clients_]);
      result.push_back(order_[(place_[client] + clients_ - distance) % clients_]);
    }
    std::sort(result.begin(), result.end());
    return result;
  }
  /// Nobody is the own neighbour. \throws Error (`invalid_argument`) for a client that there is not
  [[nodiscard]] bool are_neighbours(std::size_t a, std::size_t b) const {
    require_client(a);
    require_client(b);
    if (a == b || order_.empty()) return a != b;
    const std::size_t apart = place_[a] > place_[b] ? place_[a] - place_[b] : place_[b] - place_[a];
    return (std::min)(apart, clients_ - apart) <= degree_ / 2;
  }

 private:
  NeighbourGraph() = default;

  static std::uint64_t word(const GraphSeed& seed, std::size_t begin) noexcept {
    std::uint64_t bits = 0;
    for (std::size_t i = 0; i < 8; ++i) bits |= static_cast<std::uint64_t>(seed[begin + i]) << (8 * i);
    return bits;
  }
  /// All of the seed goes into the key: 16 bytes as two words, 16 as the name.
  static Stream stream_of(const GraphSeed& seed) {
    std::string rest;
    for (std::size_t i = 16; i < seed.size(); ++i) rest.push_back(static_cast<char>(seed[i]));
    return {word(seed, 0), Purpose::secagg_graph, word(seed, 8), rest};
  }
  void require_client(std::size_t client) const {
    if (client < clients_) return;
    throw Error(error::invalid_argument, "secure aggregation: there are " + std::to_string(clients_) +
                                             " clients, numbered from 0, and none is number " +
                                             std::to_string(client));
  }

  std::size_t clients_ = 0;
  std::size_t degree_ = 0;
  std::vector<std::size_t> order_;  // client at each place of the circle; empty: everyone with everyone
  std::vector<std::size_t> place_;  // of each client
};

}  // namespace healthai::secagg
