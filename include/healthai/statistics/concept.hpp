#pragma once

#include <concepts>
#include <cstddef>
#include <string>
#include <vector>

#include "healthai/core/task.hpp"
#include "healthai/data/table.hpp"
#include "healthai/serialization/archive.hpp"
#include "healthai/statistics/cohort.hpp"
#include "healthai/statistics/disclosure.hpp"

namespace healthai {

/// A statistic: a task that a hospital answers from rows of a table.
///
/// - `T::Broadcast` has a member `plan` of type `T::Plan`: what is analysed. It is compared with `==`, and has a Cohort, `plan.cohort`. What
///   else is in the broadcast changes from one step of an iteration to the next.
/// - `T::columns(plan)`: the columns that it reads. The rows that miss a value in one of `T::complete(plan)` are left out.
/// - `T::prepare(plan, rows)`: what the steps have in common, made once from the rows of the cohort: a design matrix, an order of times.
/// - `T::disclosure(plan, prepared)`: what the answers will tell, for the hospital's rules.
/// - `T::answer(prepared, broadcast, rules)`: the answer. It may leave out cells that are too small (see `rules.smallest_cell`).
///   Pure: the same arguments give the same bits.
/// - Optional: `T::question(plan)`, what the plan alone says of what is asked (a Disclosure of columns, levels, cut points, times, whether single
///   values leave). It is judged before a row is read, so that an error of `prepare`, which depends on the rows, tells nothing about a level or a
///   time that may not be asked for.
/// - Optional: `T::question_name`, where it is not `T::name`: statistics that share it tell the same of the rows of an equal plan, and are
///   not compared with each other.
/// - Optional: `T::told_plan(plan)`, a part of the plan that says of whom the answers tell. Plans that agree in it are one question then:
///   the steps of a fit, which differ in units, are not compared with each other.
/// - Optional, of one that tells each of several groups apart (bins, levels, cells): `T::groups(plan, prepared, rules)`, the rows of each group that
///   it does not hide under these rules, counted from 0 among those of `prepare`; or, of one that hides none, `T::groups(plan, prepared)`. They are
///   compared with those of earlier answers, as the cohort is. Where `rules.in_sum` it refuses nothing for being small.
/// - Optional, of an iterative fit: `T::coefficients(broadcast)`, per standard deviation of each covariate, which are held against
///   `rules.largest_coefficient`; such requests are counted against `rules.most_steps`, equal ones once. Where the request brings the scale of
///   each covariate: `T::spreads(prepared)`, for each coefficient the root mean square of its column at this hospital, in the unit of the
///   coefficients (1 where the scale is true). A coefficient counts so many times as the spread is above 1. Of a request
///   with fewer coefficients they are the first.
///
/// Most are additive too (AdditiveTask), with `Summand<double>` as reply: then they run under secure aggregation and over relays.
template <class T>
concept Statistic = Task<T> && std::equality_comparable<typename T::Plan> &&
    requires(const typename T::Plan& plan, const typename T::Prepared& prepared,
             const typename T::Broadcast& broadcast, const Table& rows, const DisclosureRules& rules) {
  { broadcast.plan } -> std::convertible_to<const typename T::Plan&>;
  { plan.cohort } -> std::convertible_to<const Cohort&>;
  { T::columns(plan) } -> std::same_as<std::vector<std::string>>;
  { T::complete(plan) } -> std::same_as<std::vector<std::string>>;
  { T::prepare(plan, rows) } -> std::same_as<typename T::Prepared>;
  { T::disclosure(plan, prepared) } -> std::same_as<Disclosure>;
  { T::answer(prepared, broadcast, rules) } -> std::same_as<typename T::Reply>;
};

namespace detail {
template <class T>
concept IterativeStatistic = Statistic<T> && requires(const typename T::Broadcast& broadcast) {
  T::coefficients(broadcast);
};
template <class T>
concept KnowsSpreads = IterativeStatistic<T> && requires(const typename T::Prepared& prepared) {
  { T::spreads(prepared) } -> std::same_as<std::vector<double>>;
};
template <class T>
concept KnowsQuestion = Statistic<T> && requires(const typename T::Plan& plan) {
  { T::question(plan) } -> std::same_as<Disclosure>;
};
template <class T>
concept GroupsByRules = Statistic<T> &&
    requires(const typename T::Plan& plan, const typename T::Prepared& prepared,
             const DisclosureRules& rules) {
  { T::groups(plan, prepared, rules) } -> std::same_as<std::vector<std::vector<std::size_t>>>;
};
template <class T>
concept GroupingStatistic = GroupsByRules<T> ||
    (Statistic<T>&& requires(const typename T::Plan& plan, const typename T::Prepared& prepared) {
      { T::groups(plan, prepared) } -> std::same_as<std::vector<std::vector<std::size_t>>>;
    });

/// The rows of each group that it tells apart under these rules.
template <GroupingStatistic T>
[[nodiscard]] std::vector<std::vector<std::size_t>> groups_told(const typename T::Plan& plan,
                                                                const typename T::Prepared& prepared,
                                                                const DisclosureRules& rules) {
  if constexpr (GroupsByRules<T>) {
    return T::groups(plan, prepared, rules);
  } else {
    return T::groups(plan, prepared);
  }
}
/// What is asked, whatever the rows are: the same text for equal plans of statistics that tell the same.
template <Statistic T>
[[nodiscard]] std::string question_text(const typename T::Plan& plan) {
  std::string text;
  if constexpr (requires { T::question_name; }) {
    text = T::question_name;
  } else {
    text = T::name;
  }
  text += '\n';
  std::vector<std::byte> asked;
  if constexpr (requires { T::told_plan(plan); }) {
    asked = to_bytes(T::told_plan(plan));
  } else {
    asked = to_bytes(plan);
  }
  for (const std::byte byte : asked) text += static_cast<char>(byte);
  return text;
}
}  // namespace detail

/// A statistic whose answers are sums (see SummandBuilder): what a task struct inherits to have its reply and its sizes.
///
///     struct CountRows : SummedStatistic { ... };
struct SummedStatistic {
  using Scalar = double;
  using Reply = Summand<double>;
  [[nodiscard]] static Summand<double> summand(Reply reply) { return reply; }
  [[nodiscard]] static std::size_t bytes(const Reply& reply) noexcept {
    std::size_t total = sizeof(double);
    for (const auto& vector : reply.vectors)
      total += vector.name.size() + vector.values.size() * sizeof(double);
    return total;
  }
};

}  // namespace healthai
