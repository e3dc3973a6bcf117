#pragma once

#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

namespace healthai {

/// Observed and expected events of each group and their covariance, weighted: what log-rank tests are made of, added up over strata.
struct LogRankMoments {
  std::vector<double> patients{};
  std::vector<double> observed{};
  std::vector<double> expected{};
  std::vector<double> variance{};  ///< groups x groups, row after row; of observed - expected

  LogRankMoments() = default;
  explicit LogRankMoments(std::size_t groups)
      : patients(groups), observed(groups), expected(groups), variance(groups * groups) {}
  [[nodiscard]] std::size_t groups() const noexcept { return patients.size(); }
};

/// Adds a stratum. At each time, r_g of group g are at risk, of all r, and d_g of all d have the event. Then
///
///     O_g += w d_g,   E_g += w d r_g / r,   V_gh += w^2 d (r - d) / (r - 1) * r_g / r * ([g = h] - r_h / r)
///
/// with the weight w = S^rho, S the Kaplan–Meier estimate of the whole stratum just before the time (Harrington, Fleming: A class of
/// rank test procedures for censored survival data, 1982; as in R's survdiff). rho = 0 is the log-rank test (Mantel: Evaluation of
/// survival data and two new rank order statistics arising in its consideration, 1966), rho = 1 the Peto and Peto modification of
/// the Gehan–Wilcoxon test.
///
/// \tparam Count     of events and censored of a group at a time: a number
/// \param patients  of each group in the stratum
/// \param events    and `censored`: of the first group at each time in ascending order, then of the next group
template <class Count>
void add_stratum(LogRankMoments& moments, std::span<const Count> patients, std::span<const Count> events,
                 std::span<const Count> censored, double rho) {
  const std::size_t groups = patients.size();
  const std::size_t times = events.size() / groups;
  std::vector<double> at_risk(groups);
  double all = 0;
  for (std::size_t g = 0; g < groups; ++g) {
    at_risk[g] = static_cast<double>(patients[g]);
    moments.patients[g] += at_risk[g];
    all += at_risk[g];
  }
  double survival = 1;
  for (std::size_t k = 0; k < times; ++k) {
    double died = 0;
    for (std::size_t g = 0; g < groups; ++g) died += static_cast<double>(events[g * times + k]);
    if (died > 0) {
      const double weight = rho == 0 ? 1 : std::pow(survival, rho);
      const double spread = all > 1 ? weight * weight * died * (all - died) / (all - 1) : 0;
      for (std::size_t g = 0; g < groups; ++g) {
        moments.observed[g] += weight * static_cast<double>(events[g * times + k]);
        moments.expected[g] += weight * died * at_risk[g] / all;
        for (std::size_t h = 0; h < groups; ++h) {
          // 1 - r_g / r as a fraction of whole numbers loses no digits.
          const double other = g == h ? all - at_risk[g] : -at_risk[h];
          moments.variance[g * groups + h] += spread * at_risk[g] * other / (all * all);
        }
      }
      survival *= (all - died) / all;
    }
    for (std::size_t g = 0; g < groups; ++g) {
      const double left =
          static_cast<double>(events[g * times + k]) + static_cast<double>(censored[g * times + k]);
      at_risk[g] -= left;
      all -= left;
    }
  }
}

}  // namespace healthai
