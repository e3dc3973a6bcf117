#pragma once

#include <concepts>
#include <optional>
#include <tuple>

#include "healthai/data/table.hpp"
#include "healthai/statistics/concept.hpp"
#include "healthai/statistics/disclosure.hpp"
#include "healthai/statistics/sums.hpp"

namespace healthai::detail {

/// What an Analysis is over hospitals, over one hospital's own rows: it answers the questions of a fit at the hospital itself, with the code
/// that answers those of a coordinator, and nothing leaves. What a question prepares is kept for the next of the same plan.
/// \tparam T  the statistics that may be asked, each a SummedStatistic
template <Statistic... T>
class LocalSums {
 public:
  template <class Asked>
  static constexpr bool shows = (std::same_as<Asked, T> || ...);

  /// \param rows  of the plans' cohort, that miss no value; they must outlive this object
  explicit LocalSums(const Table& rows) : rows_(&rows) {}

  /// The sum over one hospital: its answer, without rules.
  template <Statistic Asked>
  [[nodiscard]] Sums sum(const typename Asked::Broadcast& broadcast) {
    Kept<Asked>& kept = std::get<Kept<Asked>>(kept_);
    if (!kept.prepared || !(kept.plan == broadcast.plan)) {
      kept.prepared.reset();
      kept.prepared.emplace(Asked::prepare(broadcast.plan, *rows_));
      kept.plan = broadcast.plan;
    }
    Sums sums;
    sums.vectors = Asked::summand(Asked::answer(*kept.prepared, broadcast, DisclosureRules::off())).vectors;
    return sums;
  }

 private:
  template <class Asked>
  struct Kept {
    typename Asked::Plan plan{};
    std::optional<typename Asked::Prepared> prepared{};
  };

  const Table* rows_;
  std::tuple<Kept<T>...> kept_{};
};

}  // namespace healthai::detail
