#pragma once

/// \file
/// Small cells of a table of counts are hidden, and further cells with them, so that nobody computes them from the rest. What leaves is all
/// other cells; the margins (the sums of each row and each column) and the total count as known too, for other answers of the same
/// hospital may tell them.
///
/// What a reader of the table then knows of the hidden cells is that they are no less than 0 and add up to what is missing in each row and
/// column: a transportation polytope. Its corners are whole numbers, and the smallest and the largest value of a cell in it are flows
/// in a network, so that they are found exactly. (L. H. Cox: "Suppression Methodology and Statistical Disclosure Control", 1980; J. P. Kelly,
/// B. L. Golden, A. A. Assad: "Cell Suppression: Disclosure Protection for Sensitive Tabular Data", 1992.) A table may leave when
/// for each hidden cell the largest possible value is at least `smallest_cell` more than the smallest.
///
/// What it cannot do: a hidden cell is either below `smallest_cell` or hidden for the sake of another, and a reader who knows from elsewhere
/// that it is not the second knows that it is small. Tables of the same patients with other groups are not looked at together.

#include <algorithm>
#include <cstddef>
#include <limits>
#include <optional>
#include <queue>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/statistics/disclosure.hpp"

namespace healthai {

/// What the visible cells and the margins of a table tell of a cell: its value is from `lower` to `upper`, both possible.
struct CellInterval {
  std::size_t lower = 0;
  std::size_t upper = 0;
  [[nodiscard]] std::size_t width() const noexcept { return upper - lower; }
  friend bool operator==(const CellInterval&, const CellInterval&) = default;
};

namespace detail {

/// A two-way table of counts of which some cells are hidden.
class HiddenTable {
 public:
  HiddenTable(std::span<const std::size_t> counts, std::size_t columns)
      : counts_(counts), columns_(columns), hidden_(counts.size(), false) {}

  [[nodiscard]] std::size_t cells() const noexcept { return counts_.size(); }
  [[nodiscard]] std::size_t count(std::size_t cell) const noexcept { return counts_[cell]; }
  [[nodiscard]] bool hidden(std::size_t cell) const noexcept { return hidden_[cell]; }
  void hide(std::size_t cell, bool hidden = true) { hidden_[cell] = hidden; }
  [[nodiscard]] const std::vector<bool>& mask() const noexcept { return hidden_; }

  /// How much the cell may be more, and less, in another table that shows the same; searched no further than `enough`.
  [[nodiscard]] std::size_t room_above(std::size_t cell, std::size_t enough) const {
    return flow(column_node(cell), row_node(cell), cell, enough);
  }
  [[nodiscard]] std::size_t room_below(std::size_t cell, std::size_t enough) const {
    return flow(row_node(cell), column_node(cell), cell, (std::min)(enough, counts_[cell]));
  }
  [[nodiscard]] bool wide(std::size_t cell, std::size_t width) const {
    const std::size_t below = room_below(cell, width);
    return below >= width || room_above(cell, width - below) >= width - below;
  }
  [[nodiscard]] bool all_wide(std::size_t width) const {
    for (std::size_t cell = 0; cell < cells(); ++cell) {
      if (hidden_[cell] && !wide(cell, width)) return false;
    }
    return true;
  }

  /// Hides the cheapest cells, by their counts, that make a closed way through the table on which this cell may grow by `width`, every second
  /// cell shrinking by that and every other one growing. Each cell on it then has that width. \return whether there is one
  bool hide_way_around(std::size_t cell, std::size_t width) {
    // Dijkstra's shortest path from the cell's column to its row.
    constexpr std::size_t never = (std::numeric_limits<std::size_t>::max)();
    std::vector<std::size_t> cost(nodes(), never), through(nodes(), never), from(nodes(), never);
    using Reached = std::pair<std::size_t, std::size_t>;
    std::priority_queue<Reached, std::vector<Reached>, std::greater<>> open;
    cost[column_node(cell)] = 0;
    open.emplace(0, column_node(cell));
    while (!open.empty()) {
      const auto [so_far, node] = open.top();
      open.pop();
      if (so_far > cost[node]) continue;
      for_cells_of(node, [&, here = node, paid = so_far](std::size_t next, std::size_t crossed) {
        const bool shrinks = here >= rows();
        if (crossed == cell || (shrinks && counts_[crossed] < width) ||
            (!hidden_[crossed] && counts_[crossed] == 0))
          return;
        const std::size_t total = paid + (hidden_[crossed] ? 0 : counts_[crossed]);
        if (total >= cost[next]) return;
        cost[next] = total;
        through[next] = crossed;
        from[next] = here;
        open.emplace(total, next);
      });
    }
    if (cost[row_node(cell)] == never) return false;
    for (std::size_t node = row_node(cell); node != column_node(cell); node = from[node])
      hidden_[through[node]] = true;
    return true;
  }

