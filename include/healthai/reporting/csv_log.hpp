#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/core/metrics.hpp"
#include "healthai/reporting/detail/csv_text.hpp"
#include "healthai/reporting/detail/log_file.hpp"
#include "healthai/reporting/detail/text.hpp"
#include "healthai/server/round_report.hpp"

namespace healthai {

/// An observer that keeps a table of the run: `federation.run(initial, CsvLog{"rounds.csv"})`.
///
/// One row a round, as RFC 4180 quotes it, with a line feed at the end, in the order
///
///     round, updated (1 or 0), selected, participants, failures (how many clients each),
///     failed_clients ("id:error;id:error", the error's stable id), num_examples, update_norm,
///     mean_staleness, max_staleness (0 unless the schedule is Buffered),
///     train_<metric>..., eval_<metric>... (clients), central_<metric>... (coordinator),
///     evaluation_participants, evaluation_failures, evaluation_quorum (1 or 0), all empty without an evaluation,
///     bytes_down, bytes_up, bytes_up_uncompressed, seconds, error (why the model did not change)
///
/// Numbers have the fewest digits that read back as the same double; what does not exist in a round is empty, what is
/// not a number is NaN, Inf or -Inf. Why a client failed, in words, is in `JsonLog`.
///
/// **Metrics that come later.** The first evaluation may be in round 10, and then brings columns that the header does
/// not have. The table is then rewritten once with the wider header (into a new file, which takes the old one's
/// name), the earlier rows empty in the new columns; so at any moment the file is one rectangular table with one
/// header. That costs one pass over the file for each new name; beyond 1000 of them new names are left out and
/// reported, so that a client that invents a name a round cannot make the log quadratic.
///
/// **Resuming.** When the run starts after round k > 0 (`RunStart::completed_rounds`), the rows up to round k are
/// kept, later ones (the process was killed after its last checkpoint) are dropped, and new ones follow. A run from
/// round 1 replaces an earlier log of that name. A file that is not such a log is never touched.
///
/// Each row is flushed when it is written. What cannot be written throws Error (`file`; `csv` for a file that is not
/// a log; `overflow` for too many columns), which a federation reports while training goes on; the next round tries
/// again. Movable, not copyable; not thread-safe.
class CsvLog {
 public:
  /// \param path the file; its folder must exist. \throws Error (`invalid_argument`) when empty.
  explicit CsvLog(std::string path) : file_(std::move(path)) {}

  void on_start(const RunStart& start) {
    kept_ = start.completed_rounds;
    open();
  }

  void on_round(const RoundReport& report) {
    if (!file_.is_open()) open();
    const Row row = to_row(report);
    const bool complete = widen(row);
    detail::CsvRecord record(columns_.size());
    for (const auto& [name, value] : row) {
      const auto column = std::find(columns_.begin(), columns_.end(), name);
      if (column != columns_.end()) record[static_cast<std::size_t>(column - columns_.begin())] = value;
    }
    std::string text;
    detail::append_csv_record(text, record);
    file_.append(text);
    kept_ = report.round;
    if (!complete) {
      throw Error(error::overflow,
                  "the log \"" + file_.path() + "\" has " + std::to_string(most_metrics) +
                      " columns of metrics, and round " + std::to_string(report.round) +
                      " has metrics of further names, which are left out; give metrics fixed "
                      "names, or use JsonLog");
    }
  }

 private:
  using Row = std::vector<std::pair<std::string, std::string>>;
  static constexpr std::ptrdiff_t most_metrics = 1000;

  /// Which part of the table a column belongs to; parts follow one another.
  [[nodiscard]] static int part(std::string_view column) {
    if (column.starts_with("train_")) return 1;
    if (column.starts_with("eval_")) return 2;
    if (column.starts_with("central_")) return 3;
    static constexpr std::array<std::string_view, 10> first{
        "round",          "updated",      "selected",    "participants",   "failures",
        "failed_clients", "num_examples", "update_norm", "mean_staleness", "max_staleness"};
    return std::find(first.begin(), first.end(), column) != first.end() ? 0 : 4;
  }

  [[nodiscard]] static bool is_metric(std::string_view column) {
    return part(column) >= 1 && part(column) <= 3;
  }

