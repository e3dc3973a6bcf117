#pragma once

#include <cmath>
#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "healthai/client/task_handlers.hpp"
#include "healthai/core/error.hpp"
#include "healthai/data/detail/text.hpp"
#include "healthai/data/table.hpp"
#include "healthai/serialization/archive.hpp"
#include "healthai/statistics/answered_rows.hpp"
#include "healthai/statistics/cohort.hpp"
#include "healthai/statistics/concept.hpp"
#include "healthai/statistics/disclosure.hpp"
#include "healthai/statistics/disclosure_refusal.hpp"

namespace healthai {

/// A hospital that answers statistics from one table, as far as its rules allow.
///
///     StatisticsSite site(read_csv("patients.csv"), rules, "answered");
///     TaskHandlers handlers = site.handlers<Describe, GlmStep>();      // for a Node or an in-process transport
///
/// The table is a frozen snapshot: load another into another site, with other names for its cohorts. What a request
/// prepares (a design matrix, say) is kept for the next request of the same plan.
///
/// Under rules it also refuses an answer whose rows differ in few from those of an earlier answer (AnsweredRows), whatever the two statistics
/// are.
///
/// A value with shared ownership: copies, and the handlers, speak for the same hospital. Safe from several threads, which take turns.
class StatisticsSite {
 public:
  /// \param folder  where it keeps, under rules, which rows it has answered for, which must survive a restart; empty: that is forgotten
  /// \throws Error as AnsweredRows does
  StatisticsSite(Table table, DisclosureRules rules, std::string folder = {})
      : rules_(std::make_shared<const DisclosureRules>(std::move(rules))),
        data_(
            std::make_shared<Data>(std::move(table), rules_->enforced ? std::move(folder) : std::string())) {}

  [[nodiscard]] const Table& table() const noexcept { return data_->table; }
  [[nodiscard]] const DisclosureRules& rules() const noexcept { return *rules_; }

  /// The same hospital for answers that leave masked and are seen in a sum only: size rules are left to the sum. Its handlers are for
  /// `secagg::secure_handlers` and for nothing else: asked in the clear they would answer for few patients.
  [[nodiscard]] StatisticsSite in_sum() const {
    StatisticsSite masked = *this;
    DisclosureRules rules = *rules_;
    rules.in_sum = true;
    masked.rules_ = std::make_shared<const DisclosureRules>(std::move(rules));
    return masked;
  }

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
    return handlers.offer<T>([site = *this, kept = std::make_shared<Kept<T>>()](
                                 const Request<typename T::Broadcast>& request, std::stop_token) {
      const std::lock_guard lock(kept->mutex);
      return site.answer(*kept, *request);
    });
  }

 private:
  struct Data {
    Data(Table rows, std::string folder) : table(std::move(rows)), answered(table, std::move(folder)) {}
    const Table table;
    std::mutex mutex{};  // of the two below
    AnsweredRows answered;
    /// Which coefficients were answered for, by statistic and encoded plan.
    std::map<std::pair<std::string, std::vector<std::byte>>, std::set<std::vector<double>>> steps{};
  };
  /// What the last request has prepared.
  template <class T>
  struct Kept {
    std::mutex mutex{};
    std::optional<typename T::Plan> plan{};
    std::optional<typename T::Prepared> prepared{};
    /// Of the cohort, and of each group in it that the answer tells apart; none where answers are not compared.
    std::vector<AnsweredRows::Rows> compared{};
    std::string question{};  ///< for that comparison
    bool noted = false;      ///< that they were answered for
  };

