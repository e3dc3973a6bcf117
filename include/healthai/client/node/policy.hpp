#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "healthai/client/node/detail/settings_file.hpp"
#include "healthai/client/node/detail/statistics_settings.hpp"
#include "healthai/client/node/quota.hpp"
#include "healthai/client/node/request_facts.hpp"
#include "healthai/core/number_text.hpp"
#include "healthai/statistics/disclosure.hpp"

namespace healthai {

/// From `smallest` to `largest`, both included.
template <class T>
struct Bounds {
  T smallest = 0;
  T largest = (std::numeric_limits<T>::max)();
  /// False for NaN.
  [[nodiscard]] constexpr bool contain(T value) const noexcept {
    return value >= smallest && value <= largest;
  }
  [[nodiscard]] std::string describe() const {
    const auto text = [](T value) {
      if constexpr (std::is_integral_v<T>) {
        return std::to_string(value);
      } else {
        return number_text(value);
      }
    };
    if (smallest == largest) return "exactly " + text(smallest);
    if (largest == (std::numeric_limits<T>::max)()) return "at least " + text(smallest);
    if (smallest == 0) return "at most " + text(largest);
    return text(smallest) + " to " + text(largest);
  }
  friend constexpr bool operator==(const Bounds&, const Bounds&) = default;
};

/// Which parts of a LocalObjective a coordinator may set, and how far. What is left out it may not set.
struct ObjectiveLimits {
  std::optional<Bounds<double>> proximal_mu{};         ///< FedProx and others with a proximal term
  std::optional<Bounds<std::uint64_t>> local_steps{};  ///< a prescribed number of local steps
  std::optional<Bounds<double>> learning_rate{};       ///< a prescribed learning rate
  bool linear_correction = false;
  bool initial_loss = false;  ///< the loss at the global parameters leaves
  bool control_variates = false;
  bool dynamic_regularisation = false;
  bool update_clip = false;  ///< a bound of the update's length; whether it was longer leaves

  [[nodiscard]] ObjectiveParts parts() const noexcept {
    return {.proximal = proximal_mu.has_value(),
            .linear_correction = linear_correction,
            .local_steps = local_steps.has_value(),
            .learning_rate = learning_rate.has_value(),
            .initial_loss = initial_loss,
            .control_variates = control_variates,
            .dynamic_regularisation = dynamic_regularisation,
            .update_clip = update_clip};
  }
};

/// Why a request is refused.
struct Refusal {
  std::string
      sentence;  ///< may be sent to the coordinator: it tells nothing of the data, not even how many rows there are
  std::string detail;  ///< for this node's own log: the sentence, with what must stay here
};

/// What a hospital lets coordinators do with its data: the file that its data manager writes and nobody else changes.
/// It denies by default. A policy of `{}` refuses everything, and each setting opens as little as its name says; the
/// settings, their defaults and an example are in docs/node-policy-and-audit.md.
///
///     const Policy policy = Policy::read("policy.json");
///     if (const auto refusal = policy.refusal(request_facts, node_facts, quota)) ...   // refuse, with that sentence
///     quota.count(request_facts);                                                      // granted
///
/// A value; judging is pure, so that several threads may ask one policy.
struct Policy {
  /// How often one task may be asked for.
  struct TaskLimits {
    std::uint64_t requests_per_day = 0;
  };

  std::map<std::string, TaskLimits, std::less<>> tasks{};  ///< those that are allowed, by name
  std::optional<std::uint64_t> requests_per_day{};  ///< of all tasks together; not set: as each task allows
  std::uint64_t rounds_per_run = 0;
  std::size_t largest_model = 0;                ///< in parameters
  std::optional<std::size_t> minimum_cohort{};  ///< rows after every filter; not set: no request is allowed
  std::optional<std::size_t>
      minimum_cohort_in_sum{};      ///< under secure aggregation; not set: `minimum_cohort`
  double rows_per_parameter = 0;    ///< at least, for replies that leave unmasked
  std::set<std::string> columns{};  ///< those that the node may use
  ObjectiveLimits objective{};
  std::optional<Bounds<std::uint64_t>> batch{};  ///< rows a step, whoever prescribes them
  std::map<std::string, Bounds<double>> mods{};  ///< what the node must apply to every reply
  bool metrics = false;                          ///< metrics may leave beside or instead of updates
  bool require_secure_aggregation = true;
  std::optional<std::size_t> minimum_threshold{};  ///< of secure aggregation
  bool require_dp = true;
  bool manual_approval = false;  ///< a person agrees to each run
  std::optional<std::set<std::string>>
      coordinators{};  ///< by the host that the node connects to; not set: whoever the connection admits
  /// A secure sum must say in its terms, which all members sign, that one of `coordinators` opens it; one that does not say it is refused.
  bool require_opener = false;
  std::optional<std::set<std::uint64_t>> runs{};  ///< not set: any
  /// What statistics may tell, for the node's StatisticsSite, which holds each answer against it. They are tasks as well: `tasks` and all that
  /// is judged of a request hold too.
  DisclosureRules statistics{};

