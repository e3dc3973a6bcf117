#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "healthai/core/client_id.hpp"
#include "healthai/core/error.hpp"
#include "healthai/server/detail/fold.hpp"

namespace healthai::detail {

/// The replies of a rank's many clients without their vectors, column by column: clients by their number on that rank, and what
/// metrics and numbers are called once for all who call them alike.
struct PackedReplies {
  /// A run of replies whose metrics and numbers have the same names.
  struct Names {
    std::uint64_t replies = 0;
    std::vector<std::string> metrics{};
    std::vector<std::string> scalars{};

    template <class Archive>
    void serialize(Archive& archive, unsigned /*version*/) {
      archive& replies& metrics& scalars;
    }
  };
  std::vector<std::uint32_t> clients{};
  std::vector<double> numbers{};  ///< of each reply: rows, weight, each metric's two, each scalar
  std::vector<Names> names{};

  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& clients& numbers& names;
  }

  /// \param of_rank  the rank's clients, in the order of their ids
  void add(const FoldedReply& reply, std::span<const ClientId> of_rank) {
    const auto client = std::lower_bound(of_rank.begin(), of_rank.end(), reply.client);
    clients.push_back(static_cast<std::uint32_t>(client - of_rank.begin()));
    if (names.empty() || !named_alike(names.back(), reply)) {
      Names& fresh = names.emplace_back();
      for (const Metric& metric : reply.metrics) fresh.metrics.push_back(metric.name);
      for (const SummandScalar& scalar : reply.scalars) fresh.scalars.push_back(scalar.name);
    }
    ++names.back().replies;
    numbers.push_back(reply.rows);
    numbers.push_back(reply.weight);
    for (const Metric& metric : reply.metrics) {
      numbers.push_back(metric.numerator);
      numbers.push_back(metric.denominator);
    }
    for (const SummandScalar& scalar : reply.scalars) numbers.push_back(scalar.value);
  }

  /// Calls `use(FoldedReply&&)` for each. \throws Error (`archive_corrupt`) for what `add` cannot have made
  template <class Use>
  void each(std::span<const ClientId> of_rank, Use use) const {
    const auto require = [](bool possible) {
      if (!possible)
        throw Error(error::archive_corrupt, "a rank's report of its replies does not hold together");
    };
    auto client = clients.begin();
    auto number = numbers.begin();
    for (const Names& alike : names) {
      const std::size_t each_has = 2 + 2 * alike.metrics.size() + alike.scalars.size();
      require(alike.replies <= static_cast<std::uint64_t>(clients.end() - client) &&
              alike.replies <= static_cast<std::uint64_t>(numbers.end() - number) / each_has);
      for (std::uint64_t r = 0; r < alike.replies; ++r) {
        require(*client < of_rank.size());
        FoldedReply reply{of_rank[*client++], 0, 0, {}, {}};
        reply.rows = *number++;
        reply.weight = *number++;
        for (const std::string& name : alike.metrics) {
          const double numerator = *number++;
          reply.metrics.add(name, numerator, *number++);
        }
        for (const std::string& name : alike.scalars) reply.scalars.push_back({name, *number++});
        use(std::move(reply));
      }
    }
  }

 private:
  static bool named_alike(const Names& alike, const FoldedReply& reply) {
    return std::equal(alike.metrics.begin(), alike.metrics.end(), reply.metrics.begin(), reply.metrics.end(),
                      [](const std::string& name, const Metric& metric) { return name == metric.name; }) &&
           std::equal(
               alike.scalars.begin(), alike.scalars.end(), reply.scalars.begin(), reply.scalars.end(),
               [](const std::string& name, const SummandScalar& scalar) { return name == scalar.name; });
  }
};

}  // namespace healthai::detail
