#pragma once

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <cmath>
#include <cstddef>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "folders.hpp"
#include "healthai/core/random.hpp"
#include "healthai/data/csv.hpp"
#include "healthai/data/partition.hpp"
#include "healthai/statistics/column_levels.hpp"
#include "healthai/statistics/column_sums.hpp"
#include "healthai/statistics/cross_products.hpp"
#include "healthai/statistics/cross_table.hpp"
#include "healthai/statistics/describe.hpp"
#include "healthai/statistics/histogram.hpp"
#include "healthai/statistics/site.hpp"
#include "healthai/statistics/threshold_counts.hpp"
#include "healthai/transport/in_process.hpp"

namespace hospitals_test {

using namespace healthai;

inline TaskHandlers all_handlers(Table table, DisclosureRules rules = DisclosureRules::off()) {
  return StatisticsSite(std::move(table), std::move(rules))
      .handlers<ColumnLevels, ColumnSums, SiteColumns, ThresholdCounts, BinCounts, CellCounts,
                CrossProducts>();
}
inline InProcess in_process() {
  return InProcess{{.threads = 1}};
}

/// The rows i of a table at site number `site[i]`.
inline void add_split(InProcess& hospitals, const Table& table, const std::vector<std::size_t>& site) {
  std::size_t sites = 0;
  for (const std::size_t s : site) sites = (std::max)(sites, s + 1);
  std::vector<std::vector<std::size_t>> rows(sites);
  for (std::size_t row = 0; row < site.size(); ++row) rows[site[row]].push_back(row);
  for (std::size_t s = 0; s < sites; ++s) {
    if (!rows[s].empty())
      hospitals.add("site" + std::to_string(100 + s), all_handlers(table.select(rows[s])));
  }
}
/// At random; site 0 has but one row.
inline std::vector<std::size_t> random_sites(std::size_t rows, std::size_t sites, std::uint64_t seed) {
  Stream stream(seed, Purpose::test);
  std::vector<std::size_t> site(rows);
  for (std::size_t row = 1; row < rows; ++row) site[row] = sites == 1 ? 0 : 1 + stream() % (sites - 1);
  return site;
}

inline const nlohmann::json& reference() {
  static const nlohmann::json json =
      nlohmann::json::parse(std::ifstream(source_folder() + "/tests/statistics/reference/descriptive.json"));
  return json;
}
inline const Table& lung() {
  static const Table table = read_csv(source_folder() + "/examples/data/lung_hospitals.csv");
  return table;
}
inline const Table& wdbc() {
  static const Table table = read_csv(source_folder() + "/examples/data/wdbc.csv");
  return table;
}
/// Calls `check(hospitals)` for one hospital with all rows, the ten hospitals of the lung data, and 23 others at random.
template <class Check>
void for_splits_of_lung(Check check) {
  {
    INFO("one hospital");
    InProcess one{{.threads = 1}};
    one.add("all", all_handlers(lung()));
    check(one);
  }
  {
    INFO("ten hospitals");
    InProcess ten{{.threads = 1}};
    for (const Site& site : partition_by(lung(), "hospital")) ten.add(site.id, all_handlers(site.table));
    check(ten);
  }
  {
    INFO("at random");
    InProcess random{{.threads = 1}};
    add_split(random, lung(), random_sites(lung().rows(), 23, 5));
    check(random);
  }
}

/// Whether two numbers agree to this share of the larger of them and `scale`.
inline bool close(double a, double b, double tolerance = 1e-12, double scale = 0) {
  if (a != a || b != b) return a != a && b != b;
  return std::fabs(a - b) <= tolerance * (std::max)({std::fabs(a), std::fabs(b), scale});
}
#define CHECK_CLOSE(...) CHECK(hospitals_test::close(__VA_ARGS__))

/// A table of random columns: "x" around 0, "y" around 1e9 with sd 1, "z" with missing values, "k" constant at site 0 (the first row, and more);
/// "group" of a, b, c.
inline Table random_table(std::size_t rows, std::uint64_t seed, const std::vector<std::size_t>& site) {
  Stream stream(seed, Purpose::test);
  const auto uniform = [&] { return static_cast<double>(stream() >> 11U) * 0x1p-53; };
  const auto normal = [&] {
    double sum = -6;
    for (int i = 0; i < 12; ++i) sum += uniform();
    return sum;
  };
  std::vector<double> x(rows), y(rows), z(rows), k(rows);
  std::vector<std::string> group(rows);
  for (std::size_t i = 0; i < rows; ++i) {
    x[i] = normal();
    y[i] = 1e9 + normal() + x[i];
    z[i] = uniform() < 0.3 ? NAN : std::exp(normal());
    k[i] = site[i] % 3 == 0 ? 7 : normal();
    group[i] = uniform() < 0.1 ? "" : std::string(1, static_cast<char>('a' + stream() % 3));
  }
  Table table("random");
  table.add_numeric("x", x).add_numeric("y", y).add_numeric("z", z).add_numeric("k", k).add_text("group",
                                                                                                 group);
  return table;
}

/// The values of a column that are there, of the rows whose text in `by` is `level` (empty: of all).
inline std::vector<long double> values_of(const Table& table, const std::string& column,
                                          const std::string& by = "", const std::string& level = "") {
  std::vector<long double> values;
  const auto numbers = table.numeric(column);
  for (std::size_t row = 0; row < table.rows(); ++row) {
    if (numbers[row] != numbers[row] || (!by.empty() && table.missing(by, row)) ||
        (!level.empty() && level_text(table, by, row) != level))
      continue;
    values.push_back(numbers[row]);
  }
  return values;
}
/// Mean, and the sums of the second to fourth powers about it, in long double.
struct LongMoments {
  long double n = 0, mean = 0, s2 = 0, s3 = 0, s4 = 0;
  explicit LongMoments(const std::vector<long double>& values) : n(static_cast<long double>(values.size())) {
    // About the first value, so that values around 1e9 lose nothing.
    long double offset = 0;
    for (const long double v : values) offset += (v - values[0]) / n;
    mean = values.empty() ? 0 : values[0] + offset;
    for (const long double v : values) {
      const long double d = (v - values[0]) - offset;
      s2 += d * d;
      s3 += d * d * d;
      s4 += d * d * d * d;
    }
  }
};

}  // namespace hospitals_test
