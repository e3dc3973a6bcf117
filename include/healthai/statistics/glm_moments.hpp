#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/math/special_functions/gamma.hpp>

#include "healthai/core/error.hpp"
#include "healthai/core/finite.hpp"
#include "healthai/core/summand.hpp"
#include "healthai/data/table.hpp"
#include "healthai/statistics/concept.hpp"
#include "healthai/statistics/covariates.hpp"
#include "healthai/statistics/detail/patient_cells.hpp"
#include "healthai/statistics/detail/sum_ranges.hpp"
#include "healthai/statistics/disclosure.hpp"
#include "healthai/statistics/glm_plan.hpp"
#include "healthai/statistics/public_bounds.hpp"
#include "healthai/statistics/ranged_statistic.hpp"
#include "healthai/statistics/sums.hpp"

namespace healthai {

/// Which sums of columns are asked for.
enum class GlmMoment : std::uint8_t {
  totals,  ///< of z
  squares  ///< of (z - centre)^2
};

/// Sums of the columns of a model matrix, then of the response and the offset, if there is one: from which these are standardised. Means come
/// first and then squares about them, so that nothing cancels. The sum of "constants" is of the terms of the likelihood that have no
/// coefficient in them: for poisson the log-likelihood of a model that fits every row, for gamma the logarithms of the response.
///
/// A column with public bounds travels as z, from -1 to 1 (see ColumnScale), categories as 0 and 1, and any other as it is. Then, where sums are
/// made of whole numbers, their ranges follow from the bounds alone: a hospital that keeps to them has nothing to refuse.
struct GlmMoments : RangedStatistic<GlmMoments> {
  struct Plan {
    Cohort cohort{};  ///< that of the model
    GlmPlan model{};
    GlmMoment moment = GlmMoment::totals;
    std::vector<double> centres{};  ///< of squares: one for each column, in the unit in which it travels
    friend bool operator==(const Plan&, const Plan&) = default;

    template <class Archive>
    void serialize(Archive& archive, unsigned /*version*/) {
      auto number = static_cast<std::uint8_t>(moment);
      archive& cohort& model& number& centres;
      moment = static_cast<GlmMoment>(number & 1U);
    }
  };
  struct Broadcast {
    Plan plan{};

    template <class Archive>
    void serialize(Archive& archive, unsigned /*version*/) {
      archive& plan;
    }
  };
  struct Prepared {
    std::size_t rows = 0;
    std::vector<double> sums{};
    double constants = 0;
    detail::PatientGroups groups{};

    /// The sum of column j, of which `value(row)` tells the numbers.
    template <class Value>
    void add(const Plan& plan, const detail::ColumnScale& scale, std::size_t j, Value value) {
      const bool squares = plan.moment == GlmMoment::squares;
      double part = 0;  // of some rows: so that rounding does not grow with their number
      for (std::size_t row = 0; row < rows; ++row) {
        const double z = scale.to_z(value(row)) - (squares ? plan.centres[j] : 0);
        part += squares ? z * z : z;
        if (row % 256 == 255) sums[j] += std::exchange(part, 0);
      }
      sums[j] += part;
    }
  };
  static constexpr std::string_view name = "glm_moments.f64";
  static constexpr std::string_view question_name = "glm";

  /// How many columns are summed.
  [[nodiscard]] static std::size_t width(const GlmPlan& model) {
    return term_names(model.covariates).size() + 1 + (model.offset.empty() ? 0 : 1);
  }
  [[nodiscard]] static std::vector<std::string> columns(const Plan& plan) { return plan.model.columns(); }
  [[nodiscard]] static std::vector<std::string> complete(const Plan& plan) { return plan.model.columns(); }

