#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/simulation/detail/named_numbers.hpp"
#include "healthai/simulation/label_skew.hpp"
#include "healthai/simulation/size_skew.hpp"

namespace healthai {

/// How one table becomes the tables of several clients. A table that names its sites needs none of these:
/// `partition_by` splits it by that column.
using Partition = std::variant<Iid, DirichletLabels, DirichletShares, Shards, QuantitySkew>;

/// The row numbers (from 0) of each of `clients` clients, ascending: every row at exactly one client, no client
/// empty. The same for the same arguments on every machine.
///
///     const auto labels = class_numbers(table.text("diagnosis"));
///     for (const auto& rows : partition_rows(parse_partition("dirichlet:0.3"), labels, 20, seed)) {
///       const Table site = table.select(rows);
///       ...
///     }
///
/// \param labels  the class of each row; `Iid` and `QuantitySkew` use only how many there are
/// \throws Error as the `partition_rows` of each kind does.
[[nodiscard]] inline std::vector<std::vector<std::size_t>> partition_rows(const Partition& partition,
                                                                          std::span<const std::size_t> labels,
                                                                          std::size_t clients,
                                                                          std::uint64_t seed) {
  return std::visit(
      [&](const auto& how) {
        using How = std::remove_cvref_t<decltype(how)>;
        if constexpr (std::is_same_v<How, Iid> || std::is_same_v<How, QuantitySkew>) {
          return partition_rows(how, labels.size(), clients, seed);
        } else {
          return partition_rows(how, labels, clients, seed);
        }
      },
      partition);
}

/// The partition that a command line names: `iid`, `dirichlet:0.3` (DirichletLabels), `dirichlet_shares:0.3` or, with
/// minimum_rows, `dirichlet_shares:0.3:10`, `shards:2`, `quantity:0.5` or `quantity:0.5:10`.
/// \throws Error (`unknown_name`, `invalid_argument`) with a list of what is known.
[[nodiscard]] inline Partition parse_partition(std::string_view text) {
  static constexpr std::array<detail::NamedForm, 5> forms{{
      {"iid", "iid", 0, 0},
      {"dirichlet", "dirichlet:ALPHA", 1, 0},
      {"dirichlet_shares", "dirichlet_shares:ALPHA[:MINIMUM_ROWS]", 1, 1},
      {"shards", "shards:PER_CLIENT", 1, 0},
      {"quantity", "quantity:ALPHA[:MINIMUM_ROWS]", 1, 1},
  }};
  const detail::NamedNumbers parsed = detail::parse_named_numbers("partition", text, forms);
  const auto alpha = [&] {
    detail::require_alpha(parsed.numbers[0], "partition");
    return parsed.numbers[0];
  };
  const auto count = [&](std::size_t i) {
    const double number = parsed.number(i, 1);
    if (number < 1 || number > 0x1p53 || number != std::floor(number)) {
      throw Error(error::invalid_argument, "partition " + detail::quoted(text) +
                                               ": expected a whole number of at least 1, got " +
                                               detail::plain_number(number));
    }
    return static_cast<std::size_t>(number);
  };
  if (parsed.name == "dirichlet") return DirichletLabels{alpha()};
  if (parsed.name == "dirichlet_shares") return DirichletShares{alpha(), count(1)};
  if (parsed.name == "shards") return Shards{count(0)};
  if (parsed.name == "quantity") return QuantitySkew{alpha(), count(1)};
  return Iid{};
}

}  // namespace healthai
