#include "healthai/statistics/suppression.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <cstddef>
#include <functional>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include "refusals.hpp"

namespace statistics_suppression_test {

using namespace healthai;
using refusals_test::refuses;

namespace {

using Counts = std::vector<std::size_t>;

/// What each cell can be, by listing every table of numbers from 0 that has the visible cells and the margins of this one.
std::vector<CellInterval> by_enumeration(const Counts& counts, std::size_t columns,
                                         const std::vector<bool>& hidden) {
  const std::size_t rows = counts.size() / columns;
  Counts row_left(rows, 0), column_left(columns, 0);
  for (std::size_t cell = 0; cell < counts.size(); ++cell) {
    if (!hidden[cell]) continue;
    row_left[cell / columns] += counts[cell];
    column_left[cell % columns] += counts[cell];
  }
  std::vector<CellInterval> intervals(counts.size(), {1000, 0});
  Counts now = counts;
  const std::function<void(std::size_t)> fill = [&](std::size_t cell) {
    if (cell == counts.size()) {
      if (std::any_of(row_left.begin(), row_left.end(), [](auto left) { return left != 0; }) ||
          std::any_of(column_left.begin(), column_left.end(), [](auto left) { return left != 0; }))
        return;
      for (std::size_t i = 0; i < now.size(); ++i) {
        intervals[i].lower = (std::min)(intervals[i].lower, now[i]);
        intervals[i].upper = (std::max)(intervals[i].upper, now[i]);
      }
      return;
    }
    // A row that is done must have used up what is hidden in it.
    if (cell % columns == 0 && cell > 0 && row_left[cell / columns - 1] != 0) return;
    if (!hidden[cell]) return fill(cell + 1);
    std::size_t& row = row_left[cell / columns];
    std::size_t& column = column_left[cell % columns];
    const std::size_t most = (std::min)(row, column);
    for (std::size_t value = 0; value <= most; ++value) {
      now[cell] = value;
      row -= value;
      column -= value;
      fill(cell + 1);
      row += value;
      column += value;
    }
  };
  fill(0);
  return intervals;
}

DisclosureRules only_cells() {
  DisclosureRules rules;
  rules.smallest_cell = 5;
  return rules;
}

}  // namespace

TEST_CASE("suppression: what margins tell of a hidden cell") {
  // One cell of a row or a column alone is told by the margin.
  CHECK(feasible_interval(Counts{3, 20, 20, 20}, 2, {true, false, false, false}, 0) == CellInterval{3, 3});
  CHECK(feasible_interval(Counts{3, 20, 20, 20}, 2, {true, true, false, false}, 0) == CellInterval{3, 3});
  // Four in a rectangle: up by min(20, 25), down by min(3, 30).
  CHECK(feasible_interval(Counts{3, 20, 25, 30}, 2, {true, true, true, true}, 0) == CellInterval{0, 23});
  CHECK(feasible_interval(Counts{3, 20, 25, 30}, 2, {true, true, true, true}, 3) == CellInterval{27, 50});
  CHECK(feasible_interval(Counts{3, 20}, 2, {false, true}, 0) == CellInterval{3, 3});
  refuses([] { return feasible_interval(Counts{3, 20, 1}, 2, {true, true, true}, 0); }, "3 cells");
  refuses([] { return feasible_interval(Counts{3, 20}, 2, {true}, 0); }, "as many");
}

TEST_CASE("suppression: the feasible interval is that of all tables that show the same") {
  CHECK(rc::check("feasible interval by enumeration", [] {
    const auto columns = *rc::gen::inRange<std::size_t>(1, 4);
    const auto rows = *rc::gen::inRange<std::size_t>(1, 4);
    const auto counts = *rc::gen::container<Counts>(rows * columns, rc::gen::inRange<std::size_t>(0, 6));
    const auto hidden = *rc::gen::container<std::vector<bool>>(rows * columns, rc::gen::arbitrary<bool>());
    const auto expected = by_enumeration(counts, columns, hidden);
    for (std::size_t cell = 0; cell < counts.size(); ++cell)
      RC_ASSERT(feasible_interval(counts, columns, hidden, cell) == expected[cell]);
  }));
}

TEST_CASE("suppression: hidden cells stay hidden, whoever lists all tables that show the same") {
  std::size_t hid = 0, refused = 0;
  const bool held = rc::check("hidden cells by enumeration", [&] {
    const auto columns = *rc::gen::inRange<std::size_t>(2, 4);
    const auto rows = *rc::gen::inRange<std::size_t>(2, 4);
    const auto smallest = *rc::gen::inRange<std::size_t>(2, 4);
    const auto counts = *rc::gen::container<Counts>(rows * columns, rc::gen::inRange<std::size_t>(0, 8));
    const auto hidden = hidden_cells(counts, columns, smallest);
    if (!hidden) {
      ++refused;
      // Nor would hiding everything but zeros have helped every small cell.
      std::vector<bool> all;
      for (const std::size_t count : counts) all.push_back(count > 0);
      const auto intervals = by_enumeration(counts, columns, all);
      bool helped = true;
      for (std::size_t cell = 0; cell < counts.size(); ++cell) {
        // A large cell that moves by less than the width is no help either: it would be hidden and yet be told.
        if (intervals[cell].width() > 0 || counts[cell] < smallest)
          helped = helped && (counts[cell] == 0 || intervals[cell].width() >= smallest);
      }
      RC_ASSERT(!helped);
      return;
    }
    const auto intervals = by_enumeration(counts, columns, *hidden);
    for (std::size_t cell = 0; cell < counts.size(); ++cell) {
      if (counts[cell] > 0 && counts[cell] < smallest) RC_ASSERT((*hidden)[cell]);
      if (counts[cell] == 0) RC_ASSERT(!(*hidden)[cell]);
      if ((*hidden)[cell]) {
        ++hid;
        RC_ASSERT(intervals[cell].width() >= smallest);
      }
    }
  });
  CHECK(held);
  CHECK(hid > 50);  // the property was not empty
  CHECK(refused > 5);
}

TEST_CASE("suppression: the cheapest rectangle is hidden, and no more") {
  // The small cell is in row 0, column 0. Partners: row 1 or 2, column 1 or 2.
  const Counts counts{3,  40, 12,  //
                      50, 90, 70,  //
                      15, 60, 9};
  const auto hidden = hidden_cells(counts, 3, 5);
  REQUIRE(hidden);
  CHECK(*hidden == std::vector<bool>{true, false, true, false, false, false, true, false, true});
  // Nothing small: nothing hidden, whatever zeros there are.
  CHECK(*hidden_cells(Counts{0, 5, 7, 0}, 2, 5) == std::vector<bool>(4, false));
  CHECK(hidden_cells(Counts{}, 0, 5)->empty());
  // A row of 3 patients: the margin tells that none of its cells is above 3.
  CHECK_FALSE(hidden_cells(Counts{2, 1, 30, 40}, 2, 5));
  CHECK_FALSE(hidden_cells(Counts{3, 0, 30, 40}, 2, 5));
  // One row alone: its margins are its cells.
  CHECK_FALSE(hidden_cells(Counts{3, 40, 50}, 3, 5));
  // Many small cells conceal each other, without a large one.
  const auto small = hidden_cells(Counts{4, 4, 4, 4, 4, 4, 4, 4, 4}, 3, 5);
  REQUIRE(small);
  CHECK(*small == std::vector<bool>(9, true));
}

TEST_CASE("suppression: nothing hidden is recovered from the margins that leave") {
  // The usual attack: a margin less the visible cells, in rows and columns, again and again as long as it tells something.
  CHECK(rc::check("subtraction", [] {
    const auto columns = *rc::gen::inRange<std::size_t>(2, 7);
    const auto rows = *rc::gen::inRange<std::size_t>(2, 7);
    const auto counts = *rc::gen::container<Counts>(rows * columns, rc::gen::inRange<std::size_t>(0, 40));
    const auto hidden = hidden_cells(counts, columns, 5);
    RC_PRE(hidden.has_value());
    std::vector<bool> known;
    for (const bool hides : *hidden) known.push_back(!hides);
    for (bool again = true; again;) {
      again = false;
      const auto attack = [&](const Counts& line) {
        std::vector<std::size_t> unknown;
        for (const std::size_t cell : line) {
          if (!known[cell]) unknown.push_back(cell);
        }
        if (unknown.size() == 1) known[unknown.front()] = again = true;
      };
      for (std::size_t row = 0; row < rows; ++row) {
        Counts line(columns);
        std::iota(line.begin(), line.end(), row * columns);
        attack(line);
      }
      for (std::size_t column = 0; column < columns; ++column) {
        Counts line;
        for (std::size_t row = 0; row < rows; ++row) line.push_back(row * columns + column);
        attack(line);
      }
    }
    for (std::size_t cell = 0; cell < counts.size(); ++cell) RC_ASSERT(known[cell] != (*hidden)[cell]);
  }));
}

TEST_CASE("suppression: counts with a total") {
  CHECK(*hidden_counts(Counts{10, 20, 0}, 5) == std::vector<bool>(3, false));
  // 3 alone would be the total less the others; with 10 it is from 0 to 13.
  CHECK(*hidden_counts(Counts{20, 3, 10, 0}, 5) == std::vector<bool>{false, true, true, false});
  CHECK(*hidden_counts(Counts{3, 2, 10}, 5) == std::vector<bool>{true, true, false});
  CHECK(*hidden_counts(Counts{2, 2, 10}, 5) ==
        std::vector<bool>{true, true, true});  // from 0 to 4 is too narrow
  CHECK_FALSE(hidden_counts(Counts{3}, 5));
  CHECK_FALSE(hidden_counts(Counts{2, 0, 2}, 5));
  CHECK(hidden_counts(Counts{}, 5)->empty());
  CHECK(rc::check("counts by enumeration", [] {
    const auto counts = *rc::gen::container<Counts>(rc::gen::inRange<std::size_t>(0, 9));
    const auto smallest = *rc::gen::inRange<std::size_t>(1, 7);
    const auto hidden = hidden_counts(counts, smallest);
    std::size_t sum = 0;
    if (!hidden) {  // then not even all of them together would do
      const auto positive = std::count_if(counts.begin(), counts.end(), [](auto count) { return count > 0; });
      RC_ASSERT(positive == 1 || std::accumulate(counts.begin(), counts.end(), sum) < smallest);
      return;
    }
    std::size_t number = 0;
    for (std::size_t i = 0; i < counts.size(); ++i) {
      RC_ASSERT((*hidden)[i] || counts[i] == 0 || counts[i] >= smallest);
      if ((*hidden)[i]) {
        sum += counts[i];
        ++number;
      }
    }
    RC_ASSERT(number == 0 || (number >= 2 && sum >= smallest));
  }));
}

TEST_CASE("suppression: under rules, off, and in a sum") {
  const Counts counts{2, 1, 30, 40};
  refuses([&] { return hidden_cells(only_cells(), counts, 2); }, error::disclosure, "smallest_cell: ");
  refuses([&] { return hidden_counts(only_cells(), Counts{3}); }, error::disclosure, "smallest_cell: ");
  CHECK(hidden_cells(DisclosureRules::off(), counts, 2) == std::vector<bool>(4, false));
  CHECK(hidden_counts(DisclosureRules::off(), counts) == std::vector<bool>(4, false));
  DisclosureRules masked = only_cells();
  masked.in_sum = true;
  CHECK(hidden_cells(masked, counts, 2) == std::vector<bool>(4, false));
  CHECK(hidden_counts(masked, counts) == std::vector<bool>(4, false));
  CHECK(hidden_counts(only_cells(), Counts{20, 3, 10}) == std::vector<bool>{false, true, true});
}

}  // namespace statistics_suppression_test