  /// \throws Error (`disclosure`) where a rule forbids it or the data are not as asked for, (`unknown_name`) for a column that is not there, (`file`) when what is answered
  /// cannot be written down, and as the statistic does
  template <Statistic T>
  [[nodiscard]] typename T::Reply answer(Kept<T>& kept, const typename T::Broadcast& broadcast) const {
    const typename T::Plan& plan = broadcast.plan;
    if (!kept.plan || !(*kept.plan == plan)) {
      kept.plan.reset();
      prepare(kept, plan);
      kept.plan = plan;
    }
    if (!rules_->enforced) return T::answer(*kept.prepared, broadcast, *rules_);
    const std::lock_guard lock(data_->mutex);
    std::set<std::vector<double>>* steps = nullptr;
    std::vector<double> step;
    if constexpr (detail::IterativeStatistic<T>) {
      for (const double coefficient : T::coefficients(broadcast)) step.push_back(coefficient);
      require_harmless(step, spreads_of<T>(*kept.prepared, step.size()));
      steps = &data_->steps[{std::string(T::name), to_bytes(plan)}];
      if (steps->size() >= rules_->most_steps && !steps->contains(step))
        throw Error(error::disclosure,
                    "most_steps: a fit may take " + std::to_string(rules_->most_steps) + " different steps");
    }
    if (!kept.noted)
      data_->answered.require_no_difference(kept.compared, rules_->smallest_cell, kept.question);
    typename T::Reply reply = T::answer(*kept.prepared, broadcast, *rules_);
    if (!kept.noted) data_->answered.note(kept.compared, rules_->smallest_cell, kept.question);
    kept.noted = true;
    if (steps != nullptr) steps->insert(std::move(step));
    return reply;
  }
  template <class T>
  void prepare(Kept<T>& kept, const typename T::Plan& plan) const {
    const std::vector<RowFilter> filters = filters_of(*rules_, plan.cohort);
    const std::vector<std::string> complete = T::complete(plan);
    if (rules_->enforced) {  // before a column is read at all, and without naming those that there are
      Disclosure asked;
      if constexpr (detail::KnowsQuestion<T>) asked = T::question(plan);
      for (const std::string& column : T::columns(plan)) asked.columns.push_back(column);
      asked.columns.insert(asked.columns.end(), complete.begin(), complete.end());
      for (const RowFilter& filter : plan.cohort.filters) asked.columns.push_back(filter.column);
      require(detail::forbidden_question(*rules_, asked));
      for (const std::string& column : asked.columns) {
        if (!data_->table.has(column))
          throw Error(error::unknown_name, "there is no column " + detail::quoted(column) + " here");
      }
      require_own_bounds(asked);
    }
    AnsweredRows::Rows rows = rows_of(plan.cohort, filters, complete);
    if (rules_->enforced && !rules_->in_sum) {
      Disclosure sizes;
      sizes.rows = rows.size();
      require(detail::too_few(*rules_, sizes, "here"));
    }
    try {
      kept.prepared.emplace(T::prepare(plan, data_->table.select(rows)));
    } catch (const Error& e) {
      // An analysis goes on without a hospital whose data are not as asked for. The table's own message quotes the value that is no number: it
      // stays here.
      if (rules_->enforced && e.id() == error::csv)
        throw Error(error::disclosure,
                    "data: a column is of text where numbers are needed, or of numbers where text is");
      if (rules_->enforced && e.id() == error::invalid_data)
        throw Error(error::disclosure, std::string("data: ") + e.what());
      throw;
    }
    const Disclosure what = T::disclosure(plan, *kept.prepared);
    require(refusal(*rules_, what));
    kept.compared.clear();
    kept.noted = false;
    if (!rules_->enforced || !what.differencing) return;
    kept.question = detail::question_text<T>(plan);
    kept.compared.push_back(std::move(rows));
    if constexpr (detail::GroupingStatistic<T>) {
      for (AnsweredRows::Rows group : detail::groups_told<T>(plan, *kept.prepared, *rules_)) {
        for (std::size_t& row : group) row = kept.compared.front().at(row);
        kept.compared.push_back(std::move(group));
      }
    }
  }
  static void require(const std::optional<DisclosureRefusal>& forbidden) {
    if (forbidden) throw Error(error::disclosure, forbidden->text());
  }
  /// Whether the hospital keeps to the bounds of its own policy, where a request has any: the whole table, whichever cohort is asked for, so that
  /// a refusal tells nothing that depends on the question.
  void require_own_bounds(const Disclosure& asked) const {
    if (asked.most_rows != 0 && data_->table.rows() > rules_->most_rows)
      throw Error(error::disclosure, "most_rows: there are more rows here than the policy says");
    for (const auto& [column, ignored] : asked.bounds) {
      const ValueBounds& own = rules_->bounds.at(column);
      if (!data_->table.has(column) || !data_->table.is_numeric(column)) continue;
      for (const double value : data_->table.numeric(column)) {
        if (value == value && !own.contain(value))
          throw Error(error::disclosure, "bounds: the column " + detail::quoted(column) +
                                             " has a value outside of the bounds of this hospital's policy");
      }
    }
  }
  /// An approved cohort's filters are the hospital's own: that they do not fit its table is said without them.
  [[nodiscard]] AnsweredRows::Rows rows_of(const Cohort& cohort, const std::vector<RowFilter>& filters,
                                           const std::vector<std::string>& complete) const {
    try {
      return cohort_rows(data_->table, filters, complete);
    } catch (const Error&) {
      if (!rules_->enforced || cohort.name.empty()) throw;
      throw Error(error::disclosure, "cohorts: a filter of the cohort " + detail::quoted(cohort.name) +
                                         " does not fit the column that it is of");
    }
  }
  /// By how much more than the scales of the request each coefficient counts: the nearest power of two, so that a refusal tells no more of a
  /// column's values than their order of magnitude.
  template <class T>
  [[nodiscard]] static std::vector<double> spreads_of(const typename T::Prepared& prepared,
                                                      std::size_t coefficients) {
    std::vector<double> spreads(coefficients, 1);
    if constexpr (detail::KnowsSpreads<T>) {
      spreads = T::spreads(prepared);
      if (spreads.size() < coefficients)
        throw Error(error::invalid_argument, "expected at most " + std::to_string(spreads.size()) +
                                                 " coefficients, got " + std::to_string(coefficients));
      for (double& spread : spreads) spread = spread <= 1 ? 1 : std::exp2(std::round(std::log2(spread)));
    }
    return spreads;
  }
  void require_harmless(const std::vector<double>& coefficients, const std::vector<double>& spreads) const {
    for (std::size_t i = 0; i < coefficients.size(); ++i) {
      const double size = std::abs(coefficients[i]) * spreads[i];
      if (!(size <= rules_->largest_coefficient)) {  // also what is not a number
        throw Error(
            error::disclosure,
            "largest_coefficient: a coefficient, per standard deviation of its covariate, is beyond what a "
            "fit needs, and could ask about single patients");
      }
    }
  }

  std::shared_ptr<const DisclosureRules> rules_;
  std::shared_ptr<Data> data_;
};

}  // namespace healthai
