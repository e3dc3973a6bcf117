#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/core/finite.hpp"
#include "healthai/data/table.hpp"
#include "healthai/statistics/cohort.hpp"
#include "healthai/statistics/covariates.hpp"
#include "healthai/statistics/detail/patient_cells.hpp"
#include "healthai/statistics/disclosure.hpp"
#include "healthai/statistics/glm_family.hpp"
#include "healthai/statistics/public_bounds.hpp"

namespace healthai {

/// Which generalised linear model is to be fitted: the same question to every hospital. Rows that miss a value in any of its columns are left
/// out, as R does.
///
///     GlmPlan plan;
///     plan.response = "died";
///     plan.covariates = parse_covariates("age,sex,C(ward)");
///     plan.family = GlmFamily::binomial;
///
/// **The hospital as covariate:** write the column that names it as `C(hospital)`, as any other. **As stratum** (`stratify_by_site`): each
/// hospital has an intercept of its own, the same model, but the intercepts are fitted at the hospitals and never leave
/// them: a step's sums are those of the likelihood with the intercept at its best (profile likelihood), from which coefficients, standard
/// errors and deviance are those of a fit with a covariate for the hospital. A hospital whose intercept has no best value, as nobody or
/// everybody there has the event, tells nothing of the coefficients and adds nothing but its rows.
///
/// **Ridge penalty** `l2`: minimised is deviance / 2 + l2 / 2 times the sum of the squares of the coefficients, without the intercept. For
/// logistic regression the deviance / 2 is the sum of log losses (scikit-learn: C = 1 / l2), for gaussian half the sum of squares, so that the
/// same minimum is had from |y - Xb|^2 + l2 |b|^2. By default coefficients are penalised per population standard deviation (that with
/// the number of rows as denominator) of their column in the model matrix, over all hospitals; results are still in the units of the data.
///
/// Columns are standardised for the arithmetic in any case, from means and standard deviations over all hospitals; so units do not
/// matter.
struct GlmPlan {
  Cohort cohort{};
  std::string response{};
  std::vector<Covariate> covariates{};
  GlmFamily family = GlmFamily::gaussian;
  GlmLink link = GlmLink::canonical;
  std::string
      offset{};  ///< a column that is added to the linear predictor, such as the log of the time under observation; empty: none
  bool intercept = true;
  bool stratify_by_site =
      false;  ///< instead of one intercept; for identity (gaussian), logit, probit and log (poisson, gamma)
  double l2 = 0;                      ///< of the ridge penalty
  bool penalise_standardised = true;  ///< false: the penalty is on coefficients in the units of the data
  /// Results are for (x - mean) / sd instead of x, for each column of the model matrix, with population means and standard
  /// deviations over all hospitals; without an intercept (and no strata) for x / root mean square.
  bool standardise = false;
  /// Of each column of numbers (covariates, offset, and a response that is not 0 or 1), and of the rows of a hospital. Needed for secure
  /// aggregation only, where the ranges of sums follow from them.
  PublicBounds bounds{};
  friend bool operator==(const GlmPlan&, const GlmPlan&) = default;

  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    auto family_number = static_cast<std::uint8_t>(family);
    auto link_number = static_cast<std::uint8_t>(link);
    archive& cohort& response& covariates& family_number& link_number& offset& intercept& stratify_by_site&
        l2& penalise_standardised& standardise& bounds;
    if (family_number > static_cast<std::uint8_t>(GlmFamily::gamma) ||
        link_number > static_cast<std::uint8_t>(GlmLink::probit)) {
      throw Error(error::archive_corrupt, "a regression has the unknown family " +
                                              std::to_string(family_number) + " or link " +
                                              std::to_string(link_number));
    }
    family = static_cast<GlmFamily>(family_number);
    link = static_cast<GlmLink>(link_number);
  }

  /// The columns that it reads.
  [[nodiscard]] std::vector<std::string> columns() const {
    std::vector<std::string> names = columns_of(covariates);
    names.push_back(response);
    if (!offset.empty()) names.push_back(offset);
    return names;
  }
  /// Those of numbers, of which masked answers need public bounds.
  [[nodiscard]] std::vector<std::string> bounded_columns() const {
    std::vector<std::string> names;
    for (const Covariate& covariate : covariates) {
      if (!covariate.categorical) names.push_back(covariate.column);
    }
    if (family != GlmFamily::binomial) names.push_back(response);
    if (!offset.empty()) names.push_back(offset);
    return names;
  }
  /// One intercept for all.
  [[nodiscard]] bool common_intercept() const noexcept { return intercept && !stratify_by_site; }
  /// The names of the coefficients, as R names them; the intercept first, "(Intercept)".
  [[nodiscard]] std::vector<std::string> terms() const {
    std::vector<std::string> names = term_names(covariates);
    if (common_intercept()) names.insert(names.begin(), "(Intercept)");
    return names;
  }
};

/// What a response of the family must be: "a number", "0 or 1", "a whole number of 0 or more", "a number above 0".
[[nodiscard]] inline std::string range_of(GlmFamily family) {
  constexpr const char* ranges[] = {"a number", "0 or 1", "a whole number of 0 or more", "a number above 0"};
  return ranges[static_cast<std::uint8_t>(family) & 3U];
}

