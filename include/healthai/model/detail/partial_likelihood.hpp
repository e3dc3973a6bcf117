#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <Eigen/Core>
#include <limits>
#include <span>
#include <vector>

#include "healthai/model/features.hpp"

namespace healthai {

/// What the Cox partial likelihood makes of events at the same time.
enum class Ties {
  breslow,  ///< each of the tied events sees all of them at risk (Breslow: Covariance analysis of censored data, 1974)
  efron  ///< the k-th of d tied events sees (d - k) / d of each of them at risk (Efron: The efficiency of Cox's
         ///< likelihood function for censored data, 1977); closer to the exact likelihood, and R's default
};

namespace detail {

/// Rows that share a time, among rows sorted by descending time and, within a time, with the events last.
struct TieGroup {
  std::size_t begin;   ///< the first of them
  std::size_t events;  ///< the first event among them
  std::size_t end;     ///< one past the last
};

/// What a sweep from the latest time to the earliest knows at a group; sums and hazards are in units of exp(scale).
struct TieHazard {
  double scale = 0;  ///< the largest eta so far
  double for_later =
      0;  ///< the hazard that rows with a later time, or censored at this one, have lived through
  double for_events = 0;  ///< the part of it that counts for the group's own events
};

/// Splits rows into groups. `time(i)` and `event(i)` describe the i-th of `count` rows, sorted as TieGroup says.
template <class Time, class Event>
void make_tie_groups(std::size_t count, const Time& time, const Event& event, std::vector<TieGroup>& groups) {
  groups.clear();
  for (std::size_t begin = 0; begin < count;) {
    std::size_t events = begin;
    while (events < count && time(events) == time(begin) && !event(events)) ++events;
    std::size_t end = events;
    while (end < count && time(end) == time(begin)) ++end;
    groups.push_back({begin, events, end});
    begin = end;
  }
}

/// The share of tied events that the k-th of `tied` still sees at risk.
[[nodiscard]] inline double share_at_risk(Ties ties, std::size_t k, std::size_t tied) noexcept {
  return ties == Ties::efron ? static_cast<double>(tied - k) / static_cast<double>(tied) : 1.0;
}

/// The log partial likelihood of rows with linear predictors `eta`, in one pass over them. Sums over risk sets are kept
/// relative to the largest eta seen so far, so that neither they nor their logarithms overflow or vanish, whatever the
/// predictors. Events add (eta - scale) and subtract the log of a sum of order one: large terms never cancel.
/// \param[out] weights  of each row exp(eta - scale), with the scale of its group: with `hazards`, one per group, for the functions below
[[nodiscard]] inline double log_partial_likelihood(std::span<const TieGroup> groups, Ties ties,
                                                   const double* eta, double* weights,
                                                   std::span<TieHazard> hazards) {
  double total = 0;
  double scale = -std::numeric_limits<double>::infinity();
  double at_risk = 0;  // sum of exp(eta - scale) over the rows of the groups so far
  for (std::size_t g = 0; g < groups.size(); ++g) {
    const TieGroup& group = groups[g];
    const double largest = *std::max_element(eta + group.begin, eta + group.end);
    if (!(largest <= scale)) {
      at_risk *= std::exp(scale - largest);
      scale = largest;
    }
    for (std::size_t i = group.begin; i < group.events; ++i) {
      weights[i] = std::exp(eta[i] - scale);
      at_risk += weights[i];
    }
    TieHazard& hazard = hazards[g];
    hazard = {scale, 0, 0};
    const std::size_t tied = group.end - group.events;
    if (tied == 0) continue;
    double dying = 0;
    for (std::size_t i = group.events; i < group.end; ++i) {
      weights[i] = std::exp(eta[i] - scale);
      dying += weights[i];
      total += eta[i] - scale;
    }
    const double log_sum = std::log(at_risk + dying);
    for (std::size_t k = 0; k < tied; ++k) {
      const double share = share_at_risk(ties, k, tied);
      const double sum = at_risk + share * dying;
      total -= share == 1 ? log_sum : std::log(sum);
      hazard.for_later += 1 / sum;
      hazard.for_events += share / sum;
    }
    at_risk += dying;
  }
  return total;
}

/// The derivative of the log partial likelihood in each linear predictor (the martingale residual: event minus expected
/// events), in one pass from the earliest time to the latest. `weights` and `hazards` come from `log_partial_likelihood`.
inline void partial_likelihood_residuals(std::span<const TieGroup> groups, const double* weights,
                                         std::span<const TieHazard> hazards, double* residuals) {
  double hazard = 0;  // cumulative, in units of 1 / exp(scale); 0 only before the first event
  double scale = 0;   // of the group before: it becomes smaller, so that the hazard does not overflow
  for (std::size_t g = groups.size(); g-- > 0;) {
    const TieGroup& group = groups[g];
    if (hazard != 0 && hazards[g].scale != scale) hazard *= std::exp(hazards[g].scale - scale);
    scale = hazards[g].scale;
    const double before = hazard;
    hazard += hazards[g].for_later;
    for (std::size_t i = group.begin; i < group.events; ++i)
      residuals[i] = hazard == 0 ? 0.0 : -weights[i] * hazard;
    for (std::size_t i = group.events; i < group.end; ++i)
      residuals[i] = 1 - weights[i] * (before + hazards[g].for_events);
  }
}

/// Minus the Hessian of the log partial likelihood in the coefficients, row-major: for each event the covariance of the
/// features over its risk set, weighted by exp(eta). `x` holds the rows' features; centre them, or digits are lost.
///
/// Summed over events, the second moments are those of all rows weighted by their expected events, event - residual (see
/// `partial_likelihood_residuals`): one matrix product. What is left to one sweep over risk sets is their means.
template <class Scalar>
[[nodiscard]] FeatureMatrix<Scalar> partial_likelihood_information(std::span<const TieGroup> groups,
                                                                   Ties ties, const double* weights,
                                                                   std::span<const TieHazard> hazards,
                                                                   const double* residuals,
                                                                   const FeatureMatrix<Scalar>& x) {
  using Row = Eigen::Matrix<Scalar, 1, Eigen::Dynamic>;
  constexpr Eigen::Index block = 128;  // rows of a product: a few pages, which stay in cache
  const Eigen::Index columns = x.cols();
  FeatureMatrix<Scalar> information = FeatureMatrix<Scalar>::Zero(columns, columns);
  FeatureMatrix<Scalar> rows(block, columns);
  Eigen::Index filled = 0;
  const auto flush = [&](double sign) {
    information.template selfadjointView<Eigen::Lower>().rankUpdate(rows.topRows(filled).transpose(), sign);
    filled = 0;
  };
  for (const TieGroup& group : groups) {
    for (std::size_t i = group.begin; i < group.end; ++i) {
      const double expected = (i < group.events ? 0.0 : 1.0) - residuals[i];
      if (!(expected > 0)) continue;  // not at risk at any event, or by rounding
      rows.row(filled++) = std::sqrt(expected) * x.row(static_cast<Eigen::Index>(i));
      if (filled == block) flush(1);
    }
  }
  flush(1);

  Row at_risk = Row::Zero(columns);  // sums of exp(eta - scale) x
  Row dying = Row::Zero(columns);
  double sum = 0;  // of exp(eta - scale)
  double scale = -std::numeric_limits<double>::infinity();
  for (std::size_t g = 0; g < groups.size(); ++g) {
    const TieGroup& group = groups[g];
    if (hazards[g].scale != scale) {
      const double factor = std::exp(scale - hazards[g].scale);
      at_risk *= factor;
      sum *= factor;
      scale = hazards[g].scale;
    }
    for (std::size_t i = group.begin; i < group.events; ++i) {
      sum += weights[i];
      at_risk += weights[i] * x.row(static_cast<Eigen::Index>(i));
    }
    const std::size_t tied = group.end - group.events;
    if (tied == 0) continue;
    if (tied == 1) {  // as most are: it sees itself at risk, whatever becomes of ties
      sum += weights[group.events];
      at_risk += weights[group.events] * x.row(static_cast<Eigen::Index>(group.events));
      rows.row(filled++) = (1 / sum) * at_risk;
      if (filled == block) flush(-1);
      continue;
    }
    double sum_dying = 0;
    dying.setZero();
    for (std::size_t i = group.events; i < group.end; ++i) {
      sum_dying += weights[i];
      dying += weights[i] * x.row(static_cast<Eigen::Index>(i));
    }
    for (std::size_t k = 0; k < tied; ++k) {
      const double share = share_at_risk(ties, k, tied);
      rows.row(filled++) = (at_risk + share * dying) / (sum + share * sum_dying);
      if (filled == block) flush(-1);
    }
    sum += sum_dying;
    at_risk += dying;
  }
  flush(-1);
  information.template triangularView<Eigen::StrictlyUpper>() = information.transpose();
  return information;
}

}  // namespace detail
}  // namespace healthai
