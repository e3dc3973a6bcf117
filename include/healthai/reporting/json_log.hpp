#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "healthai/core/client_id.hpp"
#include "healthai/core/error.hpp"
#include "healthai/core/failure.hpp"
#include "healthai/core/metrics.hpp"
#include "healthai/reporting/detail/log_file.hpp"
#include "healthai/reporting/detail/text.hpp"
#include "healthai/server/round_report.hpp"

namespace healthai {

namespace detail {

using Json = nlohmann::ordered_json;

[[nodiscard]] inline Json names_json(const std::vector<ClientId>& clients) {
  Json names = Json::array();
  for (const ClientId& client : clients) names.push_back(client.str());
  return names;
}
[[nodiscard]] inline Json failures_json(const std::vector<Failure>& failures) {
  Json list = Json::array();
  for (const Failure& f : failures) {
    list.push_back({{"client", f.client.str()}, {"error", f.error}, {"message", f.message}});
  }
  return list;
}
[[nodiscard]] inline Json metrics_json(const Metrics& metrics) {
  Json object = Json::object();
  for (const Metric& m : metrics) {
    Json value = m.denominator != 0 ? Json(m.value()) : Json();
    object[m.name] = {
        {"value", std::move(value)}, {"numerator", m.numerator}, {"denominator", m.denominator}};
  }
  return object;
}

}  // namespace detail

/// What `JsonLog` writes when a run begins: "event" is "start"; the other names are those of `RunStart`.
[[nodiscard]] inline nlohmann::ordered_json as_json(const RunStart& start) {
  return {{"event", "start"},
          {"strategy", start.strategy},
          {"run", start.run},
          {"seed", start.seed},
          {"rounds", start.rounds},
          {"completed_rounds", start.completed_rounds},
          {"num_parameters", start.num_parameters},
          {"clients", detail::names_json(start.clients)},
          {"confidentiality", to_string(start.confidentiality)}};
}

/// What `JsonLog` writes for a round: "event" is "round"; the other names are those of `RoundReport`. A metric is an
/// object of its value and the fraction that it came from; "evaluation" is null in a round without one.
[[nodiscard]] inline nlohmann::ordered_json as_json(const RoundReport& report) {
  detail::Json evaluation;
  if (const auto& e = report.evaluation) {
    evaluation = {{"clients", detail::metrics_json(e->clients)},
                  {"central", detail::metrics_json(e->central)},
                  {"participants", detail::names_json(e->participants)},
                  {"failures", detail::failures_json(e->failures)},
                  {"quorum", e->quorum}};
  }
  return {{"event", "round"},
          {"round", report.round},
          {"updated", report.updated},
          {"error", report.error},
          {"selected", detail::names_json(report.selected)},
          {"participants", detail::names_json(report.participants)},
          {"failures", detail::failures_json(report.failures)},
          {"num_examples", report.num_examples},
          {"metrics", detail::metrics_json(report.metrics)},
          {"update_norm", report.update_norm},
          {"mean_staleness", report.mean_staleness},
          {"max_staleness", report.max_staleness},
          {"evaluation", std::move(evaluation)},
          {"bytes_down", report.bytes_down},
          {"bytes_up", report.bytes_up},
          {"bytes_up_uncompressed", report.bytes_up_uncompressed},
          {"seconds", report.seconds},
          {"observer_errors", report.observer_errors}};
}

/// What `JsonLog` writes when a run ends: "event" is "end"; the other names are those of `RunEnd`.
[[nodiscard]] inline nlohmann::ordered_json as_json(const RunEnd& end) {
  return {{"event", "end"},
          {"reason", to_string(end.reason)},
          {"completed_rounds", end.completed_rounds},
          {"seconds", end.seconds}};
}

/// An observer that writes everything that is known of a run as JSON lines (https://jsonlines.org): one object when
/// it starts, one a round, one when it ends, as `as_json` makes them: `federation.run(initial, JsonLog{"run.jsonl"})`.
///
/// Doubles are written so that they read back exactly; NaN and infinities, which JSON does not have, are null; bytes
/// that are not UTF-8 are replaced. Seeds and run numbers use all 64 bits: readers that keep numbers as doubles round
/// them. Clients' ids and error messages are in it, so it belongs to the coordinator, not on a public page.
///
/// Resuming, flushing, and what happens to another file of that name are as for `CsvLog`: lines up to the round that
/// the run resumes after are kept, the rest of the old log is dropped, and a new "start" follows, whose
/// "completed_rounds" says where. \throws Error (`file`; `invalid_data` for a file that is not such a log), which a
/// federation reports while training goes on; the next round tries again. Movable, not copyable; not thread-safe.
class JsonLog {
 public:
  /// \param path the file; its folder must exist. \throws Error (`invalid_argument`) when empty.
  explicit JsonLog(std::string path) : file_(std::move(path)) {}

  void on_start(const RunStart& start) {
    kept_ = start.completed_rounds;
    start_ = line(as_json(start));
    open();
  }
  void on_round(const RoundReport& report) {
    write(line(as_json(report)));
    kept_ = report.round;
  }
  void on_end(const RunEnd& end) { write(line(as_json(end))); }

 private:
  static constexpr std::string_view start_of_log = "{\"event\":";

  [[nodiscard]] static std::string line(const nlohmann::ordered_json& object) {
    return object.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
  }

  void write(const std::string& text) {
    if (!file_.is_open()) open();
    file_.append(text);
  }

  /// Reads the file, keeps what belongs to this run, leaves it open, and writes the start that is still unwritten.
  void open() {
    const std::string text = file_.read();
    const std::size_t kept = kept_length(text);
    file_.replace(std::string_view(text).substr(0, kept));
    if (!start_.empty()) file_.append(start_);
    start_.clear();
  }

  /// How many characters of an earlier log come before the first round later than `kept_`, or the first torn line.
  [[nodiscard]] std::size_t kept_length(const std::string& text) const {
    std::size_t kept = 0;
    for (std::size_t end = text.find('\n'); end != std::string::npos; end = text.find('\n', kept)) {
      const auto begin = text.begin();
      const auto object = nlohmann::json::parse(begin + static_cast<std::ptrdiff_t>(kept),
                                                begin + static_cast<std::ptrdiff_t>(end), nullptr, false);
      const bool ours = object.is_object() && object.contains("event");
      if (kept == 0 && !ours) refuse();
      if (!ours || kept_ == 0) return kept;
      if (object["event"] == "round") {
        const auto round = object.find("round");
        if (round == object.end() || !round->is_number_unsigned() || *round > kept_) return kept;
      }
      kept = end + 1;
    }
    if (kept == 0 && !text.starts_with(start_of_log.substr(0, text.size())))
      refuse();  // else a torn first line
    return kept;
  }

  [[noreturn]] void refuse() const {
    throw Error(error::invalid_data,
                "the file \"" + file_.path() +
                    "\" is not a log of rounds: its first line should be a JSON object with "
                    "an \"event\". It is left as it is; give the log another path");
  }

  detail::LogFile file_;
  std::uint64_t kept_ = 0;  // rounds in the log that belong to this run
  std::string start_{};     // the first line, until it is written
};

}  // namespace healthai