namespace detail {

[[nodiscard]] inline bool in_range(GlmFamily family, double y) noexcept {
  if (!is_finite(y)) return false;
  if (family == GlmFamily::binomial) return y == 0 || y == 1;
  if (family == GlmFamily::poisson) return y >= 0 && y == std::floor(y);
  return family == GlmFamily::gaussian || y > 0;
}
[[nodiscard]] inline std::optional<std::size_t> first_out_of_range(GlmFamily family,
                                                                   std::span<const double> response) {
  const auto found =
      std::find_if_not(response.begin(), response.end(), [family](double y) { return in_range(family, y); });
  if (found == response.end()) return std::nullopt;
  return static_cast<std::size_t>(found - response.begin());
}

/// What is asked, whoever's rows it is asked of.
[[nodiscard]] inline Disclosure glm_question(const GlmPlan& plan) {
  Disclosure what;
  what.columns = plan.columns();
  for (const Covariate& covariate : plan.covariates) {
    if (covariate.categorical) what.levels[covariate.column] = covariate.levels;
  }
  tell_bounds(what, plan.bounds);
  return what;
}
/// The groups of patients that sums over the model's columns tell, its response's and its offset's among them.
[[nodiscard]] inline PatientGroups glm_groups(const GlmPlan& plan, const Table& rows,
                                              std::span<const double> response) {
  // Of these two families a fourth sum of the response leaves, that of its part of the likelihood.
  const bool fourth = plan.family == GlmFamily::poisson || plan.family == GlmFamily::gamma;
  PatientGroups groups =
      groups_of(rows, plan.covariates, response, PatientGroups::told_by_squares + (fourth ? 1 : 0));
  if (!plan.offset.empty())
    groups.add_if_few(complete_column(rows, plan.offset), PatientGroups::told_by_squares);
  return groups;
}
/// Bounds change nothing of whom an answer is about.
template <class Plan>
[[nodiscard]] Plan without_bounds(Plan plan) {
  plan.bounds = {};
  return plan;
}
/// In which units the columns of the model matrix travel, then the response and the offset, if there is one: categories as 0 and 1.
[[nodiscard]] inline std::vector<ColumnScale> glm_scales(const GlmPlan& plan) {
  std::vector<ColumnScale> scales;
  for (const Covariate& covariate : plan.covariates) {
    const std::size_t terms = term_names({covariate}).size();
    scales.insert(scales.end(), terms,
                  covariate.categorical ? ColumnScale{} : scale_of(plan.bounds, covariate.column));
  }
  scales.push_back(plan.family == GlmFamily::binomial ? ColumnScale{} : scale_of(plan.bounds, plan.response));
  if (!plan.offset.empty()) scales.push_back(scale_of(plan.bounds, plan.offset));
  return scales;
}

/// The response of complete rows. \throws Error (`invalid_data`) for one outside the family's range; the message may leave: it says no value
[[nodiscard]] inline std::span<const double> glm_response(const GlmPlan& plan, const Table& rows) {
  const std::span<const double> response = rows.numeric(plan.response);
  if (first_out_of_range(plan.family, response)) {
    throw Error(error::invalid_data, "the response " + detail::quoted(plan.response) + " of a " +
                                         std::string(name_of(plan.family)) + " regression must be " +
                                         range_of(plan.family) + " in every row, and here it is not");
  }
  return response;
}

/// \throws Error (`invalid_argument`) for a plan that nobody can answer
inline void require_possible(const GlmPlan& plan) {
  const GlmLink link = link_of(plan.family, plan.link);
  const auto fail = [](const std::string& why) {
    throw Error(error::invalid_argument, "a generalised linear model: " + why);
  };
  if (plan.response.empty()) fail("expected the column of the response, got no name");
  if (!(plan.l2 >= 0) || !is_finite(plan.l2)) fail("the ridge penalty l2 must be 0 or more");
  for (std::size_t i = 0; i < plan.covariates.size(); ++i) {
    const std::string& column = plan.covariates[i].column;
    if (column == plan.response)
      fail("the response " + detail::quoted(column) + " is among its own covariates");
    for (std::size_t j = 0; j < i; ++j) {
      if (plan.covariates[j].column == column)
        fail("the covariate " + detail::quoted(column) + " is named twice");
    }
  }
  if (plan.stratify_by_site &&
      (link == GlmLink::inverse || (link == GlmLink::identity && plan.family != GlmFamily::gaussian) ||
       (link == GlmLink::log && plan.family != GlmFamily::poisson && plan.family != GlmFamily::gamma)))
    fail(
        "an intercept of its own for each hospital is possible with the links identity (gaussian), logit, "
        "probit and log "
        "(poisson, gamma), in which every value of it is allowed");
}

}  // namespace detail

/// For a hospital, at home: where the response is outside the family's range, naming file, line and value; what leaves the hospital names
/// none of them. \param rows  those of the cohort. \return nothing if all is well. \throws Error (`unknown_name`, `csv`) as Table::numeric
[[nodiscard]] inline std::optional<std::string> glm_response_problem(const Table& rows, const GlmPlan& plan) {
  const std::span<const double> response = rows.numeric(plan.response);
  for (const std::size_t row : rows.complete_rows(plan.columns())) {
    if (!detail::in_range(plan.family, response[row]))
      return rows.where(row, plan.response) + ": expected " + range_of(plan.family) + ", got " +
             detail::plain_number(response[row]);
  }
  return std::nullopt;
}

}  // namespace healthai
