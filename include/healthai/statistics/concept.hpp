#pragma once

#include <concepts>
#include <cstddef>
#include <string>
#include <vector>

#include "healthai/core/task.hpp"
#include "healthai/data/table.hpp"
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
/// - Optional, of one that tells each of several groups apart (bins, levels, cells): `T::groups(plan, prepared)`, the rows of each group that it
///   does not hide, counted from 0 among those of `prepare`. They are compared with those of earlier answers, as the cohort is.
/// - Optional, of an iterative fit: `T::coefficients(broadcast)`, per standard deviation of each covariate, which are held against
///   `rules.largest_coefficient`; such requests are counted against `rules.most_steps`, equal ones once.
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
concept GroupingStatistic = Statistic<T> &&
    requires(const typename T::Plan& plan, const typename T::Prepared& prepared) {
  { T::groups(plan, prepared) } -> std::same_as<std::vector<std::vector<std::size_t>>>;
};
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
