#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "healthai/core/client_id.hpp"
#include "healthai/core/error.hpp"
#include "healthai/core/partial_aggregate.hpp"
#include "healthai/core/summand.hpp"
#include "healthai/core/task.hpp"
#include "healthai/serialization/archive.hpp"

namespace healthai {

/// The clients of one relay that a request is for.
struct RegionShare {
  ClientId relay{};
  std::vector<ClientId> clients{};
  friend bool operator==(const RegionShare&, const RegionShare&) = default;

  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& relay& clients;
  }
};

/// What every relay of a PartialSum gets: the work for its clients, which ones, and how long they have. One broadcast
/// serves all relays.
template <AdditiveTask T>
struct PartialSumBroadcast {
  /// What the clients get. Shared where coordinator and relay are one process.
  std::shared_ptr<const typename T::Broadcast> work{};
  /// Each relay's clients; a relay looks for its own id. Empty: everyone asks all the clients it has.
  std::vector<RegionShare> shares{};
  std::optional<std::uint64_t> patience_ms{};  ///< how long the region's clients have; none: for ever
  std::uint64_t grace_ms = 0;                  ///< see SumRules, here and below
  bool accepts_partial_work = false;
  std::optional<std::vector<WantedVector>> extra_vectors{};

  /// \throws Error (`invalid_argument`) when written without work
  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    if constexpr (Archive::is_loading::value) {
      auto read = std::make_shared<typename T::Broadcast>();
      archive&* read;
      work = std::move(read);
    } else {
      if (!work) throw Error(error::invalid_argument, "a partial sum was asked for without any work");
      archive&* work;
    }
    archive& shares& patience_ms& grace_ms& accepts_partial_work& extra_vectors;
  }
};

namespace detail {
/// "sum.TASK/AGGREGATOR", made by the compiler.
template <class T, class Aggregator>
struct PartialSumName {
  static constexpr std::string_view begin = "sum.";
  static constexpr std::string_view task = T::name;
  static constexpr std::string_view aggregator = Aggregator::name;
  static constexpr auto text = [] {
    std::array<char, begin.size() + task.size() + 1 + aggregator.size()> all{};
    std::size_t at = 0;
    for (const std::string_view part : {begin, task, std::string_view("/"), aggregator}) {
      for (const char c : part) all[at++] = c;
    }
    return all;
  }();
};
}  // namespace detail

/// The task "let your clients do T and answer with their sum": what a coordinator asks of a relay. Its reply is a
/// PartialAggregate, so that nothing is rounded on the way and everyone who contributed or failed is named.
///
/// Its name tells the aggregator too: "sum.train.f64/WeightedMean".
/// \tparam Aggregator  an AdditiveAggregator with a `name`, whose states can be serialised
template <AdditiveTask T, class Aggregator>
struct PartialSum {
  using Broadcast = PartialSumBroadcast<T>;
  using Reply = PartialAggregate<Aggregator, typename T::Scalar>;
  static constexpr std::string_view name{detail::PartialSumName<T, Aggregator>::text.data(),
                                         detail::PartialSumName<T, Aggregator>::text.size()};

  [[nodiscard]] static std::size_t bytes(const Broadcast& broadcast) {
    std::size_t sum = broadcast.work ? T::bytes(*broadcast.work) : 0;
    for (const RegionShare& share : broadcast.shares) {
      for (const ClientId& client : share.clients) sum += client.str().size();
    }
    return sum;
  }
  /// As an archive.
  [[nodiscard]] static std::size_t bytes(const Reply& reply) {
    return static_cast<std::size_t>(encoded_size(reply));
  }
};

/// The task "who are the clients of your region?".
struct RegionRoster {
  /// What every relay gets.
  struct Broadcast {
    std::uint64_t patience_ms =
        0;  ///< how long the relay has, for relays that ask others; 0: as long as it likes
    template <class Archive>
    void serialize(Archive& archive, unsigned /*version*/) {
      archive& patience_ms;
    }
  };
  /// Who is there.
  struct Reply {
    std::vector<ClientId> clients{};
    template <class Archive>
    void serialize(Archive& archive, unsigned /*version*/) {
      archive& clients;
    }
  };
  static constexpr std::string_view name = "region_roster";
  [[nodiscard]] static std::size_t bytes(const Broadcast& /*broadcast*/) noexcept {
    return sizeof(std::uint64_t);
  }
  [[nodiscard]] static std::size_t bytes(const Reply& reply) noexcept {
    std::size_t sum = 0;
    for (const ClientId& client : reply.clients) sum += client.str().size();
    return sum;
  }
};

}  // namespace healthai