  /// \throws Error (`invalid_data`) for a response outside the family's range, without saying which; (`refused`) for a value, or a number of
  /// rows, beyond the public bounds; (`invalid_argument`) for other numbers of centres than of columns; and as `model_matrix`
  [[nodiscard]] static Prepared prepare(const Plan& plan, const Table& rows) {
    Prepared prepared;
    prepared.rows = rows.rows();
    detail::require_rows_within(plan.model.bounds, rows.rows());
    const auto response = detail::glm_response(plan.model, rows);
    const DesignMatrix x = model_matrix(rows, plan.model.covariates);
    for (const std::string& column : plan.model.bounded_columns()) {
      for (const double value : detail::complete_column(rows, column))
        detail::require_within(plan.model.bounds, column, value);
    }
    const std::vector<detail::ColumnScale> scales = detail::glm_scales(plan.model);
    prepared.sums.assign(scales.size(), 0.0);
    if (plan.moment == GlmMoment::squares &&
        (plan.centres.size() != scales.size() ||
         !std::all_of(plan.centres.begin(), plan.centres.end(), [](double c) { return is_finite(c); })))
      throw Error(error::invalid_argument, "moments of a model need a centre for each column");
    for (std::size_t j = 0; j < x.cols; ++j)
      prepared.add(plan, scales[j], j, [&](std::size_t row) { return x.values[row * x.cols + j]; });
    prepared.add(plan, scales[x.cols], x.cols, [&](std::size_t row) { return response[row]; });
    if (!plan.model.offset.empty()) {
      const auto offset = detail::complete_column(rows, plan.model.offset);
      prepared.add(plan, scales[x.cols + 1], x.cols + 1, [&](std::size_t row) { return offset[row]; });
    }
    if (plan.moment == GlmMoment::totals) {
      for (const double y : response) {
        if (plan.model.family == GlmFamily::gamma) prepared.constants += std::log(y);
        if (plan.model.family == GlmFamily::poisson)
          prepared.constants += (y > 0 ? y * std::log(y) : 0) - y - boost::math::lgamma(y + 1);
      }
    }
    prepared.groups = detail::glm_groups(plan.model, rows, response);
    return prepared;
  }
  /// What is asked, before rows are read.
  [[nodiscard]] static Disclosure question(const Plan& plan) { return detail::glm_question(plan.model); }
  [[nodiscard]] static Disclosure disclosure(const Plan& plan, const Prepared& prepared) {
    Disclosure what = question(plan);
    what.rows = prepared.rows;
    what.parameters = plan.model.terms().size();
    what.cells = prepared.groups.cells();
    return what;
  }
  /// The rows of each level, and of each value of a column of few, for comparison with other answers.
  [[nodiscard]] static std::vector<std::vector<std::size_t>> groups(const Plan& /*plan*/,
                                                                    const Prepared& prepared,
                                                                    const DisclosureRules& rules) {
    return prepared.groups.told(rules);
  }
  /// All questions of a fit tell of the same rows.
  [[nodiscard]] static GlmPlan told_plan(const Plan& plan) { return detail::without_bounds(plan.model); }
  [[nodiscard]] static Reply answer(const Prepared& prepared, const Broadcast& /*broadcast*/,
                                    const DisclosureRules& /*rules*/) {
    return SummandBuilder()
        .add("n", static_cast<double>(prepared.rows))
        .add("constants", prepared.constants)
        .add("sums", prepared.sums)
        .take();
  }
  [[nodiscard]] static std::size_t bytes(const Broadcast& broadcast) noexcept {
    return 200 + 8 * broadcast.plan.centres.size();
  }
  using SummedStatistic::bytes;

  /// Proven by the public bounds. \throws Error (`invalid_argument`) without them
  [[nodiscard]] static std::vector<detail::NamedRange> ranges(const Broadcast& broadcast) {
    const Plan& plan = broadcast.plan;
    const PublicBounds& bounds = plan.model.bounds;
    bounds.require(plan.model.bounded_columns());
    const auto rows = static_cast<double>(bounds.most_rows);
    const double farthest = 1 + 1e-9;  // as scaling rounds
    double most = farthest;
    if (plan.moment == GlmMoment::squares) {
      for (const double centre : plan.centres)
        most = (std::max)(most, (farthest + std::fabs(centre)) * (farthest + std::fabs(centre)));
    }
    // |log y| of a double is below 746; y log y - y - log y! is within log(2 pi y) / 2 + 1 of 0.
    double constant = 1;
    if (plan.model.family == GlmFamily::gamma) constant = 746;
    if (plan.model.family == GlmFamily::poisson)
      constant = 2 + std::log1p(std::fabs(bounds.find(plan.model.response)->upper));
    return {{"n", 1, rows}, {"constants", 1, constant * rows}, {"sums", width(plan.model), most * rows}};
  }
};

}  // namespace healthai
