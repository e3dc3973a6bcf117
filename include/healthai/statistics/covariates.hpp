#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/data/design_matrix.hpp"
#include "healthai/data/detail/text.hpp"
#include "healthai/data/table.hpp"
#include "healthai/statistics/cohort.hpp"

namespace healthai {

/// A covariate of a regression: a column of numbers as it is, or one of categories as an indicator (0 or 1) for each level but the first,
/// which is the reference (treatment contrasts, as R's `contr.treatment`). All hospitals must mean the same levels in the same order, so
/// they are part of the question.
struct Covariate {
  std::string column{};
  bool categorical = false;
  std::vector<std::string> levels{};  ///< agreed beforehand; the first is the reference
  friend bool operator==(const Covariate&, const Covariate&) = default;

  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& column& categorical& levels;
  }
};

/// The columns that covariates read.
[[nodiscard]] inline std::vector<std::string> columns_of(const std::vector<Covariate>& covariates) {
  std::vector<std::string> columns;
  for (const Covariate& covariate : covariates) columns.push_back(covariate.column);
  return columns;
}

/// The names of the columns of their model matrix, as R names them: "age", "celltypelarge".
[[nodiscard]] inline std::vector<std::string> term_names(const std::vector<Covariate>& covariates) {
  std::vector<std::string> names;
  for (const Covariate& covariate : covariates) {
    if (!covariate.categorical) names.push_back(covariate.column);
    for (std::size_t level = 1; level < covariate.levels.size(); ++level)
      names.push_back(covariate.column + covariate.levels[level]);
  }
  return names;
}

/// What a person writes as covariates: `age,sex,C(celltype)`, where `C(...)` is for categories, and `C(celltype,squamous)` names the
/// reference. Levels are left empty but for that reference: they are agreed with the hospitals (see `agree_levels`).
/// \throws Error (`invalid_argument`) for an empty name, a bracket that is not closed, or a column that is named twice
[[nodiscard]] std::vector<Covariate> parse_covariates(std::string_view text);

/// The level of a row as text: a number as a person writes it ("2"). The row must not miss it.
[[nodiscard]] inline std::string level_text(const Table& table, const std::string& column, std::size_t row) {
  return table.is_numeric(column) ? detail::plain_number(table.numeric(column)[row])
                                  : table.text(column)[row];
}

/// For each row, which of the agreed levels it has.
/// \throws Error (`invalid_data`) for a level that was not agreed, without naming it: the message may leave
[[nodiscard]] inline std::vector<std::size_t> level_indices(const Table& table, const std::string& column,
                                                            const std::vector<std::string>& levels) {
  std::vector<std::pair<std::string, std::size_t>> sorted;
  for (std::size_t i = 0; i < levels.size(); ++i) sorted.emplace_back(levels[i], i);
  std::sort(sorted.begin(), sorted.end());
  std::vector<std::size_t> indices(table.rows());
  for (std::size_t row = 0; row < table.rows(); ++row) {
    const std::string level = level_text(table, column, row);
    const auto found =
        std::lower_bound(sorted.begin(), sorted.end(), level,
                         [](const auto& entry, const std::string& text) { return entry.first < text; });
    if (found == sorted.end() || found->first != level) {
      throw Error(error::invalid_data, "column " + detail::quoted(column) +
                                           " has a level besides the agreed " + detail::quoted_list(levels) +
                                           "; agree on all levels, or filter the rows");
    }
    indices[row] = found->second;
  }
  return indices;
}

/// The model matrix of complete rows: a column for each of `term_names(covariates)`, without one of ones.
/// \throws Error as `design_matrix` and `level_indices`
[[nodiscard]] inline DesignMatrix model_matrix(const Table& table, const std::vector<Covariate>& covariates) {
  DesignMatrix x;
  x.rows = table.rows();
  x.names = term_names(covariates);
  x.cols = x.names.size();
  x.values.assign(x.rows * x.cols, 0.0);
  std::size_t first = 0;
  for (const Covariate& covariate : covariates) {
    if (covariate.categorical) {
      const std::vector<std::size_t> levels = level_indices(table, covariate.column, covariate.levels);
      for (std::size_t row = 0; row < x.rows; ++row) {
        if (levels[row] > 0) x.values[row * x.cols + first + levels[row] - 1] = 1;
      }
      if (!covariate.levels.empty()) first += covariate.levels.size() - 1;
    } else {
      const auto numbers = detail::complete_column(table, covariate.column);
      for (std::size_t row = 0; row < x.rows; ++row) x.values[row * x.cols + first] = numbers[row];
      ++first;
    }
  }
  return x;
}

inline std::vector<Covariate> parse_covariates(std::string_view text) {
  const std::string all(text);
  const auto fail = [&all](const std::string& why) {
    throw Error(error::invalid_argument,
                "covariates " + detail::quoted(all) + ": " + why +
                    "; expected columns with commas between them, such as age,sex,C(celltype) or "
                    "C(celltype,squamous)");
  };
  std::vector<Covariate> covariates;
  while (!text.empty()) {
    Covariate covariate;
    std::size_t end = text.find(',');
    if (text.substr(0, 2) == "C(") {
      const std::size_t close = text.find(')');
      if (close == std::string_view::npos) fail("a bracket is not closed");
      const std::string_view inside = text.substr(2, close - 2);
      const std::size_t comma = inside.find(',');
      covariate.categorical = true;
      covariate.column = detail::without_spaces(inside.substr(0, comma));
      if (comma != std::string_view::npos)
        covariate.levels.emplace_back(detail::without_spaces(inside.substr(comma + 1)));
      end = text.find(',', close);
      if (!detail::without_spaces(
               text.substr(close + 1, end == std::string_view::npos ? end : end - close - 1))
               .empty())
        fail("there is something between a bracket and the next comma");
    } else {
      covariate.column = detail::without_spaces(text.substr(0, end));
    }
    if (covariate.column.empty() || (covariate.levels.size() == 1 && covariate.levels.front().empty()))
      fail("a name is empty");
    for (const Covariate& other : covariates) {
      if (other.column == covariate.column)
        fail("the column " + detail::quoted(covariate.column) + " is named twice");
    }
    covariates.push_back(std::move(covariate));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
    text = text.substr((std::min)(text.find_first_not_of(' '), text.size()));
    if (text.empty()) fail("a name is empty");
  }
  return covariates;
}

}  // namespace healthai