  /// The policy in a file. \throws Error (`file`), and as `parse` does
  [[nodiscard]] static Policy read(const std::string& path) {
    return parse(detail::read_settings_file(path), path);
  }
  /// The policy that `text` is, JSON of at most 1 MiB.
  /// \param source what messages call it, such as its path
  /// \throws Error (`policy`) for anything that is not understood: where it stands (a JSON pointer, RFC 6901), what was expected,
  ///   and which settings there are
  [[nodiscard]] static Policy parse(std::string_view text, const std::string& source = "the policy");

  /// The sentence with which to refuse, or nothing if the request is allowed. It may be sent to the coordinator.
  [[nodiscard]] std::optional<std::string> refusal(const RequestFacts& request, const NodeFacts& node,
                                                   const Quota& quota) const {
    if (auto found = judge(request, node, quota)) return std::move(found->sentence);
    return std::nullopt;
  }
  /// The same, with what only the node's own log may know. Limits are checked in the order of docs/node-policy-and-audit.md and the
  /// first that does not hold is named.
  [[nodiscard]] std::optional<Refusal> judge(const RequestFacts& request, const NodeFacts& node,
                                             const Quota& quota) const;

  /// The policy in plain English, a line a rule.
  [[nodiscard]] std::string describe() const;
};

namespace detail {

template <class T, class ReadNumber>
[[nodiscard]] Bounds<T> settings_bounds(const nlohmann::json& value, const SettingsPlace& place,
                                        const char* must_have, ReadNumber number) {
  Bounds<T> bounds;
  if (value.is_number()) {
    bounds.smallest = bounds.largest = number(value, place);
    return bounds;
  }
  if (!value.is_object()) place.fail("a number, or an object with \"smallest\" and \"largest\"", value);
  const SettingsObject object(value, place, {"smallest", "largest"});
  if (*must_have != '\0') object.require(must_have, "this limit needs it");
  if (value.empty()) place.fail("\"smallest\", \"largest\" or both", value);
  object.with("smallest", [&](const auto& v, const auto& p) { bounds.smallest = number(v, p); });
  object.with("largest", [&](const auto& v, const auto& p) { bounds.largest = number(v, p); });
  if (bounds.smallest > bounds.largest) place.fail("\"smallest\" is larger than \"largest\"");
  return bounds;
}
[[nodiscard]] inline Bounds<double> settings_bounds_of_numbers(const nlohmann::json& value,
                                                               const SettingsPlace& place,
                                                               const char* must_have) {
  return settings_bounds<double>(value, place, must_have, settings_number);
}
[[nodiscard]] inline Bounds<std::uint64_t> settings_bounds_of_wholes(const nlohmann::json& value,
                                                                     const SettingsPlace& place,
                                                                     const char* must_have) {
  return settings_bounds<std::uint64_t>(value, place, must_have,
                                        [](const auto& v, const auto& p) { return settings_whole(v, p, 1); });
}

[[nodiscard]] inline ObjectiveLimits parse_objective_limits(const nlohmann::json& value,
                                                            const SettingsPlace& place) {
  const SettingsObject object(value, place,
                              {"proximal_mu", "local_steps", "learning_rate", "linear_correction",
                               "initial_loss", "control_variates", "dynamic_regularisation", "update_clip"});
  ObjectiveLimits limits;
  object.with("proximal_mu", [&](const auto& v, const auto& p) {
    limits.proximal_mu = settings_bounds_of_numbers(v, p, "largest");
  });
  object.with("local_steps", [&](const auto& v, const auto& p) {
    limits.local_steps = settings_bounds_of_wholes(v, p, "largest");
  });
  object.with("learning_rate", [&](const auto& v, const auto& p) {
    limits.learning_rate = settings_bounds_of_numbers(v, p, "largest");
  });
  const auto flag = [&object](const char* key, bool& setting) {
    object.with(key, [&](const auto& v, const auto& p) { setting = settings_flag(v, p); });
  };
  flag("linear_correction", limits.linear_correction);
  flag("initial_loss", limits.initial_loss);
  flag("control_variates", limits.control_variates);
  flag("dynamic_regularisation", limits.dynamic_regularisation);
  flag("update_clip", limits.update_clip);
  return limits;
}

}  // namespace detail

inline Policy Policy::parse(std::string_view text, const std::string& source) {
  using detail::SettingsObject;
  using detail::SettingsPlace;
  using Json = nlohmann::json;
  const Json json = detail::parse_settings(text, source);
  const SettingsObject object(json, {source, {}},
                              {"tasks",
                               "requests_per_day",
                               "rounds_per_run",
                               "largest_model",
                               "minimum_cohort",
                               "minimum_cohort_in_sum",
                               "rows_per_parameter",
                               "columns",
                               "objective",
                               "batch",
                               "mods",
                               "metrics",
                               "require_secure_aggregation",
                               "minimum_threshold",
                               "require_dp",
                               "manual_approval",
                               "coordinators",
                               "require_opener",
                               "runs",
                               "statistics"});
  Policy policy;
  const auto whole = [&object](const char* key, auto& setting) {
    object.with(key,
                [&](const Json& v, const SettingsPlace& p) { setting = detail::settings_whole(v, p, 1); });
  };
  const auto flag = [&object](const char* key, bool& setting) {
    object.with(key, [&](const Json& v, const SettingsPlace& p) { setting = detail::settings_flag(v, p); });
  };
  object.with("tasks", [&](const Json& allowed, const SettingsPlace& place) {
    if (!allowed.is_object()) place.fail("an object with a task's name for each setting", allowed);
    for (const auto& [name, value] : allowed.items()) {
      const SettingsPlace here = place.at(name);
      (void)detail::settings_name(Json(name), here);
      const SettingsObject task(value, here, {"requests_per_day"});
      task.require("requests_per_day", "every task is metered");
      task.with("requests_per_day", [&, &name_ = name](const Json& v, const SettingsPlace& p) {
        policy.tasks[name_].requests_per_day = detail::settings_whole(v, p, 1);
      });
    }
  });
  whole("requests_per_day", policy.requests_per_day);
  whole("rounds_per_run", policy.rounds_per_run);
  whole("largest_model", policy.largest_model);
  whole("minimum_cohort", policy.minimum_cohort);
  whole("minimum_cohort_in_sum", policy.minimum_cohort_in_sum);
  object.with("rows_per_parameter", [&](const Json& v, const SettingsPlace& p) {
    policy.rows_per_parameter = detail::settings_number(v, p);
  });
  object.with("columns", [&](const Json& v, const SettingsPlace& p) {
    policy.columns = detail::settings_set(v, p, detail::settings_name);
  });
  object.with("objective", [&](const Json& v, const SettingsPlace& p) {
    policy.objective = detail::parse_objective_limits(v, p);
  });
  object.with("batch", [&](const Json& v, const SettingsPlace& p) {
    policy.batch = detail::settings_bounds_of_wholes(v, p, "");
  });
  object.with("mods", [&](const Json& required, const SettingsPlace& place) {
    if (!required.is_object()) place.fail("an object with a mod's name for each setting", required);
    for (const auto& [name, value] : required.items()) {
      (void)detail::settings_name(Json(name), place.at(name));
      policy.mods[name] = detail::settings_bounds_of_numbers(value, place.at(name), "");
    }
  });
  flag("metrics", policy.metrics);
  flag("require_secure_aggregation", policy.require_secure_aggregation);
  object.with("minimum_threshold", [&](const Json& v, const SettingsPlace& p) {
    policy.minimum_threshold = detail::settings_whole(v, p, 3);
  });
  flag("require_dp", policy.require_dp);
  flag("manual_approval", policy.manual_approval);
  object.with("coordinators", [&](const Json& v, const SettingsPlace& p) {
    policy.coordinators = detail::settings_set(v, p, [](const Json& element, const SettingsPlace& place) {
      constexpr std::string_view allowed = "abcdefghijklmnopqrstuvwxyz0123456789-_.:";
      const std::string host = element.is_string() ? element.get<std::string>() : std::string();
      if (host.empty() || host.size() > 253 || host.find_first_not_of(allowed) != std::string::npos) {
        place.fail("a coordinator's host name or IP address, in lower case, such as \"fl.example.org\"",
                   element);
      }
      return host;
    });
  });
  flag("require_opener", policy.require_opener);
  object.with("runs", [&](const Json& v, const SettingsPlace& p) {
    policy.runs = detail::settings_set(v, p, [](const Json& element, const SettingsPlace& place) {
      return detail::settings_whole(element, place, 0);
    });
  });
  object.with("statistics", [&](const Json& v, const SettingsPlace& p) {
    policy.statistics = detail::parse_disclosure_rules(v, p);
  });
  if (policy.require_opener) {
    object.require("coordinators", "require_opener lets none but these open a secure sum");
  }
  if (policy.minimum_cohort_in_sum && !policy.minimum_cohort) {
    object.require("minimum_cohort", "minimum_cohort_in_sum only lowers it for secure aggregation");
  }
  if (policy.minimum_cohort_in_sum && *policy.minimum_cohort_in_sum > *policy.minimum_cohort) {
    object.at("minimum_cohort_in_sum").fail("larger than minimum_cohort, which holds for sums too then");
  }
  return policy;
}

}  // namespace healthai

#include "healthai/client/node/detail/judge.hpp"
