#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "healthai/core/failure.hpp"
#include "healthai/core/metrics.hpp"
#include "healthai/reporting/detail/terminal.hpp"
#include "healthai/reporting/detail/text.hpp"
#include "healthai/server/round_report.hpp"

namespace healthai {

/// How a `ProgressBar` shows a run.
struct ProgressOptions {
  std::string metric{};            ///< the metric to show; empty: the loss if there is one, else the first
  std::FILE* stream = nullptr;     ///< where to write; null: standard error. Not closed
  std::optional<bool> terminal{};  ///< redraw one line in place; nothing: whether `stream` is a terminal
  std::optional<bool> colour{};    ///< nothing: on a terminal, unless `NO_COLOR` is set
  std::size_t width = 0;           ///< characters to a line; 0: the terminal's own, asked at each redraw
  double redraw_seconds = 0.1;     ///< on a terminal, at least this long between two drawings
  double line_seconds = 5;         ///< elsewhere, at least this long between two lines
  std::size_t messages_per_second =
      10;                       ///< failures and skipped rounds told one by one; further ones are counted
  double (*clock)() = nullptr;  ///< seconds since some moment; null: the steady clock. For tests
};

/// An observer that tells a person how far a run is:
///
///     round 12/50 [=======>            ] 24%  0:12, 0:38 left  eval loss 0.4321  9 clients, 1 failed
///
/// On a terminal that is one line, redrawn in place and never wider than the terminal; elsewhere (a file, a batch
/// job) it is a plain line every few seconds. The number of clients is of the round shown. Every client that failed,
/// every round that left the model unchanged and every observer that threw gets a line of its own with the reason,
/// until there are more of them than a person can read; then they are counted. The end is told with its reason.
///
///     federation.run(initial, ProgressBar{});
///     federation.run(initial, ProgressBar{{.metric = "accuracy"}});
///
/// The metric shown is the clients' latest evaluation ("eval"), else the coordinator's own ("central"), else that of
/// training ("train"). A round that is not drawn costs one reading of the clock, so that runs of 1e5 rounds are not
/// slowed. Text that comes from clients is stripped of control characters. Never throws for a stream that cannot be
/// written to: a progress display is not worth a failure. Movable, not copyable; one run at a time; not thread-safe
/// (observers are called by one thread).
class ProgressBar {
 public:
  explicit ProgressBar(ProgressOptions options = {}) : options_(std::move(options)) {
    if (options_.stream == nullptr) options_.stream = stderr;
    in_place_ = options_.terminal ? *options_.terminal : detail::is_terminal(options_.stream);
    colour_ = options_.colour ? *options_.colour : in_place_ && detail::wants_colour();
    started_ = now();
  }

  void on_start(const RunStart& start) {
    run_ = start;
    round_ = start.completed_rounds;
    started_ = now();
    drawn_.reset();
    pending_.reset();
    metric_rank_ = 0;
    message_second_ = started_;
    messages_ = hidden_ = total_failures_ = 0;
    std::string line =
        (start.strategy.empty() ? std::string("training") : detail::printable(start.strategy)) + ": " +
        count(start.clients.size(), "client") + ", " + count(start.num_parameters, "parameter") + ", " +
        count(start.rounds, "round");
    if (round_ != 0) line += ", resumed after round " + std::to_string(round_);
    write_line(line, Tone::plain);
  }

  void on_round(const RoundReport& report) {
    round_ = report.round;
    const double time = now();
    remember_metric(report);
    tell_problems(report, time);
    const bool last = run_.rounds != 0 && round_ >= run_.rounds;
    const double pause = in_place_ ? options_.redraw_seconds : options_.line_seconds;
    pending_ = Latest{report.participants.size(), report.failures.size()};
    if (!drawn_ || last || time - *drawn_ >= pause) draw(time);
  }

  void on_end(const RunEnd& end) {
    tell_hidden();
    draw(now());
    open_line_.reset();
    std::string line = "done: " + std::string(to_string(end.reason)) + " after " +
                       count(end.completed_rounds, "round") + " in " + duration(end.seconds);
    if (total_failures_ != 0) line += ", " + count(total_failures_, "client failure");
    const bool bad = end.reason == StopReason::below_quorum || end.reason == StopReason::stop_requested;
    write_line(line, bad ? Tone::warning : Tone::good);
  }

