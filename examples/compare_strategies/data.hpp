#pragma once

#include <cstddef>
#include <healthai/data.hpp>
#include <healthai/model/features.hpp>
#include <healthai/simulation/class_numbers.hpp>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "compare_strategies/flags.hpp"

namespace compare {

/// Rows to learn from or to be judged by.
struct Rows {
  healthai::FeatureMatrix<double> x{};
  std::vector<double> y{};     ///< the target, a class number, or whether the event happened
  std::vector<double> time{};  ///< of survival

  [[nodiscard]] std::size_t count() const noexcept { return y.size(); }
  [[nodiscard]] Rows select(const std::vector<std::size_t>& rows) const {
    Rows some;
    some.x.resize(static_cast<Eigen::Index>(rows.size()), x.cols());
    for (std::size_t i = 0; i < rows.size(); ++i) {
      some.x.row(static_cast<Eigen::Index>(i)) = x.row(static_cast<Eigen::Index>(rows[i]));
      some.y.push_back(y[rows[i]]);
      if (!time.empty()) some.time.push_back(time[rows[i]]);
    }
    return some;
  }
};

/// Everything that was read, before it is divided among clients.
struct Dataset {
  Rows rows{};
  std::vector<bool> test{};  ///< of each row
  std::size_t classes = 0;   ///< of softmax, mlp and conv
  std::size_t dropped = 0;   ///< rows with missing values
  /// By --site-column: the rows of each site. Empty: the sites come from --partition.
  std::vector<std::pair<std::string, std::vector<std::size_t>>> sites{};
  std::vector<std::string> features{};
};

inline bool is_classification(const Flags& flags) {
  return flags.task == "softmax" || flags.task == "mlp" || flags.task == "conv";
}

/// The columns that are features: those that were named, or all that have no other purpose.
inline std::vector<std::string> feature_columns(const healthai::Table& table, const Flags& flags) {
  if (!flags.features.empty()) return flags.features;
  std::vector<std::string> columns;
  for (const std::string& name : table.names()) {
    const bool used = name == flags.target || name == flags.site_column || name == flags.test_column ||
                      name == flags.time_column || name == flags.event_column;
    if (used) continue;
    if (!table.is_numeric(name)) {
      throw healthai::Error(healthai::error::csv,
                            flags.data + ": the column \"" + name +
                                "\" is text; name the columns to predict from: --features a,b");
    }
    columns.push_back(name);
  }
  return columns;
}

/// Class numbers from 0, in ascending order of the values.
inline std::vector<std::size_t> classes_of(const healthai::Table& table, const std::string& column) {
  return table.is_numeric(column) ? healthai::class_numbers(table.numeric(column))
                                  : healthai::class_numbers(table.text(column));
}

inline std::vector<bool> test_rows(const healthai::Table& table, const Flags& flags) {
  std::vector<bool> test(table.rows(), false);
  for (std::size_t row = 0; row < table.rows(); ++row) {
    if (flags.test_every) test[row] = row % *flags.test_every == 0;
    if (flags.test_column.empty()) continue;
    if (table.is_numeric(flags.test_column)) {
      test[row] = table.numeric(flags.test_column)[row] != 0;
    } else {
      test[row] = table.text(flags.test_column)[row] == "test";
    }
  }
  return test;
}

inline Dataset read_table(const Flags& flags) {
  healthai::Table table = healthai::read_csv(flags.data);
  Dataset data;
  data.features = feature_columns(table, flags);
  std::vector<std::string> used = data.features;
  for (const std::string& name :
       {flags.target, flags.time_column, flags.event_column, flags.site_column, flags.test_column}) {
    if (!name.empty()) used.push_back(name);
  }
  const std::size_t all = table.rows();
  table = table.select(table.complete_rows(used));
  data.dropped = all - table.rows();
  data.rows.x = healthai::design_matrix(table, data.features).matrix();
  if (flags.task == "cox") {
    data.rows.y = healthai::binary_target(table, flags.event_column);
    data.rows.time = healthai::nonnegative_target(table, flags.time_column);
  } else if (flags.task == "logistic") {
    data.rows.y = healthai::binary_target(table, flags.target);
  } else if (flags.task == "linear") {
    data.rows.y = healthai::numeric_target(table, flags.target);
  } else {
    for (const std::size_t label : classes_of(table, flags.target)) {
      data.rows.y.push_back(static_cast<double>(label));
      data.classes = (std::max)(data.classes, label + 1);
    }
  }
  data.test = test_rows(table, flags);
  if (!flags.site_column.empty()) {
    std::vector<double> numbers(table.rows());
    std::iota(numbers.begin(), numbers.end(), 0.0);
    table.add_numeric("row of the comparison", std::move(numbers));
    for (const healthai::Site& site : healthai::partition_by(table, flags.site_column)) {
      std::vector<std::size_t> rows;
      for (const double row : site.table.numeric("row of the comparison")) {
        rows.push_back(static_cast<std::size_t>(row));
      }
      data.sites.emplace_back(site.id.str(), std::move(rows));
    }
  }
  return data;
}

}  // namespace compare
