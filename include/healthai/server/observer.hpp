#pragma once

#include <concepts>
#include <exception>
#include <string>
#include <string_view>
#include <vector>

#include "healthai/server/round_report.hpp"

namespace healthai {

/// Something that watches a run. It implements any of the hooks, and only those it wants:
///
///     void on_start(const RunStart&);      // before the first round
///     void on_round(const RoundReport&);   // after each round, checkpoint already written
///     void on_end(const RunEnd&);
///
/// or is a callable that takes a `const RoundReport&`. Hooks run on the caller's thread, one at a time, in the order in
/// which the observers were given. One that throws is reported in the next round's report (and in the outcome) and
/// does not stop training.
template <class O>
concept Observer = requires(O& observer, const RunStart& start) {
  observer.on_start(start);
}
|| requires(O& observer, const RoundReport& report) {
  observer.on_round(report);
}
|| requires(O& observer, const RunEnd& end) {
  observer.on_end(end);
}
|| std::invocable<O&, const RoundReport&>;

namespace detail {

/// Calls `hook` and turns what it throws into a line of `errors`.
template <class Hook>
void observe(std::string_view which, std::vector<std::string>& errors, Hook hook) {
  try {
    hook();
  } catch (const std::exception& e) {
    errors.push_back(std::string(which) + ": " + e.what());
  } catch (...) {
    errors.push_back(std::string(which) + ": an exception that is not a std::exception");
  }
}

template <class O>
void notify_start(O& observer, const RunStart& start, std::vector<std::string>& errors) {
  if constexpr (requires { observer.on_start(start); })
    observe("on_start", errors, [&] { observer.on_start(start); });
}

template <class O>
void notify_round(O& observer, const RoundReport& report, std::vector<std::string>& errors) {
  if constexpr (requires { observer.on_round(report); }) {
    observe("on_round", errors, [&] { observer.on_round(report); });
  } else if constexpr (std::invocable<O&, const RoundReport&>) {
    observe("on_round", errors, [&] { observer(report); });
  }
}

template <class O>
void notify_end(O& observer, const RunEnd& end, std::vector<std::string>& errors) {
  if constexpr (requires { observer.on_end(end); }) observe("on_end", errors, [&] { observer.on_end(end); });
}

}  // namespace detail

}  // namespace healthai