 private:
  enum class Tone : std::uint8_t { plain, good, warning };
  struct Latest {
    std::size_t participants = 0;
    std::size_t failures = 0;
  };
  /// Ends the line that is being redrawn, also when an exception ends the run and `on_end` is never called.
  struct EndLine {
    void operator()(std::FILE* stream) const noexcept {
      std::fputc('\n', stream);
      std::fflush(stream);
    }
  };

  [[nodiscard]] double now() const {
    if (options_.clock != nullptr) return options_.clock();
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
  }

  [[nodiscard]] static std::string count(std::uint64_t n, std::string_view noun) {
    return std::to_string(n) + " " + std::string(noun) + (n == 1 ? "" : "s");
  }

  /// "0:05", "12:34", "3:07:09", "12 d 03:07".
  [[nodiscard]] static std::string duration(double seconds) {
    if (!(seconds >= 0 && seconds < 1e9)) return "?";
    const auto two = [](std::uint64_t n) { return (n < 10 ? "0" : "") + std::to_string(n); };
    const auto s = static_cast<std::uint64_t>(seconds + 0.5);
    if (s < 3600) return std::to_string(s / 60) + ":" + two(s % 60);
    if (s < 86400) return std::to_string(s / 3600) + ":" + two(s / 60 % 60) + ":" + two(s % 60);
    return std::to_string(s / 86400) + " d " + two(s / 3600 % 24) + ":" + two(s / 60 % 60);
  }

  [[nodiscard]] const Metric* pick(const Metrics& metrics) const {
    const Metric* first = nullptr;
    for (const Metric& metric : metrics) {
      if (metric.denominator == 0) continue;
      if (metric.name == (options_.metric.empty() ? std::string_view("loss") : options_.metric))
        return &metric;
      if (first == nullptr) first = &metric;
    }
    return options_.metric.empty() ? first : nullptr;
  }

  /// Keeps what to show: an evaluation, which may come only every few rounds, is not replaced by a training metric.
  void remember_metric(const RoundReport& report) {
    const auto keep = [&](const Metrics& metrics, int rank, std::string_view prefix) {
      if (rank < metric_rank_) return;
      if (const Metric* metric = pick(metrics)) {
        metric_rank_ = rank;
        metric_name_ = metric->name;
        metric_prefix_ = prefix;
        metric_value_ = metric->value();
      }
    };
    keep(report.metrics, 1, "train");
    if (report.evaluation) {
      keep(report.evaluation->central, 2, "central");
      keep(report.evaluation->clients, 3, "eval");
    }
  }

  void tell_problems(const RoundReport& report, double time) {
    const std::string round = "round " + std::to_string(report.round) + ": ";
    const auto failure = [&](const Failure& f, std::string_view what) {
      ++total_failures_;
      tell(time, [&] {
        return round + f.client.str() + std::string(what) + detail::printable(f.error, 64) +
               (f.message.empty() ? "" : ": ") + detail::printable(f.message);
      });
    };
    for (const Failure& f : report.failures) failure(f, " failed: ");
    if (report.evaluation) {
      for (const Failure& f : report.evaluation->failures) failure(f, " was not evaluated: ");
    }
    if (!report.error.empty())
      tell(time, [&] { return round + "model unchanged: " + detail::printable(report.error); });
    for (const std::string& e : report.observer_errors) {
      tell(time, [&] { return round + "observer failed: " + detail::printable(e); });
    }
  }

  /// Writes the message unless too many were written within this second.
  template <class Message>
  void tell(double time, Message message) {
    if (time - message_second_ >= 1) {
      tell_hidden();
      message_second_ = time;
      messages_ = 0;
    }
    if (messages_++ < options_.messages_per_second) {
      write_line(message(), Tone::warning);
    } else {
      ++hidden_;
    }
  }
  void tell_hidden() {
    if (hidden_ == 0) return;
    write_line("... and " + count(hidden_, "more problem") + " (a CSV or JSON log has them all)",
               Tone::warning);
    hidden_ = 0;
  }

