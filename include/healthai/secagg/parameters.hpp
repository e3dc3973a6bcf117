#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>

#include "healthai/core/error.hpp"
#include "healthai/core/number_text.hpp"
#include "healthai/secagg/detail/hypergeometric.hpp"

namespace healthai::secagg {

/// What the coordinator may do beside colluding with corrupt clients (Bonawitz et al.: Practical Secure Aggregation for
/// Privacy-Preserving Machine Learning, 2017, section 6; Bell et al. 2020, section 4).
enum class Adversary : std::uint8_t {
  semi_honest = 0,     ///< follows the protocol, and keeps all that it sees
  semi_malicious = 1,  ///< honest while keys are exchanged; then it may tell lies about who dropped out
  active = 2           ///< does as it likes, at any time
};

/// Who is how many clients' neighbour, and how many of them open a secret.
struct SparseGraph {
  std::size_t degree = 0;     ///< neighbours of each client, without itself; even
  std::size_t threshold = 0;  ///< how many of the `degree` shares open a secret
  friend bool operator==(const SparseGraph&, const SparseGraph&) = default;
};

namespace detail {

/// floor(share * clients), where a product that should be whole may come out just below.
[[nodiscard]] inline std::size_t whole_clients(double share, std::size_t clients) {
  return static_cast<std::size_t>(std::floor((share + 1e-14) * static_cast<double>(clients)));
}

inline void require_share(double share, const char* what) {
  if (share >= 0 && share < 1) return;
  throw Error(error::invalid_argument, std::string("secure aggregation: the share of ") + what +
                                           " must be in [0, 1), but is " + number_text(share));
}

}  // namespace detail

/// The smallest even degree of a random Harary graph, and the smallest threshold for it, with which a run among `clients` is
/// secure but for a probability of 2^-40 and succeeds but for 2^-20 (Bell, Bonawitz, Gascón, Lepoint, Raykova: Secure
/// Single-Server Aggregation with (Poly)Logarithmic Overhead, 2020, sections 3.2 and 4.2; the same numbers as in the
/// implementation that Google published, federated-compute, `graph_parameter_finder.cc`). With k neighbours of N:
///
/// - **Connected.** What is left of the graph without the corrupt and the dropped, b of them together, falls apart only if two
///   runs of k/2 neighbours are all among them: at most N (N - k - 1) / 2 times b! (N - k)! / ((b - k)! N!), which must be below
///   2^-41.
/// - **Secret.** The corrupt ones among the neighbours are hypergeometric. t is such that for none of N clients there are t of
///   them, but for 2^-41. A semi-malicious coordinator may tell some neighbours that a client is alive and others that it is
///   not: 2 t must be above k plus the corrupt neighbours.
/// - **Correct.** So are the survivors among the neighbours: for none of N clients there are fewer than t, but for 2^-20.
///
/// \param corrupt  share of clients that collude
/// \param dropout  share of clients that drop out, at most
/// \throws Error (`invalid_argument`) for shares outside [0, 1), for the active adversary (who could surround a client with
/// corrupt ones), where corrupt + dropout (semi-malicious: corrupt + 2 dropout) is above 0.9, and where no degree below
/// clients - 1 is enough
[[nodiscard]] inline SparseGraph sparse_graph(std::size_t clients, double corrupt, double dropout,
                                              Adversary adversary) {
  detail::require_share(corrupt, "corrupt clients");
  detail::require_share(dropout, "clients that drop out");
  if (adversary == Adversary::active) {
    throw Error(error::invalid_argument,
                "secure aggregation: against an active coordinator everyone must be everyone's neighbour");
  }
  const bool malicious = adversary == Adversary::semi_malicious;
  if (corrupt + (malicious ? 2 : 1) * dropout > 0.9) {
    throw Error(error::invalid_argument,
                std::string("secure aggregation: the share of corrupt clients and ") +
                    (malicious ? "twice " : "") +
                    "the share of those that drop out must together be at most 0.9, but are " +
                    number_text(corrupt) + " and " + number_text(dropout));
  }
  const auto n = static_cast<double>(clients);
  const std::size_t corrupt_clients = detail::whole_clients(corrupt, clients);
  const std::size_t bad = corrupt_clients + detail::whole_clients(dropout, clients);
  const auto survivors = static_cast<std::size_t>(std::ceil((1 - dropout - 1e-14) * n));
  const double log_insecure = -41 * std::log(2.0);
  double log_all_bad = 0;  // the probability that k given clients are all corrupt or dropped
  for (std::size_t k = 2; k + 1 < clients; k += 2) {
    if (k <= bad) {
      for (const std::size_t i : {k - 2, k - 1}) {
        log_all_bad += std::log(static_cast<double>(bad - i) / static_cast<double>(clients - i));
      }
      const double log_pairs = std::log(n) + std::log(static_cast<double>(clients - k - 1)) - std::log(2.0);
      if (log_pairs + log_all_bad >= log_insecure) continue;
    }
    const detail::Hypergeometric corrupt_neighbours(clients, corrupt_clients, k);
    std::size_t t = k + 1;
    while (t > 0 && corrupt_neighbours.at_least(t) < 0x1p-41 / n) --t;  // one too far: as many are possible
    const std::size_t possible = t;
    t = malicious ? (possible + k) / 2 + 1 : possible + 1;
    if (t > k || detail::Hypergeometric(clients, survivors, k).at_most(t - 1) >= 0x1p-20 / n) continue;
    return {k, (std::max)(t, std::size_t{2})};
  }
  throw Error(error::invalid_argument, "secure aggregation: no sparse graph of " + std::to_string(clients) +
                                           " clients withstands a share of " + number_text(corrupt) +
                                           " corrupt ones and of " + number_text(dropout) + " that drop out");
}

/// What a secure sum must withstand.
struct SecAggOptions {
  Adversary adversary = Adversary::active;
  double corrupt = 0.1;   ///< share of the roster that may collude, with the coordinator too
  double dropout = 0.05;  ///< share of the roster that may drop out without the sum being lost
};

/// How a secure sum over a roster is set up. Part of what everyone signs; a client derives it again from the roster and the
/// options that it agrees to, and compares.
struct SecAggParameters {
  static constexpr std::size_t most_in_full_graph = 200;  ///< unless the coordinator may be active

