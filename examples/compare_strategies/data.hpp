#pragma once

#include <cstddef>
#include <healthai/model/conv_net.hpp>
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
  healthai::ImageShape image{};  ///< of arrays of images
};

/// Reads what --data names. \throws healthai::Error for what cannot be read or does not fit the task
Dataset read_dataset(const Flags& flags);

}  // namespace compare
