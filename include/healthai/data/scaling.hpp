#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/core/finite.hpp"
#include "healthai/data/column_moments.hpp"
#include "healthai/data/design_matrix.hpp"
#include "healthai/data/detail/text.hpp"

namespace healthai {

/// A linear predictor: intercept + sum over j of coefficients[j] * x[j].
struct LinearPredictor {
  std::vector<double> coefficients{};
  double intercept = 0;
  friend bool operator==(const LinearPredictor&, const LinearPredictor&) = default;
};

/// How to standardise covariates, z = (x - mean) / sd, with the mean and the standard deviation of all sites
/// together.
///
/// Every site must use the same scaling: standardised by its own numbers, each site would take the differences
/// between the sites out of its data, and the same coefficient would mean something else everywhere. The three
/// sums of `ColumnMoments` suffice to build it. The standard deviation is that of the population (divisor n):
/// d = sum / n, mean = shift + d, sd = sqrt(sum_of_squares / n - d^2).
///
///     ColumnMomentsBroadcast request{{"age", "sex"}};
///     ColumnMomentsReply total;
///     for (const Site& site : sites) add_moments(total, column_moments(site.table, request), site.name);
///     const Scaling scaling = Scaling::from_moments(request, total);
///     const DesignMatrix z = scaling.apply(design_matrix(sites[0].table, scaling.names));
///
/// A value; reading is safe from any thread.
struct Scaling {
  std::vector<std::string> names{};
  std::vector<double> mean{};  ///< one a name, in the covariate's unit
  std::vector<double> sd{};    ///< one a name, in the covariate's unit; > 0

  /// The scaling from the answers of all sites, added up.
  ///
  /// A covariate counts as constant when its standard deviation is below 1e-6 of the distance between its mean
  /// and the shift, or below 1e-14 of its mean: that much may be rounding.
  /// \throws Error (`invalid_data`) naming a covariate that is constant, or if there are no rows;
  /// (`invalid_reply`) if `total` does not answer `request`.
  [[nodiscard]] static Scaling from_moments(const ColumnMomentsBroadcast& request,
                                            const ColumnMomentsReply& total) {
    Scaling scaling{request.names, recentred(request, total).shift, {}};
    for (std::size_t j = 0; j < scaling.names.size(); ++j) {
      const double second_moment = total.sum_of_squares[j] / total.n;
      const double d = total.sum[j] / total.n;
      const double variance = second_moment - d * d;
      const double negligible = 1e-14 * std::abs(scaling.mean[j]);
      if (!(variance > 1e-12 * second_moment) || std::sqrt(variance) <= negligible) {
        throw Error(error::invalid_data,
                    "covariate " + detail::quoted(scaling.names[j]) +
                        ": expected values that differ, but over all sites together it is constant (about " +
                        detail::rounded_number(scaling.mean[j]) + " in " + detail::plain_number(total.n) +
                        (total.n == 1 ? " row" : " rows") + "); leave it out" +
                        (std::abs(d) > 1e-6 * std::abs(scaling.mean[j])
                             ? ", or ask again about its mean (recentred) if it varies a little"
                             : ""));
      }
      scaling.sd.push_back(std::sqrt(variance));
    }
    return scaling;
  }

  /// The standardised covariates. Takes the matrix by value: move it in to reuse its memory.
  /// \throws Error (`invalid_argument`) if the columns are not `names`, in that order, or the scaling itself is
  /// broken.
  [[nodiscard]] DesignMatrix apply(DesignMatrix x) const {
    require_usable();
    if (x.names != names) {
      throw Error(error::invalid_argument, "this scaling is for the columns " + detail::quoted_list(names) +
                                               ", but the matrix has " + detail::quoted_list(x.names));
    }
    for (std::size_t i = 0; i < x.rows; ++i) {
      for (std::size_t j = 0; j < x.cols; ++j) {
        double& value = x.values[i * x.cols + j];
        value = (value - mean[j]) / sd[j];
      }
    }
    return x;
  }

  /// Turns coefficients of standardised covariates into those of the data's own units: beta[j] = gamma[j] /
  /// sd[j]. For a model without an intercept, such as Cox's. \throws Error (`invalid_argument`) unless there is
  /// one coefficient a name.
  [[nodiscard]] std::vector<double> to_original(std::span<const double> standardised) const {
    return to_original(standardised, 0.0).coefficients;
  }
  /// The same with an intercept: alpha - sum over j of beta[j] * mean[j].
  [[nodiscard]] LinearPredictor to_original(std::span<const double> standardised, double intercept) const {
    require_coefficients(standardised);
    LinearPredictor original{{}, intercept};
    for (std::size_t j = 0; j < names.size(); ++j) {
      original.coefficients.push_back(standardised[j] / sd[j]);
      original.intercept -= original.coefficients[j] * mean[j];
    }
    return original;
  }
  /// The inverse of `to_original`: gamma[j] = beta[j] * sd[j].
  [[nodiscard]] std::vector<double> to_standardised(std::span<const double> original) const {
    return to_standardised(original, 0.0).coefficients;
  }
  /// The same with an intercept: the original one + sum over j of beta[j] * mean[j].
  [[nodiscard]] LinearPredictor to_standardised(std::span<const double> original, double intercept) const {
    require_coefficients(original);
    LinearPredictor standardised{{}, intercept};
    for (std::size_t j = 0; j < names.size(); ++j) {
      standardised.coefficients.push_back(original[j] * sd[j]);
      standardised.intercept += original[j] * mean[j];
    }
    return standardised;
  }

  friend bool operator==(const Scaling&, const Scaling&) = default;
  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& names& mean& sd;
  }

 private:
  void require_usable() const {
    const bool positive = std::all_of(sd.begin(), sd.end(), [](double s) { return is_finite(s) && s > 0; });
    if (mean.size() != names.size() || sd.size() != names.size() || !positive ||
        !all_finite(std::span<const double>(mean))) {
      throw Error(error::invalid_argument,
                  "Scaling: expected a finite mean and a positive standard deviation for each of " +
                      std::to_string(names.size()) +
                      " columns, got something else; build it with from_moments");
    }
  }
  void require_coefficients(std::span<const double> coefficients) const {
    require_usable();
    if (coefficients.size() != names.size()) {
      throw Error(error::invalid_argument, "this scaling is for the columns " + detail::quoted_list(names) +
                                               ": expected " + std::to_string(names.size()) +
                                               " coefficients, got " + std::to_string(coefficients.size()));
    }
  }
};

}  // namespace healthai