  std::uint64_t clients = 0;    ///< of the roster, whether they are there or not
  std::uint64_t corrupt = 0;    ///< how many of them may collude
  std::uint64_t degree = 0;     ///< neighbours of each, without itself
  std::uint64_t threshold = 0;  ///< how many shares open a secret
  std::uint64_t dropouts = 0;   ///< how many may drop out
  friend bool operator==(const SecAggParameters&, const SecAggParameters&) = default;

  /// Everyone is everyone's neighbour.
  [[nodiscard]] bool full() const noexcept { return degree + 1 == clients; }
  /// How many shares are made of each secret. In the full graph a client keeps one of its own; in a sparse one it does not, as the
  /// threshold is derived for its neighbours alone.
  [[nodiscard]] std::uint64_t holders() const noexcept { return full() ? clients : degree; }

  /// Full graph up to 200 clients, and wherever the coordinator may be active, who could otherwise surround a client with
  /// corrupt ones. Then
  ///
  ///     threshold = max(floor((N + c) / 2) + 1, c + 2, 3),  c = ceil(corrupt N)
  ///
  /// of which there can only be one set of survivors: two of them would share N + 1 - c - N = 1 honest client at least, who answers
  /// once. c + 2: the sum has two honest clients in it, of whom neither is told. N - threshold may drop out. Of 10 clients with
  /// one corrupt 6 are needed, 4 may drop out. Larger rosters: `sparse_graph`.
  /// \param clients  size of the pinned roster: never of those who happen to be there
  /// \throws Error (`invalid_argument`) for fewer than 3 clients (of two, each would learn what the other has), for shares outside
  /// [0, 1), and where the drop-outs leave fewer than the threshold
  [[nodiscard]] static SecAggParameters of(std::size_t clients, const SecAggOptions& options) {
    detail::require_share(options.corrupt, "corrupt clients");
    detail::require_share(options.dropout, "clients that drop out");
    if (clients < 3) {
      throw Error(error::invalid_argument,
                  "secure aggregation: needs at least 3 clients, but the roster has " +
                      std::to_string(clients) +
                      (clients == 2 ? ": each of two learns from the sum what the other has" : ""));
    }
    const auto expected = detail::whole_clients(options.dropout, clients);
    const auto c =
        static_cast<std::size_t>(std::ceil((options.corrupt - 1e-14) * static_cast<double>(clients)));
    if (options.adversary != Adversary::active && clients > most_in_full_graph) {
      const SparseGraph graph = sparse_graph(clients, options.corrupt, options.dropout, options.adversary);
      return {clients, c, graph.degree, graph.threshold, expected};
    }
    const std::size_t threshold = (std::max)({(clients + c) / 2 + 1, c + 2, std::size_t{3}});
    if (threshold + expected > clients) {
      throw Error(error::invalid_argument,
                  "secure aggregation: of " + std::to_string(clients) + " clients with " + std::to_string(c) +
                      " corrupt ones " + std::to_string(threshold) + " must stay, so that " +
                      (threshold > clients ? "it is impossible"
                                           : std::to_string(clients - threshold) + " may drop out") +
                      "; a share of " + number_text(options.dropout) + " is " + std::to_string(expected));
    }
    return {clients, c, clients - 1, threshold, clients - threshold};
  }

  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& clients& corrupt& degree& threshold& dropouts;
  }
};

}  // namespace healthai::secagg
