#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <Eigen/Core>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/data/table.hpp"
#include "healthai/statistics/concept.hpp"
#include "healthai/statistics/covariates.hpp"
#include "healthai/statistics/detail/glm_direction.hpp"
#include "healthai/statistics/detail/glm_intercept.hpp"
#include "healthai/statistics/detail/patient_cells.hpp"
#include "healthai/statistics/detail/sum_ranges.hpp"
#include "healthai/statistics/detail/weighted_gram.hpp"
#include "healthai/statistics/disclosure.hpp"
#include "healthai/statistics/glm_plan.hpp"
#include "healthai/statistics/ranged_statistic.hpp"
#include "healthai/statistics/sums.hpp"

namespace healthai {

/// What a step asks.
enum class GlmQuestion : std::uint8_t {
  step,       ///< information, score and deviance at the coefficients
  null_step,  ///< the same for a model with nothing but an intercept, coefficients[0], and the offset
  begin,  ///< the first step of a model without intercept: from means near the responses; coefficients are 0
  direction  ///< whether moving along the coefficients makes the likelihood larger for ever: separation
};

/// The size of a hospital's sums, where they are made of whole numbers: all numbers must be smaller. 0: no limits. What is beyond them shows in
/// "invalid", and so the hospital takes the next larger power of 16: that tells no more than an order of magnitude.
struct GlmLimits {
  double information = 0, score = 0, deviance = 0, pearson = 0;
  friend bool operator==(const GlmLimits&, const GlmLimits&) = default;

  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& information& score& deviance& pearson;
  }
};

/// One step of Fisher scoring (Newton's method, where the link is canonical) for a generalised linear model: iteratively reweighted least
/// squares (McCullagh, Nelder: Generalized Linear Models, 1989, section 2.5), as sums over hospitals. With Z the standardised
/// columns of the model matrix:
///
///     information  Z^T W Z, W = (d mu / d eta)^2 / V(mu), its lower triangle
///     score        Z^T W (z - eta) = Z^T (y - mu) (d mu / d eta) / V(mu)
///     deviance, pearson (where the dispersion is fitted), weight = sum of W
///     invalid      rows whose mean is outside the family's range; if there is one, or a number above its limit, all else is 0
///
/// With an intercept of its own at each hospital, a, which is at its best: information - (Z^T w)(Z^T w)^T / sum of w, the
/// information of the profile likelihood (Murphy, van der Vaart: On Profile Likelihood, 2000).
///
/// The model matrix is made once a plan.
struct GlmStep : RangedStatistic<GlmStep> {
  struct Plan {
    Cohort cohort{};  ///< that of the model
    GlmPlan model{};
    std::vector<double> centres{},
        scales{};  ///< of each column of the model matrix: z = (x - centre) / scale
    GlmLimits limits{};
    friend bool operator==(const Plan&, const Plan&) = default;

    template <class Archive>
    void serialize(Archive& archive, unsigned /*version*/) {
      archive& cohort& model& centres& scales& limits;
    }
  };
  struct Broadcast {
    Plan plan{};
    GlmQuestion question = GlmQuestion::step;
    std::vector<double> coefficients{};  ///< of Z; the common intercept, if there is one, first
    double tolerance = 0;                ///< of a direction: a row that moves less does not move

    template <class Archive>
    void serialize(Archive& archive, unsigned /*version*/) {
      auto number = static_cast<std::uint8_t>(question);
      archive& plan& number& coefficients& tolerance;
      question = static_cast<GlmQuestion>(number & 3U);
    }
  };
  struct Prepared {
    Eigen::MatrixXd z{};  ///< a row of the model matrix is a column of it
    Eigen::VectorXd y{}, offset{};
    std::size_t events = 0;
    detail::PatientGroups groups{};
  };
  static constexpr std::string_view name = "glm_step.f64";
  static constexpr std::string_view question_name = "glm";

  [[nodiscard]] static std::vector<std::string> columns(const Plan& plan) { return plan.model.columns(); }
  [[nodiscard]] static std::vector<std::string> complete(const Plan& plan) { return plan.model.columns(); }

