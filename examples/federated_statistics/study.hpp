#pragma once

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <healthai/data.hpp>
#include <healthai/statistics/analysis.hpp>
#include <healthai/statistics/cohort.hpp>
#include <healthai/statistics/covariates.hpp>
#include <healthai/statistics/public_bounds.hpp>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "federated_statistics/flags.hpp"
#include "federated_statistics/json.hpp"

namespace study {

/// What is public about the data beforehand, as a code book would say it. In a simulation it is read off the whole table.
struct CodeBook {
  std::map<std::string, std::vector<std::string>> levels{};  ///< of columns of categories, in their order
  std::map<std::string, healthai::ColumnBounds> bounds{};    ///< of columns of numbers
  std::uint64_t most_rows = 0;                               ///< of one hospital
};

/// One run of the program: what is asked, of whom, under which rules, and what came out.
struct Study {
  Flags flags{};
  healthai::Cohort cohort{};
  std::vector<healthai::Site> sites{};  ///< simulated hospitals
  /// Of each of them. Over a network rules hold too, but are not known here.
  healthai::DisclosureRules rules{};
  CodeBook code_book{};  ///< of the simulated hospitals
  std::vector<std::string> notes{};
  std::FILE* out = stdout;
  Json result = Json::object();

  /// Each once.
  void note(std::string text) {
    if (std::find(notes.begin(), notes.end(), text) == notes.end()) notes.push_back(std::move(text));
  }
};

inline bool is_column(const std::string& strata) {
  return !strata.empty() && strata != "site" && strata != "none";
}

/// What --strata asks for: "site", a column, both with a comma between them, or "none".
struct Strata {
  bool by_site = false;
  std::string column{};
};
inline Strata parse_strata(const std::string& text, const std::string& unless_given) {
  Strata strata;
  std::string_view rest = text.empty() ? std::string_view(unless_given) : std::string_view(text);
  while (!rest.empty()) {
    const std::string_view word = rest.substr(0, rest.find(','));
    rest = word.size() < rest.size() ? rest.substr(word.size() + 1) : std::string_view{};
    if (word == "site") {
      strata.by_site = true;
    } else if (word != "none" && !strata.column.empty()) {
      throw healthai::Error(
          healthai::error::invalid_argument,
          "--strata takes site, one column, both with a comma between them, or none; got " + text);
    } else if (word != "none") {
      strata.column = word;
    }
  }
  return strata;
}

/// The columns that the command reads, and those of them whose values are told apart.
struct UsedColumns {
  std::set<std::string> all{};
  std::set<std::string> categories{};
};
inline UsedColumns used_columns(const Study& study) {
  const Flags& f = study.flags;
  UsedColumns used;
  const auto read = [&used](const std::string& column) {
    if (!column.empty()) used.all.insert(column);
  };
  const auto tell_apart = [&](const std::string& column) {
    read(column);
    if (!column.empty()) used.categories.insert(column);
  };
  for (const std::string& column : f.columns) f.command == "crosstab" ? tell_apart(column) : read(column);
  for (const healthai::Covariate& covariate : healthai::parse_covariates(f.covariates))
    covariate.categorical ? tell_apart(covariate.column) : read(covariate.column);
  for (const healthai::RowFilter& filter : study.cohort.filters) read(filter.column);
  for (const std::string* column : {&f.target, &f.offset, &f.time_column}) read(*column);
  for (const std::string* column : {&f.by, &f.event_column}) tell_apart(*column);
  tell_apart(parse_strata(f.strata, "none").column);
  return used;
}

/// A public grid of times: 30 steps of 1, 2 or 5 times a power of ten, or somewhat more, to beyond `last`.
inline std::vector<double> round_grid(double last) {
  if (!(last > 0)) return {1};
  const double power = std::pow(10.0, std::floor(std::log10(last / 30)));
  const double digits = last <= 30 * power ? 1 : last <= 60 * power ? 2 : last <= 150 * power ? 5 : 10;
  const double step = digits * power;
  std::vector<double> grid;
  for (std::size_t i = 1; grid.empty() || grid.back() < last; ++i)
    grid.push_back(step * static_cast<double>(i));
  return grid;
}

/// Bounds with few digits around all values of a column.
inline healthai::ColumnBounds round_bounds(const healthai::Table& table, const std::string& column) {
  double low = 0, high = 1;
  bool any = false;
  for (const double value : table.numeric(column)) {
    if (std::isnan(value)) continue;
    low = any ? (std::min)(low, value) : value;
    high = any ? (std::max)(high, value) : value;
    any = true;
  }
  const double step = low < high ? std::pow(10.0, std::floor(std::log10((high - low) / 2))) : 1;
  const double upper = std::ceil(high / step) * step;
  return {column, std::floor(low / step) * step, upper > low ? upper : upper + step};
}

inline CodeBook code_book(const Study& study, const healthai::Table& table) {
  CodeBook book;
  const UsedColumns used = used_columns(study);
  for (const std::string& column : used.categories) {
    std::vector<std::string>& levels = book.levels[column];
    for (const std::size_t row : table.complete_rows({column}))
      levels.push_back(healthai::level_text(table, column, row));
    std::sort(levels.begin(), levels.end());
    levels.erase(std::unique(levels.begin(), levels.end()), levels.end());
    if (table.is_numeric(column))
      std::sort(levels.begin(), levels.end(),
                [](const std::string& a, const std::string& b) { return std::stod(a) < std::stod(b); });
  }
  for (const std::string& column : used.all) {
    if (table.is_numeric(column)) book.bounds[column] = round_bounds(table, column);
  }
  std::size_t most = 1;
  for (const healthai::Site& site : study.sites) most = (std::max)(most, site.table.rows());
  for (book.most_rows = 100; book.most_rows < most; book.most_rows *= 10) {
  }
  return book;
}

/// What the hospitals let out where --policy says nothing (see --help).
inline healthai::DisclosureRules default_rules(const Study& study, const healthai::Table& table) {
  healthai::DisclosureRules rules;
  rules.columns = used_columns(study).all;
  for (const auto& [column, levels] : study.code_book.levels)
    rules.levels[column].insert(levels.begin(), levels.end());
  for (const std::string& column : rules.columns)
    rules.most_cut_points[column] = (std::max)(study.flags.bins + 1, std::size_t{101});
  rules.free_filters = true;
  for (const auto& [column, bounds] : study.code_book.bounds)
    rules.bounds[column] = {bounds.lower, bounds.upper};
  rules.most_rows = study.code_book.most_rows;
  if (!study.flags.grid.empty()) {
    rules.time_grid = study.flags.grid;
  } else if (!study.flags.time_column.empty()) {
    double last = 0;
    for (const double time : table.numeric(study.flags.time_column)) last = time > last ? time : last;
    rules.time_grid = round_grid(last);
  }
  return rules;
}

/// What is counted with must be numbers: the user is told so before a hospital is asked. \throws healthai::Error (`invalid_argument`)
inline void require_numbers(const Flags& f, const healthai::Table& table) {
  const auto require = [&table](const std::string& column, const std::string& advice) {
    if (column.empty() || table.is_numeric(column)) return;
    const auto text = table.text(column);
    if (std::all_of(text.begin(), text.end(), [](const std::string& value) { return value.empty(); })) return;
    throw healthai::Error(healthai::error::invalid_argument,
                          "column " + healthai::detail::quoted(column) + " is text; " + advice);
  };
  for (const healthai::Covariate& covariate : healthai::parse_covariates(f.covariates)) {
    if (!covariate.categorical) require(covariate.column, "write C(" + covariate.column + ")");
  }
  require(f.target, std::string("--target takes a column of numbers") +
                        (f.family == "binomial" ? "; recode it as 0 and 1" : ""));
  require(f.offset, "--offset takes a column of numbers");
  require(f.time_column, "--time-column takes a column of numbers, such as days");
  require(f.event_column, "recode it as 0 and 1 for --event-column");
  if (f.command == "crosstab") return;
  for (const std::string& column : f.columns)
    require(column, f.command + " takes --columns of numbers; crosstab counts values of text");
}

/// Reads the file and hands each simulated hospital its rows. \throws healthai::Error for whatever is wrong with it
/// \param file_rules  the rules of --policy, where that is a file
inline void admit(Study& study, const healthai::DisclosureRules& file_rules) {
  const Flags& f = study.flags;
  healthai::Table table = healthai::read_csv(f.data, {.delimiter = f.delimiter.front(), .missing = {"NA"}});
  for (const std::string& column : used_columns(study).all)
    static_cast<void>(table.is_numeric(column));  // unknown ones throw
  require_numbers(f, table);
  if (f.site_column.empty()) {
    study.sites.push_back({"all", "all", table});
  } else {
    static_cast<void>(table.is_numeric(f.site_column));
    const std::vector<std::size_t> rows = table.complete_rows({f.site_column});
    if (rows.size() != table.rows()) {
      const std::size_t without = table.rows() - rows.size();
      study.note(std::to_string(without) + (without == 1 ? " row names" : " rows name") +
                 " no site in column \"" + f.site_column + "\", and " + (without == 1 ? "is" : "are") +
                 " left out");
      table = table.select(rows);
    }
    study.sites = healthai::partition_by(table, f.site_column);
  }
  study.code_book = code_book(study, table);
  study.rules = f.policy == "none" ? healthai::DisclosureRules::off()
                : f.policy.empty() ? default_rules(study, table)
                                   : file_rules;
}

/// The levels of a column, where hospitals cannot be asked for them; else none.
inline std::vector<std::string> levels_if_known(const Study& study, const std::string& column) {
  const auto found = study.code_book.levels.find(column);
  return study.flags.secure && found != study.code_book.levels.end() ? found->second
                                                                     : std::vector<std::string>{};
}
/// The covariates, with such levels; the reference that --covariates names comes first.
inline std::vector<healthai::Covariate> covariates(const Study& study) {
  std::vector<healthai::Covariate> all = healthai::parse_covariates(study.flags.covariates);
  for (healthai::Covariate& covariate : all) {
    std::vector<std::string> levels = levels_if_known(study, covariate.column);
    if (!covariate.categorical || levels.empty()) continue;
    if (!covariate.levels.empty()) {
      const auto reference = std::find(levels.begin(), levels.end(), covariate.levels.front());
      if (reference == levels.end())
        throw healthai::Error(healthai::error::invalid_argument,
                              "C(" + covariate.column + "): there is no level " +
                                  healthai::detail::quoted(covariate.levels.front()));
      std::rotate(levels.begin(), reference, reference + 1);
    }
    covariate.levels = levels;
  }
  return all;
}
/// The largest number of rows of a hospital, where it must be known; else 0.
inline std::uint64_t most_rows(const Study& study) {
  if (!study.flags.secure) return 0;
  return study.rules.enforced ? study.rules.most_rows : study.code_book.most_rows;
}
/// Bounds of columns of numbers, where they must be known: those of the hospitals' rules, or of the code book without rules; else none.
inline healthai::PublicBounds public_bounds(const Study& study, const std::vector<std::string>& columns) {
  healthai::PublicBounds bounds;
  bounds.most_rows = most_rows(study);
  for (const std::string& column : columns) {
    if (!study.flags.secure) break;
    const auto ruled = study.rules.bounds.find(column);
    const auto found = study.code_book.bounds.find(column);
    if (study.rules.enforced && ruled != study.rules.bounds.end()) {
      bounds.columns.push_back({column, ruled->second.lower, ruled->second.upper});
    } else if (!study.rules.enforced && found != study.code_book.bounds.end()) {
      bounds.columns.push_back(found->second);
    }
  }
  return bounds;
}
/// Between which numbers a column is cut into intervals: --range, or what the code book says.
/// \throws healthai::Error (`invalid_argument`) where neither says it
inline healthai::ColumnBounds range_of(const Study& study, const std::string& column) {
  if (!study.flags.range.empty()) return {column, study.flags.range[0], study.flags.range[1]};
  const auto found = study.code_book.bounds.find(column);
  if (found == study.code_book.bounds.end())
    throw healthai::Error(
        healthai::error::invalid_argument,
        "column " + healthai::detail::quoted(column) + " needs a public range here: --range LOW,HIGH");
  return found->second;
}
/// Whether a column is cut into public intervals, since its exact values may not leave. Over a network the rules are not known here: --range
/// says so.
inline bool cuts_publicly(const Study& study) {
  if (!study.flags.coordinator.empty()) return !study.flags.range.empty();
  return study.rules.enforced && !study.rules.single_values;
}
/// Under secure aggregation no hospital can look at sizes, so the hospitals' rules are held where sums are opened.
inline healthai::AnalysisOptions asking(const Study& study) {
  return {{}, study.rules};
}
/// A column's name as part of a file's.
inline std::string file_name(std::string column) {
  for (char& c : column) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
  }
  return column;
}

/// What is asked, read from the flags. \throws healthai::Error for filters and covariates that are none
inline Study begin(const Flags& flags, const healthai::DisclosureRules& file_rules) {
  Study study;
  study.flags = flags;
  study.cohort.name = flags.cohort;
  for (const std::string& filter : flags.where)
    study.cohort.filters.push_back(healthai::parse_filter(filter));
  if (flags.json == "-") study.out = stderr;  // the result alone goes to standard output
  if (flags.coordinator.empty()) admit(study, file_rules);
  return study;
}

}  // namespace study