 private:
  // Rows come first among the nodes, then columns. A hidden cell is a way from its row to its column as wide as one likes (it grows), and
  // back as wide as its count (it shrinks).
  [[nodiscard]] std::size_t rows() const noexcept { return columns_ == 0 ? 0 : counts_.size() / columns_; }
  [[nodiscard]] std::size_t nodes() const noexcept { return rows() + columns_; }
  [[nodiscard]] std::size_t row_node(std::size_t cell) const noexcept { return cell / columns_; }
  [[nodiscard]] std::size_t column_node(std::size_t cell) const noexcept { return rows() + cell % columns_; }
  /// Calls `use(other node, cell between them)` for every cell of a row or a column.
  template <class Use>
  void for_cells_of(std::size_t node, Use use) const {
    if (node < rows()) {
      for (std::size_t column = 0; column < columns_; ++column)
        use(rows() + column, node * columns_ + column);
    } else {
      for (std::size_t row = 0; row < rows(); ++row) use(row, row * columns_ + node - rows());
    }
  }
  /// The largest flow by hidden cells besides `without`, at most `enough`. (L. R. Ford, D. R. Fulkerson, 1956; shortest ways first, as
  /// J. Edmonds and R. M. Karp, 1972.)
  [[nodiscard]] std::size_t flow(std::size_t source, std::size_t sink, std::size_t without,
                                 std::size_t enough) const {
    std::vector<std::size_t> now(counts_.begin(), counts_.end());
    std::size_t total = 0;
    while (total < enough) {
      constexpr std::size_t never = (std::numeric_limits<std::size_t>::max)();
      std::vector<std::size_t> through(nodes(), never), from(nodes(), never);
      std::vector<std::size_t> queue{source};
      from[source] = source;
      for (std::size_t at = 0; at < queue.size() && from[sink] == never; ++at) {
        for_cells_of(queue[at], [&, here = queue[at]](std::size_t next, std::size_t cell) {
          if (!hidden_[cell] || cell == without || from[next] != never || (here >= rows() && now[cell] == 0))
            return;
          through[next] = cell;
          from[next] = here;
          queue.push_back(next);
        });
      }
      if (from[sink] == never) break;
      std::size_t amount = enough - total;
      for (std::size_t node = sink; node != source; node = from[node]) {
        if (from[node] >= rows()) amount = (std::min)(amount, now[through[node]]);
      }
      for (std::size_t node = sink; node != source; node = from[node]) {
        if (from[node] >= rows()) {
          now[through[node]] -= amount;
        } else {
          now[through[node]] += amount;
        }
      }
      total += amount;
    }
    return total;
  }

  std::span<const std::size_t> counts_;
  std::size_t columns_;
  std::vector<bool> hidden_;
};

/// \throws Error (`invalid_argument`) unless `cells` make whole rows
inline void require_whole_rows(std::size_t cells, std::size_t columns) {
  if (columns == 0 ? cells != 0 : cells % columns != 0) {
    throw Error(error::invalid_argument, "a table of " + std::to_string(cells) +
                                             " cells cannot have rows of " + std::to_string(columns));
  }
}
[[noreturn]] inline void refuse_cells() {
  throw Error(
      error::disclosure,
      "smallest_cell: cells of few patients cannot be hidden so that the rest does not tell them; ask for "
      "fewer or wider groups");
}

}  // namespace detail

/// From what to what a hidden cell of a two-way table can be, for one who sees all other cells, and the margins.
/// \param counts   row after row
/// \param hidden   of each cell, whether it is hidden
/// \throws Error (`invalid_argument`) for sizes that do not fit
[[nodiscard]] inline CellInterval feasible_interval(std::span<const std::size_t> counts, std::size_t columns,
                                                    const std::vector<bool>& hidden, std::size_t cell) {
  detail::require_whole_rows(counts.size(), columns);
  if (hidden.size() != counts.size() || cell >= counts.size()) {
    throw Error(error::invalid_argument, "a table of " + std::to_string(counts.size()) +
                                             " cells needs as many answers whether they are hidden");
  }
  if (!hidden[cell]) return {counts[cell], counts[cell]};
  detail::HiddenTable table(counts, columns);
  std::size_t sum = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    table.hide(i, hidden[i]);
    sum += counts[i];
  }
  return {counts[cell] - table.room_below(cell, sum), counts[cell] + table.room_above(cell, sum)};
}