  /// "12/50", "24%", "0:12, 0:38 left", "eval loss 0.4321", "9 clients, 1 failed": what does not fit is left out.
  void draw(double time) {
    if (!pending_) return;
    const Latest latest = *std::exchange(pending_, std::nullopt);
    drawn_ = time;
    const double elapsed = time - started_;
    std::string head = "round " + std::to_string(round_);
    std::string percent;
    std::string clock = duration(elapsed);
    if (run_.rounds != 0) {
      head += "/" + std::to_string(run_.rounds);
      percent = rounds_percent();
      if (round_ > run_.completed_rounds && round_ < run_.rounds) {
        const auto done = static_cast<double>(round_ - run_.completed_rounds);
        clock += ", " + duration(elapsed / done * static_cast<double>(run_.rounds - round_)) + " left";
      }
    }
    std::string metric;
    if (metric_rank_ != 0) {
      metric = std::string(metric_prefix_) + " " + detail::printable(metric_name_, 24) + " " +
               detail::rounded(metric_value_, 5, false);
    }
    std::string clients = count(latest.participants, "client");
    if (latest.failures != 0) clients += ", " + std::to_string(latest.failures) + " failed";

    if (!in_place_) {
      if (!percent.empty()) head += " (" + percent + ")";
      write_line(head + ", " + clock + ", " + (metric.empty() ? "" : metric + ", ") + clients, Tone::plain);
      return;
    }
    // One column stays free: writing into the last one makes some terminals wrap.
    const std::size_t width =
        (options_.width != 0 ? options_.width : detail::terminal_width(options_.stream)) - 1;
    std::string tail = percent;
    for (const std::string* part : {&clock, &metric, &clients}) {
      if (part->empty()) continue;
      const std::size_t needed = detail::count_characters(head) + detail::count_characters(tail) +
                                 detail::count_characters(*part) + 3;
      if (needed <= width) tail += (tail.empty() ? "" : "  ") + *part;
    }
    const std::size_t used = detail::count_characters(head) + detail::count_characters(tail) + 2;
    if (!percent.empty() && used + 12 <= width)
      head += " " + bar((std::min)(width - used - 3, std::size_t{30}));
    redraw(std::string(detail::first_characters(head + " " + tail, width)));
  }

  [[nodiscard]] std::string rounds_percent() const {
    return std::to_string(static_cast<int>(100 * fraction())) + "%";
  }
  [[nodiscard]] double fraction() const {
    return (std::min)(1.0, static_cast<double>(round_) / static_cast<double>(run_.rounds));
  }
  [[nodiscard]] std::string bar(std::size_t length) const {
    const auto full = static_cast<std::size_t>(fraction() * static_cast<double>(length));
    std::string text(full, '=');
    if (full < length) text += '>';
    text.resize(length, ' ');
    return "[" + text + "]";
  }

  void redraw(std::string line) {
    const std::size_t shown = detail::count_characters(line);
    if (shown < shown_) line.append(shown_ - shown, ' ');  // covers what the last drawing left
    shown_ = shown;
    line.insert(0, 1, '\r');
    std::fwrite(line.data(), 1, line.size(), options_.stream);
    std::fflush(options_.stream);
    if (!open_line_) open_line_.reset(options_.stream);
  }

  void write_line(const std::string& line, Tone tone) {
    std::string text;
    if (open_line_) {  // the bar makes room, and is drawn again below
      text = "\r" + std::string(shown_, ' ') + "\r";
      static_cast<void>(open_line_.release());
      drawn_.reset();
    }
    shown_ = 0;
    const bool coloured = colour_ && tone != Tone::plain;
    if (coloured) text += tone == Tone::good ? "\x1b[32m" : "\x1b[33m";
    text += line;
    text += coloured ? "\x1b[0m\n" : "\n";
    std::fwrite(text.data(), 1, text.size(), options_.stream);
    std::fflush(options_.stream);
  }

  ProgressOptions options_;
  bool in_place_ = false;
  bool colour_ = false;
  RunStart run_{};
  std::uint64_t round_ = 0;
  double started_ = 0;
  std::optional<double> drawn_{};    // when
  std::optional<Latest> pending_{};  // of the last round, when it is not drawn yet
  std::size_t shown_ = 0;            // characters of the line being redrawn
  std::unique_ptr<std::FILE, EndLine> open_line_{};
  int metric_rank_ = 0;  // 0: none yet
  std::string metric_name_{};
  std::string_view metric_prefix_{};  // of a string literal
  double metric_value_ = 0;
  double message_second_ = 0;
  std::size_t messages_ = 0;
  std::size_t hidden_ = 0;
  std::size_t total_failures_ = 0;
};

}  // namespace healthai