  /// \throws Error as GlmMoments::prepare; (`invalid_argument`) for another number of centres or scales, or a scale that is not positive
  [[nodiscard]] static Prepared prepare(const Plan& plan, const Table& rows) {
    Prepared prepared;
    detail::require_possible(plan.model);
    const auto response = detail::glm_response(plan.model, rows);
    const DesignMatrix x = model_matrix(rows, plan.model.covariates);
    const std::size_t first = plan.model.common_intercept() ? 1 : 0;
    if (plan.centres.size() != x.cols || plan.scales.size() != x.cols ||
        std::any_of(plan.scales.begin(), plan.scales.end(), [](double scale) { return !(scale > 0); }))
      throw Error(error::invalid_argument, "a step of a model of " + std::to_string(x.cols) +
                                               " columns needs a centre and a positive scale for each");
    prepared.z.resize(static_cast<Eigen::Index>(x.cols + first), static_cast<Eigen::Index>(x.rows));
    const auto centres =
        Eigen::Map<const Eigen::ArrayXd>(plan.centres.data(), static_cast<Eigen::Index>(x.cols));
    const auto scales =
        Eigen::Map<const Eigen::ArrayXd>(plan.scales.data(), static_cast<Eigen::Index>(x.cols));
    if (first == 1) prepared.z.row(0).setOnes();
    if (x.cols > 0) {
      prepared.z.bottomRows(static_cast<Eigen::Index>(x.cols)) =
          ((x.matrix().transpose().array().colwise() - centres).colwise() / scales).matrix();
    }
    prepared.y =
        Eigen::Map<const Eigen::VectorXd>(response.data(), static_cast<Eigen::Index>(response.size()));
    prepared.offset = Eigen::VectorXd::Zero(prepared.y.size());
    if (!plan.model.offset.empty()) {
      const auto offset = detail::complete_column(rows, plan.model.offset);
      std::copy(offset.begin(), offset.end(), prepared.offset.data());
    }
    prepared.events = static_cast<std::size_t>((prepared.y.array() != 0).count());
    prepared.groups = detail::glm_groups(plan.model, rows, response);
    return prepared;
  }
  /// What is asked, before rows are read.
  [[nodiscard]] static Disclosure question(const Plan& plan) { return detail::glm_question(plan.model); }
  [[nodiscard]] static Disclosure disclosure(const Plan& plan, const Prepared& prepared) {
    Disclosure what = question(plan);
    what.rows = static_cast<std::size_t>(prepared.y.size());
    if (plan.model.family == GlmFamily::binomial || plan.model.family == GlmFamily::poisson)
      what.events = prepared.events;
    what.parameters = parameters(plan.model) + (plan.model.stratify_by_site ? 1 : 0);
    what.cells = prepared.groups.cells();
    return what;
  }
  /// As GlmMoments::groups.
  [[nodiscard]] static std::vector<std::vector<std::size_t>> groups(const Plan& /*plan*/,
                                                                    const Prepared& prepared,
                                                                    const DisclosureRules& rules) {
    return prepared.groups.told(rules);
  }
  /// All questions of a fit tell of the same rows.
  [[nodiscard]] static GlmPlan told_plan(const Plan& plan) { return detail::without_bounds(plan.model); }
  /// What is held against `largest_coefficient`: chosen coefficients would make single patients' weights large. Not where the
  /// identity link of gaussian makes all weights 1; the intercept counts as 0 where it has the unit of the response. In the order of
  /// `spreads`; of a null step the intercept alone.
  [[nodiscard]] static std::vector<double> coefficients(const Broadcast& broadcast) {
    const GlmPlan& model = broadcast.plan.model;
    const GlmLink link = link_of(model.family, model.link);
    if (model.family == GlmFamily::gaussian && link == GlmLink::identity) return {};
    std::vector<double> all = broadcast.coefficients;
    if (model.common_intercept() && !all.empty() && (link == GlmLink::identity || link == GlmLink::inverse))
      all.front() = 0;
    return all;
  }
  /// How far each column of Z spreads here: the root of the mean of its squares, 1 for the intercept and where there are no rows. A
  /// coefficient times that is what a hospital's rows see of it, however the asker has chosen centres and scales.
  [[nodiscard]] static std::vector<double> spreads(const Prepared& prepared) {
    std::vector<double> all(static_cast<std::size_t>(prepared.z.rows()), 1.0);
    if (prepared.z.cols() == 0) return all;
    const double n = static_cast<double>(prepared.z.cols());
    for (std::size_t j = 0; j < all.size(); ++j)
      all[j] = std::sqrt(prepared.z.row(static_cast<Eigen::Index>(j)).squaredNorm() / n);
    return all;
  }
  /// \throws Error (`invalid_argument`) for another number of coefficients; (`disclosure`) where rules are in force and fewer degrees of
  /// freedom than their `residual_degrees` are left here, so that a deviance would tell of single patients
  [[nodiscard]] static Reply answer(const Prepared& prepared, const Broadcast& broadcast,
                                    const DisclosureRules& rules) {
    const GlmPlan& model = broadcast.plan.model;
    const std::size_t width = broadcast.question == GlmQuestion::null_step ? 1 : parameters(model);
    if (broadcast.coefficients.size() != width) {
      throw Error(error::invalid_argument, "a step of this model has " + std::to_string(width) +
                                               " coefficients, but " +
                                               std::to_string(broadcast.coefficients.size()) + " came");
    }
    if (rules.enforced && !rules.in_sum &&
        static_cast<std::size_t>(prepared.y.size()) <
            parameters(model) + (model.stratify_by_site ? 1 : 0) + rules.residual_degrees) {
      throw Error(error::disclosure, "residual_degrees: fewer than " +
                                         std::to_string(rules.residual_degrees) +
                                         " rows more than coefficients are behind this deviance");
    }
    if (broadcast.question == GlmQuestion::direction) {
      // Counts of rows on either side of a plane that the coordinator may choose: a hospital with rules does not tell them.
      if (rules.enforced)
        return SummandBuilder().add("better", 0.0).add("worse", 0.0).add("untold", 1.0).take();
      const detail::Moved moved = detail::moved_along(
          model, prepared.y, prepared.z.transpose() * as_column(broadcast.coefficients), broadcast.tolerance);
      return SummandBuilder().add("better", moved.better).add("worse", moved.worse).add("untold", 0.0).take();
    }
    Reply reply = sums(prepared, broadcast).reply();
    const GlmLimits& limits = broadcast.plan.limits;
    if (limits.information > 0 && !detail::within(reply, ranges(broadcast))) {
      Accumulated none(static_cast<Eigen::Index>(width));
      none.invalid = 1;
      reply = none.reply();
    }
    return reply;
  }
  [[nodiscard]] static std::size_t bytes(const Broadcast& broadcast) noexcept {
    return 200 + 24 * broadcast.plan.centres.size();
  }
  using SummedStatistic::bytes;

