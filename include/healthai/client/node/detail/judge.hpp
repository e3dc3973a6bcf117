#pragma once

/// \file
/// How a Policy judges and describes itself. Part of policy.hpp, which declares both.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "healthai/client/node/policy.hpp"

namespace healthai {

inline std::optional<Refusal> Policy::judge(const RequestFacts& request, const NodeFacts& node,
                                            const Quota& quota) const {
  const auto refuse = [](const std::string& sentence, const std::string& detail = {}) {
    const std::string whole = "the policy of this node " + sentence;
    return std::make_optional(Refusal{whole, detail.empty() ? whole : whole + " (" + detail + ")"});
  };
  const auto day_over = [&quota](const std::string& limit) {
    return limit + (quota.clock_went_back()
                        ? ", and the clock of this node was set back: the count goes on from the "
                          "latest day it has seen"
                        : ", and they are used up until midnight UTC");
  };

  // Who asks, and for what.
  const auto task = tasks.find(request.task);
  if (task == tasks.end()) {
    std::vector<std::string> names;
    for (const auto& entry : tasks) names.push_back(entry.first);
    return refuse("does not allow the task \"" + detail::shown(request.task) +
                  "\"; allowed are: " + detail::listed(names));
  }
  if (coordinators && coordinators->count(request.coordinator) == 0) {
    return refuse("does not allow the coordinator \"" + detail::shown(request.coordinator) + "\"");
  }
  const std::string run = std::to_string(request.run);
  if (runs && runs->count(request.run) == 0) return refuse("does not allow run " + run);
  if (manual_approval && !request.approved) {
    return refuse("asks that a person approves run " + run + ", and nobody has");
  }

  // How it leaves.
  if (require_secure_aggregation && !request.secure_aggregation) {
    return refuse("requires secure aggregation (require_secure_aggregation), and this request is plain");
  }
  if (request.secure_aggregation && minimum_threshold && request.threshold.value_or(0) < *minimum_threshold) {
    return refuse("requires that at least " + std::to_string(*minimum_threshold) +
                  " clients are needed to open a sum (minimum_threshold), and here it is " +
                  (request.threshold ? std::to_string(*request.threshold) : "not said"));
  }
  if (request.secure_aggregation && require_opener &&
      !(coordinators && coordinators->count(request.opener) != 0)) {
    return refuse(
        "requires that a secure sum names one of its coordinators as who opens it (require_opener), and "
        "here " +
        (request.opener.empty() ? "nobody is named" : "it is \"" + detail::shown(request.opener) + "\""));
  }
  if (require_dp && !request.differential_privacy) {
    return refuse("requires differential privacy (require_dp), and this request has none");
  }
  if ((request.metrics_only || request.metrics_in_sum) && !metrics)
    return refuse("does not let metrics leave (metrics)");
  for (const auto& [name, bounds] : mods) {
    const auto mod = node.mods.find(name);
    if (mod == node.mods.end() || !bounds.contain(mod->second)) {
      return refuse(
          "requires that replies pass \"" + detail::shown(name) + "\" with " + bounds.describe() +
              " (mods), and the node is not set up so",
          mod == node.mods.end() ? "it has no such mod" : "its number is " + number_text(mod->second));
    }
  }

  // What the model is told to do.
  if (request.parameters > largest_model) {
    return refuse("allows models of at most " + std::to_string(largest_model) +
                  " parameters (largest_model), and this one has " + std::to_string(request.parameters));
  }
  ObjectiveParts needs = request.needs;
  needs.proximal = needs.proximal || request.proximal_mu.value_or(0) != 0;
  needs.local_steps = needs.local_steps || request.local_steps.has_value();
  needs.learning_rate = needs.learning_rate || request.learning_rate.has_value();
  if (const std::string missing = objective.parts().missing(needs); !missing.empty()) {
    return refuse("does not let a coordinator set: " + missing + " (objective)");
  }
  const auto outside = [&refuse](const char* what, bool needed, const auto& limit,
                                 const auto& value) -> std::optional<Refusal> {
    if (!needed || (limit && value && limit->contain(*value))) return std::nullopt;
    return refuse(std::string("allows a ") + what + " of " + limit->describe() + ", and this request " +
                  (value ? "is outside of that" : "does not say which it asks for"));
  };
  if (auto no = outside("proximal mu", needs.proximal, objective.proximal_mu, request.proximal_mu)) return no;
  if (auto no =
          outside("number of local steps", needs.local_steps, objective.local_steps, request.local_steps))
    return no;
  if (auto no = outside("learning rate", needs.learning_rate, objective.learning_rate, request.learning_rate))
    return no;
  if (request.batch && !batch) return refuse("does not let a coordinator set the batch (batch)");
  const std::optional<std::uint64_t> rows_a_step = request.batch ? request.batch : node.batch;
  if (batch && !(rows_a_step && batch->contain(*rows_a_step))) {
    return refuse(
        "allows batches of " + batch->describe() + " rows (batch), and it would be another",
        rows_a_step ? "it would be " + std::to_string(*rows_a_step) : "the node does not say its batch");
  }

  // On what data.
  std::vector<std::string> others;
  for (const std::string& column : node.columns) {
    if (columns.count(column) == 0) others.push_back(column);
  }
  if (!others.empty()) {
    return refuse("does not allow all the columns that would be used (columns)",
                  "not allowed: " + detail::listed(others));
  }
  if (!minimum_cohort) return refuse("sets no minimum_cohort, and without it allows nothing");
  const std::size_t smallest =
      request.secure_aggregation ? minimum_cohort_in_sum.value_or(*minimum_cohort) : *minimum_cohort;
  if (node.rows < smallest) {
    return refuse("requires more rows than this request would use (minimum_cohort)",
                  std::to_string(node.rows) + " rows, at least " + std::to_string(smallest));
  }
  if (!request.secure_aggregation &&
      static_cast<double>(node.rows) < rows_per_parameter * static_cast<double>(request.parameters)) {
    return refuse(
        "requires more rows for a model of this size (rows_per_parameter)",
        std::to_string(node.rows) + " rows for " + std::to_string(request.parameters) + " parameters");
  }

  // How often.
  if (quota.counted(request)) return std::nullopt;
  if (!quota.has_round(request.coordinator, request.run, request.round) &&
      quota.rounds(request.coordinator, request.run) >= rounds_per_run) {
    return refuse("allows " + std::to_string(rounds_per_run) + " rounds a run (rounds_per_run), and run " +
                  run + " has had them");
  }
  if (quota.requests_today(request.task) >= task->second.requests_per_day) {
    return refuse(day_over("allows " + std::to_string(task->second.requests_per_day) +
                           " requests a day of the task " + detail::shown(request.task)));
  }
  if (requests_per_day && quota.requests_today() >= *requests_per_day) {
    return refuse(
        day_over("allows " + std::to_string(*requests_per_day) + " requests a day (requests_per_day)"));
  }
  return std::nullopt;
}

inline std::string Policy::describe() const {
  std::string text;
  const auto line = [&text](const std::string& sentence) { text += sentence + ".\n"; };
  if (tasks.empty()) {
    line("Nothing is allowed: the policy names no task");
    return text;
  }
  std::vector<std::string> missing;
  if (!minimum_cohort) missing.push_back("minimum_cohort");
  if (rounds_per_run == 0) missing.push_back("rounds_per_run");
  if (!missing.empty()) line("Nothing is allowed as long as these are not set: " + detail::listed(missing));

  for (const auto& [name, limits] : tasks) {
    line("Task " + detail::shown(name) + ": at most " + std::to_string(limits.requests_per_day) +
         " requests a day");
  }
  if (requests_per_day)
    line("All tasks together: at most " + std::to_string(*requests_per_day) + " requests a day");
  line("Rounds of one run: at most " + std::to_string(rounds_per_run));
  line("Coordinators: " +
       (coordinators ? detail::listed(*coordinators) : "every one that the connection admits"));
  line("Runs: " + (runs ? detail::listed(*runs) : std::string("any")) +
       (manual_approval ? ", each after a person approved it" : ", without a person's approval"));
  line("Models: at most " + std::to_string(largest_model) + " parameters");
  if (minimum_cohort) {
    line("Rows, after every filter: at least " + std::to_string(*minimum_cohort) + "" +
         (minimum_cohort_in_sum ? ", or " + std::to_string(*minimum_cohort_in_sum) +
                                      " where secure aggregation shows only a sum"
                                : ""));
  }
  if (rows_per_parameter > 0) {
    line("Outside secure aggregation: at least " + number_text(rows_per_parameter) +
         " rows for each parameter");
  }
  line("Columns that may be used: " + detail::listed(columns));
  const auto bound = [](const auto& limit) { return limit ? limit->describe() : std::string("not allowed"); };
  line("A coordinator may set: proximal mu: " + bound(objective.proximal_mu) + "; local steps: " +
       bound(objective.local_steps) + "; learning rate: " + bound(objective.learning_rate));
  std::vector<std::string> parts;
  if (objective.linear_correction) parts.emplace_back("a linear correction");
  if (objective.control_variates) parts.emplace_back("control variates");
  if (objective.dynamic_regularisation) parts.emplace_back("dynamic regularisation");
  if (objective.initial_loss) parts.emplace_back("the loss at the global parameters");
  if (objective.update_clip) parts.emplace_back("whether the update is longer than a bound");
  line("A coordinator may ask for: " + detail::listed(parts));
  line("Rows a training step: " +
       (batch ? batch->describe() : "as the node is set up; a coordinator may not choose"));
  for (const auto& [name, bounds] : mods) {
    line("Every reply passes " + detail::shown(name) + " with " + bounds.describe());
  }
  line(std::string("Metrics ") + (metrics ? "may" : "may not") + " leave");
  line(std::string("Secure aggregation is ") + (require_secure_aggregation ? "required" : "not required") +
       (minimum_threshold
            ? "; at least " + std::to_string(*minimum_threshold) + " clients must be needed to open a sum"
            : "") +
       (require_opener ? "; a sum must name one of the coordinators as who opens it" : ""));
  line(std::string("Differential privacy is ") + (require_dp ? "required" : "not required"));
  detail::describe_disclosure_rules(statistics, line);
  return text;
}

}  // namespace healthai
