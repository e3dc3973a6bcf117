#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <Eigen/Core>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/math/special_functions/gamma.hpp>

#include "healthai/core/error.hpp"
#include "healthai/core/summand.hpp"
#include "healthai/data/table.hpp"
#include "healthai/statistics/concept.hpp"
#include "healthai/statistics/covariates.hpp"
#include "healthai/statistics/detail/glm_cells.hpp"
#include "healthai/statistics/detail/sum_ranges.hpp"
#include "healthai/statistics/disclosure.hpp"
#include "healthai/statistics/glm_plan.hpp"
#include "healthai/statistics/sums.hpp"

namespace healthai {

/// Which sums of columns are asked for.
enum class GlmMoment : std::uint8_t {
  rows,      ///< none, only how many rows there are
  totals,    ///< of x
  absolute,  ///< of |x - centre|
  squares    ///< of ((x - centre) / unit)^2
};

/// Sums of the columns of a model matrix, then of the response and the offset, if there is one: from which these are standardised. Means come
/// first and then squares about them, so that nothing cancels. The sum of "constants" is of the terms of the likelihood that have no
/// coefficient in them: for poisson the log-likelihood of a model that fits every row, for gamma the logarithms of the response.
///
/// Where sums are made of whole numbers (`largest_value` is not 0), ranges are proven: x is at most `largest_value`, and with
/// unit = mean of |x - centre| no (x - centre) / unit is above the number of rows, n, so the sum of squares is at most n^2.
struct GlmMoments : SummedStatistic {
  struct Plan {
    Cohort cohort{};  ///< that of the model
    GlmPlan model{};
    GlmMoment moment = GlmMoment::totals;
    std::vector<double> centres{}, units{};
    double largest_value = 0;
    double rows = 0;  ///< of all hospitals, where ranges need it
    friend bool operator==(const Plan&, const Plan&) = default;

    template <class Archive>
    void serialize(Archive& archive, unsigned /*version*/) {
      auto number = static_cast<std::uint8_t>(moment);
      archive& cohort& model& number& centres& units& largest_value& rows;
      moment = static_cast<GlmMoment>(number & 3U);
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
    double largest = 0;  ///< value of a column
    std::vector<double> sums{};
    double constants = 0;
    std::vector<double> cells{};

    /// The sum of column j, of which `value(row)` tells the numbers.
    template <class Value>
    void add(const Plan& plan, std::size_t j, std::size_t count, Value value) {
      const bool about = plan.moment == GlmMoment::absolute || plan.moment == GlmMoment::squares;
      if (about && (plan.centres.size() != sums.size() || plan.units.size() != sums.size()))
        throw Error(error::invalid_argument, "moments of a model need a centre and a unit for each column");
      double part = 0;  // of some rows: so that rounding does not grow with their number
      for (std::size_t row = 0; row < count; ++row) {
        const double x = value(row);
        largest = (std::max)(largest, std::fabs(x));
        const double z = about ? (x - plan.centres[j]) / plan.units[j] : x;
        part += plan.moment == GlmMoment::squares    ? z * z
                : plan.moment == GlmMoment::absolute ? std::fabs(z)
                                                     : z;
        if (row % 256 == 255) sums[j] += std::exchange(part, 0);
      }
      sums[j] += part;
    }
  };
  static constexpr std::string_view name = "glm_moments.f64";

  /// How many columns are summed.
  [[nodiscard]] static std::size_t width(const GlmPlan& model) {
    return term_names(model.covariates).size() + 1 + (model.offset.empty() ? 0 : 1);
  }
  [[nodiscard]] static std::vector<std::string> columns(const Plan& plan) { return plan.model.columns(); }
  [[nodiscard]] static std::vector<std::string> complete(const Plan& plan) { return plan.model.columns(); }