  /// How many coefficients travel.
  [[nodiscard]] static std::size_t parameters(const GlmPlan& model) {
    return term_names(model.covariates).size() + (model.common_intercept() ? 1 : 0);
  }
  [[nodiscard]] static std::vector<detail::NamedRange> ranges(const Broadcast& broadcast) {
    if (broadcast.question == GlmQuestion::direction)
      return {{"better", 1, 0x1p40}, {"worse", 1, 0x1p40}, {"untold", 1, 0x1p40}};
    const GlmLimits& limits = broadcast.plan.limits;
    const std::size_t width = broadcast.coefficients.size();
    const auto most = [](double limit) {
      return limit > 0 ? std::exp2(4 * std::ceil(std::log2(limit) / 4)) : 0;
    };
    return {{"information", width * (width + 1) / 2, most(limits.information)},
            {"score", width, most(limits.score)},
            {"deviance", 1, most(limits.deviance)},
            {"pearson", 1, most(limits.pearson)},
            {"weight", 1, most(limits.information)},
            {"strata", 1, 0x1p40},
            {"invalid", 1, 0x1p40}};
  }

 private:
  struct Accumulated {
    explicit Accumulated(Eigen::Index width) : gram(width) {}
    detail::WeightedGram gram;
    double deviance = 0, pearson = 0, weight = 0;
    double strata = 0, invalid = 0;

