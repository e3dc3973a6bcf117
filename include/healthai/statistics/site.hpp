#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "healthai/client/task_handlers.hpp"
#include "healthai/core/error.hpp"
#include "healthai/data/table.hpp"
#include "healthai/statistics/concept.hpp"
#include "healthai/statistics/disclosure.hpp"

namespace healthai {

/// A hospital that answers statistics from one table, as far as its rules allow.
///
///     StatisticsSite site(read_csv("patients.csv"), rules);
///     TaskHandlers handlers = site.handlers<Describe, GlmStep>();      // for a Node or an in-process transport
///
/// The table is a frozen snapshot: load another into another site, with other names for its cohorts. What a request
/// prepares (a design matrix, say) is kept for the next request of the same plan.
/// A value with shared ownership: copies, and the handlers, speak for the same hospital. Safe from several threads, which take turns.
class StatisticsSite {
 public:
  StatisticsSite(Table table, DisclosureRules rules)
      : data_(std::make_shared<const Data>(Data{std::move(table), std::move(rules)})) {}

  [[nodiscard]] const Table& table() const noexcept { return data_->table; }
  [[nodiscard]] const DisclosureRules& rules() const noexcept { return data_->rules; }

  /// Handlers for these statistics.
  template <Statistic... T>
  [[nodiscard]] TaskHandlers handlers() const {
    TaskHandlers all;
    (offer<T>(all), ...);
    return all;
  }
  /// Offers one more. \return `handlers`
  template <Statistic T>
  TaskHandlers& offer(TaskHandlers& handlers) const {
    return handlers.offer<T>([data = data_, kept = std::make_shared<Kept<T>>()](
                                 const Request<typename T::Broadcast>& request, std::stop_token) {
      const std::lock_guard lock(kept->mutex);
      return answer<T>(*data, *kept, *request);
    });
  }

 private:
  struct Data {
    Table table;
    DisclosureRules rules;
  };
  /// What the last request has prepared.
  template <class T>
  struct Kept {
    std::mutex mutex{};
    std::optional<typename T::Plan> plan{};
    std::optional<typename T::Prepared> prepared{};
    std::size_t steps = 0;
  };

  /// \throws Error (`disclosure`) where a rule forbids it, (`unknown_name`) for a column that is not there, and as the statistic does
  template <Statistic T>
  [[nodiscard]] static typename T::Reply answer(const Data& data, Kept<T>& kept,
                                                const typename T::Broadcast& broadcast) {
    const typename T::Plan& plan = broadcast.plan;
    if (!kept.plan || !(*kept.plan == plan)) {
      kept.plan.reset();
      Disclosure columns_only;
      columns_only.columns = T::columns(plan);
      for (const RowFilter& filter : plan.cohort.filters) columns_only.columns.push_back(filter.column);
      if (data.rules.enforced) require_columns(data.rules, columns_only);
      kept.prepared.emplace(
          T::prepare(plan, data.table.select(cohort_rows(data.table, filters_of(data.rules, plan.cohort),
                                                         T::complete(plan)))));
      if (const auto forbidden = refusal(data.rules, T::disclosure(plan, *kept.prepared)))
        throw Error(error::disclosure, forbidden->rule + ": " + forbidden->sentence);
      kept.plan = plan;
      kept.steps = 0;
    }
    if constexpr (detail::IterativeStatistic<T>)
      require_harmless_step(data.rules, ++kept.steps, T::coefficients(broadcast));
    return T::answer(*kept.prepared, broadcast, data.rules);
  }
  /// Before a column is read at all.
  static void require_columns(const DisclosureRules& rules, const Disclosure& read) {
    for (const std::string& column : read.columns) {
      if (!rules.columns.contains(column))
        throw Error(error::disclosure, "columns: the column " + detail::quoted(column) + " may not be used");
    }
  }
  template <class Coefficients>
  static void require_harmless_step(const DisclosureRules& rules, std::size_t steps,
                                    const Coefficients& coefficients) {
    if (!rules.enforced) return;
    if (steps > rules.most_steps)
      throw Error(error::disclosure,
                  "most_steps: a fit may take " + std::to_string(rules.most_steps) + " steps");
    for (const double coefficient : coefficients) {
      if (!(coefficient >= -rules.largest_coefficient && coefficient <= rules.largest_coefficient)) {
        throw Error(
            error::disclosure,
            "largest_coefficient: a coefficient, per standard deviation of its covariate, is beyond what a "
            "fit needs, and could ask about single patients");
      }
    }
  }

  std::shared_ptr<const Data> data_;
};

}  // namespace healthai