/// Which cells of a two-way table to hide: those of 1 to below `smallest_cell` patients, and the cheapest further ones that it takes
/// for each hidden cell to have a feasible interval of that width. Zeros are not hidden: they stand for nobody, and are often known
/// anyway. \return nothing if that cannot be, as in a row of few patients
/// \param counts   row after row
/// \throws Error (`invalid_argument`) unless the cells make whole rows
[[nodiscard]] inline std::optional<std::vector<bool>> hidden_cells(std::span<const std::size_t> counts,
                                                                   std::size_t columns,
                                                                   std::size_t smallest_cell) {
  detail::require_whole_rows(counts.size(), columns);
  detail::HiddenTable table(counts, columns);
  std::vector<std::size_t> small, large;
  for (std::size_t cell = 0; cell < counts.size(); ++cell) {
    if (counts[cell] == 0) continue;
    (counts[cell] < smallest_cell ? small : large).push_back(cell);
  }
  for (const std::size_t cell : small) table.hide(cell);
  const auto has_way = [&](std::size_t cell) {
    return table.wide(cell, smallest_cell) || table.hide_way_around(cell, smallest_cell);
  };
  if (!std::all_of(small.begin(), small.end(), has_way)) {
    // Perhaps by several ways at once: with everything hidden but what that does not conceal.
    for (const std::size_t cell : large) table.hide(cell);
    for (const std::size_t cell : large) {
      if (!table.wide(cell, 1)) table.hide(cell, false);
    }
    if (!table.all_wide(smallest_cell)) return std::nullopt;
  }
  // What others have made unnecessary becomes visible again, the largest first.
  std::stable_sort(large.begin(), large.end(),
                   [&](std::size_t a, std::size_t b) { return counts[a] > counts[b]; });
  for (const std::size_t cell : large) {
    if (!table.hidden(cell)) continue;
    table.hide(cell, false);
    if (!table.all_wide(smallest_cell)) table.hide(cell);
  }
  return table.mask();
}

/// The same for counts of which only the total is known besides: a histogram, or patients by level.
[[nodiscard]] inline std::optional<std::vector<bool>> hidden_counts(std::span<const std::size_t> counts,
                                                                    std::size_t smallest_cell) {
  // Any hidden count can be from 0 to what all hidden ones add up to, as long as there are two.
  std::vector<bool> hidden(counts.size(), false);
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (counts[i] > 0) order.push_back(i);
  }
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return counts[a] < counts[b]; });
  std::size_t sum = 0;
  std::size_t number = 0;
  for (const std::size_t i : order) {
    const bool done = number == 0 || (number > 1 && sum >= smallest_cell);
    if (counts[i] >= smallest_cell && done) break;
    hidden[i] = true;
    sum += counts[i];
    ++number;
  }
  if (number != 0 && (number == 1 || sum < smallest_cell)) return std::nullopt;
  return hidden;
}

/// Which cells of a two-way table a hospital hides under its rules: none where they are off, or leave that to the sum.
/// \throws Error (`disclosure`) if it takes more than hiding, (`invalid_argument`) as `hidden_cells`
[[nodiscard]] inline std::vector<bool> hidden_cells(const DisclosureRules& rules,
                                                    std::span<const std::size_t> counts,
                                                    std::size_t columns) {
  if (!rules.enforced || rules.in_sum) return std::vector<bool>(counts.size(), false);
  auto hidden = hidden_cells(counts, columns, rules.smallest_cell);
  if (!hidden) detail::refuse_cells();
  return *std::move(hidden);
}
/// As `hidden_cells`, of counts of which only the total is known besides. \throws Error (`disclosure`) if it takes more than hiding
[[nodiscard]] inline std::vector<bool> hidden_counts(const DisclosureRules& rules,
                                                     std::span<const std::size_t> counts) {
  if (!rules.enforced || rules.in_sum) return std::vector<bool>(counts.size(), false);
  auto hidden = hidden_counts(counts, rules.smallest_cell);
  if (!hidden) detail::refuse_cells();
  return *std::move(hidden);
}

}  // namespace healthai