  [[nodiscard]] static Row to_row(const RoundReport& report) {
    using std::to_string;
    std::string failed;
    for (const Failure& failure : report.failures) {
      failed += (failed.empty() ? "" : ";") + failure.client.str() + ":" + failure.error;
    }
    Row row{{"round", to_string(report.round)},
            {"updated", report.updated ? "1" : "0"},
            {"selected", to_string(report.selected.size())},
            {"participants", to_string(report.participants.size())},
            {"failures", to_string(report.failures.size())},
            {"failed_clients", std::move(failed)},
            {"num_examples", detail::shortest(report.num_examples)},
            {"update_norm", detail::shortest(report.update_norm)},
            {"mean_staleness", detail::shortest(report.mean_staleness)},
            {"max_staleness", to_string(report.max_staleness)}};
    const auto add = [&row](std::string_view prefix, const Metrics& metrics) {
      for (const Metric& metric : metrics) {
        row.emplace_back(std::string(prefix) + metric.name,
                         metric.denominator != 0 ? detail::shortest(metric.value()) : "");
      }
    };
    add("train_", report.metrics);
    const auto& evaluation = report.evaluation;
    if (evaluation) {
      add("eval_", evaluation->clients);
      add("central_", evaluation->central);
    }
    row.emplace_back("evaluation_participants", evaluation ? to_string(evaluation->participants.size()) : "");
    row.emplace_back("evaluation_failures", evaluation ? to_string(evaluation->failures.size()) : "");
    row.emplace_back("evaluation_quorum", !evaluation ? "" : evaluation->quorum ? "1" : "0");
    row.emplace_back("bytes_down", to_string(report.bytes_down));
    row.emplace_back("bytes_up", to_string(report.bytes_up));
    row.emplace_back("bytes_up_uncompressed", to_string(report.bytes_up_uncompressed));
    row.emplace_back("seconds", detail::shortest(report.seconds));
    row.emplace_back("error", report.error);
    return row;
  }

  /// Reads the file, keeps what belongs to this run, and leaves it open.
  void open() {
    auto records = detail::complete_csv_records(check_is_log(file_.read()));
    if (kept_ == 0 || records.empty()) {
      columns_.clear();
      file_.replace("");
      return;
    }
    columns_ = std::move(records.front());
    std::string text;
    detail::append_csv_record(text, columns_);
    for (std::size_t i = 1; i < records.size(); ++i) {
      std::uint64_t round = 0;
      const std::string& field = records[i].front();
      const auto parsed = std::from_chars(field.data(), field.data() + field.size(), round);
      const bool sound = records[i].size() == columns_.size() && parsed.ptr == field.data() + field.size();
      if (!sound || round == 0 || round > kept_) break;
      detail::append_csv_record(text, records[i]);
    }
    file_.replace(text);
  }

  [[nodiscard]] std::string check_is_log(std::string text) const {
    static constexpr std::string_view beginning = "round,updated,selected,participants,failures,";
    const std::string_view found = std::string_view(text).substr(0, beginning.size());
    if (found != beginning.substr(0, found.size())) {  // a shorter file may be a torn first line
      throw Error(error::csv, "the file \"" + file_.path() +
                                  "\" is not a log of rounds: its first line should begin with \"" +
                                  std::string(beginning) + "\" and begins with \"" +
                                  detail::printable(found) +
                                  "\". It is left as it is; give the log another path");
    }
    return text;
  }

  /// Gives the table the columns that `row` has and it has not. \returns false if there are too many.
  [[nodiscard]] bool widen(const Row& row) {
    detail::CsvRecord wider = columns_;
    bool complete = true;
    auto metrics = std::count_if(wider.begin(), wider.end(), is_metric);
    for (const auto& entry : row) {
      const std::string& name = entry.first;
      if (std::find(wider.begin(), wider.end(), name) != wider.end()) continue;
      const bool metric = is_metric(name);
      if (metric && metrics >= most_metrics) {
        complete = false;
        continue;
      }
      metrics += metric ? 1 : 0;
      const auto place = std::find_if(wider.begin(), wider.end(),
                                      [&](const std::string& other) { return part(other) > part(name); });
      wider.insert(place, name);
    }
    if (wider.size() == columns_.size()) return complete;

    const auto records = detail::complete_csv_records(file_.read());
    std::string text;
    detail::append_csv_record(text, wider);
    for (std::size_t i = 1; i < records.size(); ++i) {
      detail::CsvRecord record(wider.size());
      for (std::size_t j = 0; j < columns_.size() && j < records[i].size(); ++j) {
        const auto place = std::find(wider.begin(), wider.end(), columns_[j]);
        record[static_cast<std::size_t>(place - wider.begin())] = records[i][j];
      }
      detail::append_csv_record(text, record);
    }
    file_.replace(text);
    columns_ = std::move(wider);
    return complete;
  }

  detail::LogFile file_;
  std::uint64_t kept_ = 0;       // rounds in the table that belong to this run
  detail::CsvRecord columns_{};  // as in the header; empty before the first row
};

}  // namespace healthai