    [[nodiscard]] Reply reply() {
      const Eigen::VectorXd& score = gram.score();
      return SummandBuilder()
          .add("information", packed_lower(gram.gram()))
          .add("score", std::span<const double>(score.data(), static_cast<std::size_t>(score.size())))
          .add("deviance", deviance)
          .add("pearson", pearson)
          .add("weight", weight)
          .add("strata", strata)
          .add("invalid", invalid)
          .take();
    }
  };
  [[nodiscard]] static Eigen::Map<const Eigen::VectorXd> as_column(
      const std::vector<double>& values) noexcept {
    return {values.data(), static_cast<Eigen::Index>(values.size())};
  }

  [[nodiscard]] static Accumulated sums(const Prepared& prepared, const Broadcast& broadcast) {
    const GlmPlan& model = broadcast.plan.model;
    const GlmLink link = link_of(model.family, model.link);
    const bool null = broadcast.question == GlmQuestion::null_step;
    const bool stratified = model.stratify_by_site && !null;
    const auto beta = as_column(broadcast.coefficients);
    const Eigen::Index rows = prepared.y.size();
    Accumulated sums(beta.size());
    Eigen::VectorXd eta = prepared.offset;
    if (null) {
      eta.array() += beta[0];
    } else if (!stratified) {
      // below, block by block
    } else {
      if (rows > 0) sums.strata = 1;
      if (!detail::has_best_intercept(model.family, prepared.y)) return sums;
      eta.noalias() += prepared.z.transpose() * beta;
      const std::optional<double> intercept = detail::best_intercept(model.family, link, prepared.y, eta);
      if (!intercept) {
        sums.invalid = static_cast<double>(rows);
        return sums;
      }
      eta.array() += *intercept;
    }
    const Eigen::MatrixXd ones =
        null ? Eigen::MatrixXd::Ones(1, detail::WeightedGram::block) : Eigen::MatrixXd();
    Eigen::VectorXd weights(detail::WeightedGram::block), scores(weights.size());
    Eigen::VectorXd crossed = Eigen::VectorXd::Zero(beta.size());  // Z^T w
    double total_score = 0;
    for (Eigen::Index first = 0; first < rows; first += detail::WeightedGram::block) {
      const Eigen::Index size = (std::min)(detail::WeightedGram::block, rows - first);
      const auto z = null ? Eigen::Ref<const Eigen::MatrixXd>(ones.leftCols(size))
                          : Eigen::Ref<const Eigen::MatrixXd>(prepared.z.middleCols(first, size));
      if (!null && !stratified) eta.segment(first, size).noalias() += z.transpose() * beta;
      for (Eigen::Index i = 0; i < size; ++i) {
        const double y = prepared.y[first + i];
        double predictor = eta[first + i];
        if (broadcast.question == GlmQuestion::begin)
          predictor = detail::link_function(link, detail::mean_near(model.family, y));
        detail::GlmRow row;
        if (!detail::glm_row(model.family, link, y, predictor, row)) {
          ++sums.invalid;
          row = {};
        }
        weights[i] = row.weight;
        scores[i] = row.score;
        if (broadcast.question == GlmQuestion::begin) scores[i] += row.weight * (predictor - eta[first + i]);
        sums.deviance += row.deviance;
        sums.pearson += row.pearson;
        sums.weight += row.weight;
        total_score += scores[i];
      }
      sums.gram.add(z, weights.head(size), scores.head(size));
      if (stratified) crossed.noalias() += z * weights.head(size);
    }
    if (sums.invalid > 0) {
      const double invalid = sums.invalid;
      sums = Accumulated(beta.size());
      sums.invalid = invalid;
      return sums;
    }
    if (model.family == GlmFamily::binomial || model.family == GlmFamily::poisson) sums.pearson = 0;
    if (stratified) {
      if (rows == 1) {  // which its intercept fits, whatever the coefficients are
        sums.gram = detail::WeightedGram(beta.size());
        sums.deviance = sums.pearson = 0;
      } else {
        sums.gram.gram() -= crossed * crossed.transpose() / sums.weight;
        sums.gram.score() -= crossed * (total_score / sums.weight);
      }
    }
    return sums;
  }
};
static_assert(Statistic<GlmStep>);

}  // namespace healthai