  /// \throws Error (`invalid_data`) for a response outside the family's range, without saying which; and as `model_matrix`
  [[nodiscard]] static Prepared prepare(const Plan& plan, const Table& rows) {
    Prepared prepared;
    prepared.rows = rows.rows();
    const auto response = detail::glm_response(plan.model, rows);
    const DesignMatrix x = model_matrix(rows, plan.model.covariates);
    prepared.sums.assign(width(plan.model), 0.0);
    prepared.cells = detail::glm_cells(plan.model, rows);
    if (plan.moment != GlmMoment::rows) {
      for (std::size_t j = 0; j < x.cols; ++j)
        prepared.add(plan, j, x.rows, [&](std::size_t row) { return x.values[row * x.cols + j]; });
      prepared.add(plan, x.cols, x.rows, [&](std::size_t row) { return response[row]; });
      if (!plan.model.offset.empty()) {
        const auto offset = detail::complete_column(rows, plan.model.offset);
        prepared.add(plan, x.cols + 1, x.rows, [&](std::size_t row) { return offset[row]; });
      }
    }
    if (plan.moment == GlmMoment::totals) {
      for (const double y : response) {
        if (plan.model.family == GlmFamily::gamma) prepared.constants += std::log(y);
        if (plan.model.family == GlmFamily::poisson)
          prepared.constants += (y > 0 ? y * std::log(y) : 0) - y - boost::math::lgamma(y + 1);
      }
    }
    return prepared;
  }
  [[nodiscard]] static Disclosure disclosure(const Plan& plan, const Prepared& prepared) {
    Disclosure what;
    what.rows = prepared.rows;
    what.columns = plan.model.columns();
    what.parameters = plan.model.terms().size();
    what.cells = prepared.cells;
    what.levels = detail::glm_levels(plan.model);
    return what;
  }
  /// \throws Error (`refused`) for a value, or a number of rows, beyond the public range; (`disclosure`) for absolute differences where
  /// this answer is seen by itself and rules keep values of single patients
  [[nodiscard]] static Reply answer(const Prepared& prepared, const Broadcast& broadcast,
                                    const DisclosureRules& rules) {
    // With a centre of the asker's choice, each answer tells how many values lie on either side of it.
    if (broadcast.plan.moment == GlmMoment::absolute && rules.enforced && !rules.in_sum &&
        !rules.single_values)
      throw Error(error::disclosure,
                  "single_values: sums of absolute differences from a chosen number tell of single patients; "
                  "they leave only as part of a sum over hospitals");
    Reply reply = SummandBuilder()
                      .add("n", static_cast<double>(prepared.rows))
                      .add("constants", prepared.constants)
                      .add("sums", prepared.sums)
                      .take();
    const double largest = broadcast.plan.largest_value;
    if (largest > 0 && (prepared.largest > largest || !detail::within(reply, ranges(broadcast.plan))))
      throw Error(error::refused, "a column of the model has a value above the public bound " +
                                      detail::plain_number(largest) +
                                      " (largest_value), so that sums of whole numbers would not be right; "
                                      "change units, or the bound");
    return reply;
  }
  [[nodiscard]] static std::size_t bytes(const Broadcast& broadcast) noexcept {
    return 200 + 16 * broadcast.plan.centres.size();
  }
  using SummedStatistic::bytes;

  [[nodiscard]] static std::vector<detail::NamedRange> ranges(const Plan& plan) {
    const double n = plan.moment == GlmMoment::rows ? 1 : plan.rows;
    // A mean that was rounded is not the mean: hence twice.
    const double sums = plan.moment == GlmMoment::squares ? 2 * n * n : 2 * n * plan.largest_value;
    return {{"n", 1, 0x1p40}, {"constants", 1, 1024 * n}, {"sums", width(plan.model), sums}};
  }
  template <class Segment = secagg::VectorSegment>
  [[nodiscard]] static std::vector<Segment> vector_segments(const Broadcast& broadcast) {
    return detail::segments_of<Segment>(ranges(broadcast.plan));
  }
  template <class Segment = secagg::ScalarSegment>
  [[nodiscard]] static std::vector<Segment> scalar_segments(const Broadcast& /*broadcast*/) {
    return {};
  }
};

}  // namespace healthai
