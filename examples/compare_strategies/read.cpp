#include <algorithm>
#include <healthai/data.hpp>
#include <healthai/model/array_features.hpp>
#include <healthai/simulation/class_numbers.hpp>
#include <numeric>

#include "compare_strategies/data.hpp"
#if __has_include(<zip.h>)
#include <healthai/data/npz.hpp>
#endif
#if __has_include(<zlib.h>)
#include <healthai/data/gzip.hpp>
#endif

namespace compare {

namespace {

[[noreturn, maybe_unused]] void refuse_library(const std::string& path, const std::string& library) {
  throw healthai::Error(healthai::error::file, path + ": this program was built without " + library);
}

/// The bytes of a file, unpacked if it is packed.
std::string read_bytes(const std::string& path) {
#if __has_include(<zlib.h>)
  if (path.ends_with(".gz")) return healthai::read_gzip(path);
#else
  if (path.ends_with(".gz")) refuse_library(path, "zlib (zlib1g-dev)");
#endif
  return healthai::detail::read_file(path, "a file of data");
}

bool is_array(const std::string& path) {
  return !path.ends_with(".csv") && !path.ends_with(".csv.gz");
}

/// An array from .npy, IDX or FILE.npz:NAME.
xt::xarray<double> read_array(const std::string& path) {
  if (const std::size_t at = path.rfind(".npz:"); at != std::string::npos) {
#if __has_include(<zip.h>)
    return healthai::read_npz<double>(path.substr(0, at + 4), path.substr(at + 5));
#else
    refuse_library(path, "libzip (libzip-dev)");
#endif
  }
  const std::string bytes = read_bytes(path);
  if (path.ends_with(".npy") || path.ends_with(".npy.gz")) return healthai::parse_npy<double>(bytes, path);
  return healthai::parse_idx<double>(bytes, path);
}

/// Adds the examples of one array and its labels.
void append(Dataset& data, const std::string& path, const std::string& label_path, double scale, bool test) {
  const xt::xarray<double> array = read_array(path);
  healthai::FeatureMatrix<double> x = healthai::features_from_array<double>(array, 1 / scale);
  const std::vector<std::size_t> labels = healthai::labels_from_array(read_array(label_path));
  if (labels.size() != static_cast<std::size_t>(x.rows())) {
    throw healthai::Error(healthai::error::invalid_data,
                          label_path + ": expected one label for each of the " + std::to_string(x.rows()) +
                              " rows of " + path + ", got " + std::to_string(labels.size()));
  }
  const Eigen::Index before = data.rows.x.rows();
  if (before > 0 && data.rows.x.cols() != x.cols()) {
    throw healthai::Error(healthai::error::invalid_data,
                          path + ": expected " + std::to_string(data.rows.x.cols()) + " numbers a row, got " +
                              std::to_string(x.cols()));
  }
  if (before == 0) {
    data.rows.x = std::move(x);
    const auto& shape = array.shape();
    const std::size_t n = shape.size();
    if (n == 3 || n == 4) data.image = {n == 4 ? shape[1] : 1, shape[n - 2], shape[n - 1]};
  } else {
    data.rows.x.conservativeResize(before + x.rows(), Eigen::NoChange);
    data.rows.x.bottomRows(x.rows()) = x;
  }
  for (const std::size_t label : labels) {
    data.rows.y.push_back(static_cast<double>(label));
    data.test.push_back(test);
    data.classes = (std::max)(data.classes, label + 1);
  }
}

Dataset read_arrays(const Flags& flags) {
  Dataset data;
  append(data, flags.data, flags.labels, flags.scale, false);
  for (std::size_t row = 0; flags.test_every && row < data.test.size(); ++row) {
    data.test[row] = row % *flags.test_every == 0;
  }
  if (!flags.test_data.empty()) append(data, flags.test_data, flags.test_labels, flags.scale, true);
  if (flags.task == "conv" && data.image.height == 0) {
    throw healthai::Error(healthai::error::invalid_data,
                          flags.data +
                              ": --task conv expects images: an array of (number, height, width) or "
                              "(number, channels, height, width)");
  }
  return data;
}

/// The columns that are features: those that were named, or all that have no other purpose.
std::vector<std::string> feature_columns(const healthai::Table& table, const Flags& flags) {
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
std::vector<std::size_t> classes_of(const healthai::Table& table, const std::string& column) {
  return table.is_numeric(column) ? healthai::class_numbers(table.numeric(column))
                                  : healthai::class_numbers(table.text(column));
}

std::vector<bool> test_rows(const healthai::Table& table, const Flags& flags) {
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

Dataset read_table(const Flags& flags) {
  healthai::Table table = healthai::parse_csv(read_bytes(flags.data), flags.data);
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

}  // namespace

Dataset read_dataset(const Flags& flags) {
  if (is_array(flags.data)) {
    if (flags.labels.empty()) {
      throw healthai::Error(healthai::error::invalid_argument,
                            flags.data + ": name the file of its labels (--labels), or a table (.csv)");
    }
    return read_arrays(flags);
  }
  return read_table(flags);
}

}  // namespace compare
