#pragma once

#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>

#include "healthai/core/error.hpp"
#include "healthai/core/finite.hpp"
#include "healthai/data/detail/text.hpp"

namespace healthai {

/// How a response is distributed around its mean mu: with variance 1, mu (1 - mu), mu and mu^2 times the dispersion, which is fitted for gaussian
/// and gamma, and 1 for the others (McCullagh, Nelder: Generalized Linear Models, 1989, table 2.1).
enum class GlmFamily : std::uint8_t {
  gaussian,  ///< any number: linear regression
  binomial,  ///< 0 or 1: logistic regression
  poisson,   ///< a count: 0, 1, 2, ...
  gamma      ///< above 0: lengths of stay, costs
};

/// Which function of the mean is linear in the covariates.
enum class GlmLink : std::uint8_t {
  canonical,  ///< of the family: identity, logit, log, inverse
  identity,
  log,
  logit,
  inverse,  ///< 1 / mu
  probit
};

/// "gaussian", "binomial", "poisson" or "gamma", as parse_family reads it.
[[nodiscard]] inline std::string_view name_of(GlmFamily family) noexcept {
  constexpr std::string_view names[] = {"gaussian", "binomial", "poisson", "gamma"};
  return names[static_cast<std::uint8_t>(family) & 3U];
}
/// "canonical", "identity", "log", "logit", "inverse" or "probit", as parse_link reads it.
[[nodiscard]] inline std::string_view name_of(GlmLink link) noexcept {
  constexpr std::string_view names[] = {"canonical", "identity", "log", "logit", "inverse", "probit"};
  const auto number = static_cast<std::uint8_t>(link);
  return number < 6 ? names[number] : "unknown";
}

/// By its name. \throws Error (`invalid_argument`) for another, naming them all
[[nodiscard]] inline GlmFamily parse_family(std::string_view text) {
  for (const GlmFamily family :
       {GlmFamily::gaussian, GlmFamily::binomial, GlmFamily::poisson, GlmFamily::gamma}) {
    if (text == name_of(family)) return family;
  }
  throw Error(error::invalid_argument,
              "expected a family: gaussian, binomial, poisson or gamma, got " + detail::quoted(text));
}
/// By its name. \throws Error (`invalid_argument`) for another, naming them all
[[nodiscard]] inline GlmLink parse_link(std::string_view text) {
  for (const GlmLink link : {GlmLink::canonical, GlmLink::identity, GlmLink::log, GlmLink::logit,
                             GlmLink::inverse, GlmLink::probit}) {
    if (text == name_of(link)) return link;
  }
  throw Error(
      error::invalid_argument,
      "expected a link: canonical, identity, log, logit, inverse or probit, got " + detail::quoted(text));
}

/// The link itself, where `link` may be canonical.
/// \throws Error (`invalid_argument`) for a link that the family does not have: gaussian has identity, log and inverse; binomial logit, probit,
/// log and identity; poisson log and identity; gamma inverse, identity and log
[[nodiscard]] inline GlmLink link_of(GlmFamily family, GlmLink link) {
  constexpr GlmLink canonical[] = {GlmLink::identity, GlmLink::logit, GlmLink::log, GlmLink::inverse};
  if (link == GlmLink::canonical) return canonical[static_cast<std::uint8_t>(family) & 3U];
  const bool of_chances = link == GlmLink::logit || link == GlmLink::probit;
  const bool possible = family == GlmFamily::binomial  ? link != GlmLink::inverse
                        : family == GlmFamily::poisson ? !of_chances && link != GlmLink::inverse
                                                       : !of_chances;
  if (!possible) {
    throw Error(error::invalid_argument, "a " + std::string(name_of(family)) + " regression has no " +
                                             std::string(name_of(link)) + " link");
  }
  return link;
}

namespace detail {

/// The linear predictor of a mean.
[[nodiscard]] inline double link_function(GlmLink link, double mean) noexcept {
  switch (link) {
    case GlmLink::log:
      return std::log(mean);
    case GlmLink::logit:
      return std::log(mean) - std::log1p(-mean);
    case GlmLink::inverse:
      return 1 / mean;
    case GlmLink::probit: {  // by Newton's method: it is a start, and called once
      double eta = 0;
      for (int i = 0; i < 50; ++i) {
        const double density = std::exp(-eta * eta / 2) * 0.3989422804014327;
        const double step = (mean - std::erfc(-eta * 0.7071067811865476) / 2) / density;
        eta += step < -1 ? -1 : step > 1 ? 1 : step;
      }
      return eta;
    }
    default:
      return mean;
  }
}

/// What one row adds to the sums of a step.
struct GlmRow {
  double weight = 0;    ///< (d mu / d eta)^2 / V(mu): expected information about eta, at dispersion 1
  double score = 0;     ///< (y - mu) (d mu / d eta) / V(mu): derivative of the log-likelihood
  double deviance = 0;  ///< as R's dev.resids, McCullagh, Nelder 1989, section 2.3.3
  double pearson = 0;   ///< (y - mu)^2 / V(mu)
};

/// A logistic row apart: exact where mu is nearly 0 or 1.
[[nodiscard]] inline GlmRow logistic_row(double y, double eta) noexcept {
  const double tail = std::exp(-std::fabs(eta));  // never above 1
  const double rare = tail / (1 + tail);          // the smaller of mu and 1 - mu
  GlmRow row;
  row.weight = tail / ((1 + tail) * (1 + tail));
  const bool expected = (y > 0.5) == (eta >= 0);
  const double miss = expected ? rare : 1 / (1 + tail);  // |y - mu|
  row.score = y > 0.5 ? miss : -miss;
  row.deviance = 2 * (std::log1p(tail) + (expected ? 0 : std::fabs(eta)));
  row.pearson = expected ? tail : 1 / tail;  // miss / (1 - miss)
  return row;
}

/// The row of a response and a linear predictor. \return whether there is a mean in the family's range, and all numbers are finite
[[nodiscard]] inline bool glm_row(GlmFamily family, GlmLink link, double y, double eta,
                                  GlmRow& row) noexcept {
  if (link == GlmLink::logit) {
    row = logistic_row(y, eta);
    return is_finite(eta);
  }
  double mu = eta;
  double rest = 1 - mu;  // 1 - mu, of a chance
  double slope = 1;      // d mu / d eta
  double variance = 1;
  if (link == GlmLink::log) {
    mu = slope = std::exp(eta);
    rest = -std::expm1(eta);
  } else if (link == GlmLink::inverse) {
    mu = 1 / eta;
    slope = -mu * mu;
  } else if (link == GlmLink::probit) {
    mu = std::erfc(-eta * 0.7071067811865476) / 2;
    rest = std::erfc(eta * 0.7071067811865476) / 2;
    slope = std::exp(-eta * eta / 2) * 0.3989422804014327;
  }
  switch (family) {
    case GlmFamily::gaussian:
      row.deviance = (y - mu) * (y - mu);
      break;
    case GlmFamily::binomial:
      if (!(mu > 0 && rest > 0)) return false;
      variance = mu * rest;
      row.deviance = -2 * std::log(y > 0.5 ? mu : rest);
      break;
    case GlmFamily::poisson:
      if (!(mu > 0)) return false;
      variance = mu;
      row.deviance = 2 * ((y > 0 ? y * std::log(y / mu) : 0) - (y - mu));
      break;
    case GlmFamily::gamma:
      if (!(mu > 0)) return false;
      variance = mu * mu;
      row.deviance = -2 * (std::log(y / mu) - (y - mu) / mu);
      break;
  }
  const double miss = family == GlmFamily::binomial ? (y > 0.5 ? rest : -mu) : y - mu;
  row.weight = slope / variance * slope;
  row.score = miss / variance * slope;
  row.pearson = miss / variance * miss;
  return is_finite(row.weight) && is_finite(row.score) && is_finite(row.deviance) && is_finite(row.pearson);
}

/// A mean in the family's range near a response: where iterations begin that have no better start, as R's.
[[nodiscard]] inline double mean_near(GlmFamily family, double y) noexcept {
  if (family == GlmFamily::binomial) return (y + 0.5) / 2;
  return family == GlmFamily::poisson ? y + 0.1 : y;
}

}  // namespace detail

}  // namespace healthai
