#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <Eigen/Core>
#include <string>
#include <utility>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/core/number_text.hpp"
#include "healthai/data/detail/text.hpp"
#include "healthai/statistics/detail/sum_ranges.hpp"
#include "healthai/statistics/glm_moments.hpp"
#include "healthai/statistics/glm_step.hpp"
#include "healthai/statistics/public_bounds.hpp"
#include "healthai/statistics/sums.hpp"

namespace healthai::detail {

/// What is known of the columns of a model over all hospitals.
struct GlmColumns {
  std::size_t rows = 0;
  double constants = 0;  ///< see GlmMoments
  /// Of the model matrix, the response and the offset, if there is one.
  std::vector<double> means{}, deviations{};
};

/// What the hospitals' sums of a step are.
struct GlmSums {
  Eigen::MatrixXd information{};
  Eigen::VectorXd score{};
  double deviance = 0, pearson = 0, weight = 0;
  std::size_t strata = 0;
  bool valid = false;  ///< all means are in the family's range
};

/// The questions of a fit to the hospitals.
/// \tparam Source  what sums over them: an Analysis, or LocalSums of one hospital's own rows
template <class Source>
class GlmSite {
 public:
  /// Whether single answers are hidden, and sums made of whole numbers.
  static constexpr bool hidden = !Source::template shows<GlmStep>;

  GlmSite(Source& source, const GlmPlan& plan) : source_(&source) {
    step_.cohort = plan.cohort;
    step_.model = plan;
  }

  [[nodiscard]] GlmColumns columns() {
    GlmMoments::Plan plan{step_.cohort, step_.model, GlmMoment::totals, {}};
    GlmColumns known;
    const std::vector<ColumnScale> scales = glm_scales(step_.model);
    const Sums totals = source_->template sum<GlmMoments>({plan});
    const double n = totals.number("n");
    require_rows(n);
    known.rows = static_cast<std::size_t>(n);
    known.constants = totals.number("constants");
    for (const double total : totals.vector("sums", scales.size())) plan.centres.push_back(total / n);
    plan.moment = GlmMoment::squares;
    const Sums sums = source_->template sum<GlmMoments>({plan});
    const auto squares = sums.vector("sums", scales.size());
    double noise = 0;  // the mean square that rounding makes of a constant column
    if (hidden)
      noise = 4 * power_of_two_from(GlmMoments::ranges({plan}).back().most) * 0x1p-50 *
              static_cast<double>(sums.sites.size()) / n;
    for (std::size_t j = 0; j < scales.size(); ++j) {
      known.means.push_back(scales[j].to_x(plan.centres[j]));
      const double square = (std::max)(squares[j], 0.0) / n;
      const double deviation = scales[j].unit * std::sqrt(square);
      const bool constant = deviation <= 1e-12 * std::fabs(known.means[j]) || square <= noise;
      known.deviations.push_back(constant ? 0 : deviation);
    }
    return known;
  }
  void set_scale(std::vector<double> centres, std::vector<double> scales, const GlmLimits& limits) {
    step_.centres = std::move(centres);
    step_.scales = std::move(scales);
    if (hidden) step_.limits = limits;
  }
  [[nodiscard]] const GlmLimits& limits() const noexcept { return step_.limits; }
  /// What rounding to whole numbers may add to a sum of numbers up to `limit`.
  [[nodiscard]] double rounding(double limit) const {
    if constexpr (!hidden) {
      return 0 * limit;
    } else {
      return 4 * limit * 0x1p-50 * static_cast<double>(source_->sites().size());
    }
  }

  [[nodiscard]] GlmSums ask(GlmQuestion question, const Eigen::VectorXd& coefficients) {
    const auto width = static_cast<std::size_t>(coefficients.size());
    const Sums sums = source_->template sum<GlmStep>({step_, question, as_vector(coefficients), 0});
    GlmSums all;
    all.information = from_packed_lower(sums.vector("information"), width);
    all.score = sums.column("score", width);
    all.deviance = sums.number("deviance");
    all.pearson = sums.number("pearson");
    all.weight = sums.number("weight");
    all.strata = static_cast<std::size_t>(std::llround(sums.number("strata")));
    all.valid = sums.number("invalid") < 0.5;
    return all;
  }
  [[nodiscard]] Moved moved_along(const Eigen::VectorXd& direction, double tolerance) {
    const Sums sums =
        source_->template sum<GlmStep>({step_, GlmQuestion::direction, as_vector(direction), tolerance});
    return {sums.number("better"), sums.number("worse"), sums.number("untold")};
  }

 private:
  [[nodiscard]] static std::vector<double> as_vector(const Eigen::VectorXd& values) {
    return {values.data(), values.data() + values.size()};
  }
  void require_rows(double rows) const {
    if (rows >= 1) return;
    const std::vector<std::string> columns = step_.model.columns();
    throw Error(error::invalid_data,
                "no hospital has a row of this cohort that misses no value in " + quoted_list(columns));
  }

  Source* source_;
  GlmStep::Plan step_{};
};

}  // namespace healthai::detail
