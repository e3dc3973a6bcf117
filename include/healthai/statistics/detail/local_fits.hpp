#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "healthai/core/client_id.hpp"
#include "healthai/core/error.hpp"
#include "healthai/core/failure.hpp"
#include "healthai/core/finite.hpp"
#include "healthai/data/detail/text.hpp"
#include "healthai/statistics/disclosure.hpp"
#include "healthai/statistics/meta_analysis.hpp"

/// \file
/// What the meta-analyses of hospitals' own fits have in common, whichever regression it is: `All` has terms, combined, fits and
/// without_a_fit; `Reply` has rows, events, coefficients, standard_errors and problem.

namespace healthai::detail {

/// At the hospital: a fit with a problem has no numbers, and under rules its problem says nothing of the data.
template <class Reply>
void conclude_local_fit(Reply& reply, const DisclosureRules& rules) {
  if (reply.problem.empty()) return;
  reply.coefficients.clear();
  reply.standard_errors.clear();
  if (rules.enforced) reply.problem = "its own rows do not support a fit of their own";
}
template <class Reply>
[[nodiscard]] std::size_t bytes_of_local_fit(const Reply& reply) noexcept {
  return 2 * sizeof(std::uint64_t) + 2 * reply.coefficients.size() * sizeof(double) + reply.problem.size();
}

/// Puts a hospital's own fit with the others, or names it among those that have none.
/// \throws Error (`invalid_reply`) for a fit with other numbers than asked for
template <class All, class Reply>
void take_local_fit(All& all, const ClientId& site, Reply&& reply) {
  if (!reply.problem.empty()) {
    all.without_a_fit.push_back({site, std::string(error::invalid_data.name()), escaped(reply.problem)});
    return;
  }
  bool sound =
      reply.coefficients.size() == all.terms.size() && reply.standard_errors.size() == all.terms.size();
  for (std::size_t i = 0; sound && i < all.terms.size(); ++i)
    sound = is_finite(reply.coefficients[i]) && is_finite(reply.standard_errors[i]) &&
            reply.standard_errors[i] > 0;
  if (!sound) {
    throw Error(error::invalid_reply, "client " + site.str() + " sent a fit that is not " +
                                          std::to_string(all.terms.size()) +
                                          " finite coefficients with positive standard errors");
  }
  all.fits.push_back({site, static_cast<std::size_t>(reply.rows), static_cast<std::size_t>(reply.events),
                      std::move(reply.coefficients), std::move(reply.standard_errors)});
}

/// Combines each coefficient. \param kind  of the fits, as in "a Cox fit"
/// \throws Error (`invalid_data`) when no hospital has one, saying why
template <class All>
void combine_local_fits(All& all, const std::string& kind) {
  if (all.fits.empty()) {
    std::string text = "no hospital has " + kind + " of its own rows to combine";
    for (const Failure& failure : all.without_a_fit)
      text += "; client " + failure.client.str() + ": " + failure.message;
    throw Error(error::invalid_data, text);
  }
  for (std::size_t term = 0; term < all.terms.size(); ++term) {
    std::vector<double> estimates, errors;
    for (const auto& fit : all.fits) {
      estimates.push_back(fit.coefficients[term]);
      errors.push_back(fit.standard_errors[term]);
    }
    all.combined.push_back(meta_analysis(estimates, errors));
  }
}

}  // namespace healthai::detail
