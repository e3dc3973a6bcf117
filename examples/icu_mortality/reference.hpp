#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <span>

namespace icu {

/// What an independent program (NumPy 1.24, gradients written out by hand) gets for the same protocol: full batches, a
/// learning rate of 0.5, zeros to start from, an L2 penalty of 1 in all. The intercept, then the standardised covariates.
struct Reference {
  int rounds;
  int local_steps;
  double mu;
  double area;  ///< under the ROC curve, over the test patients of all networks
  std::array<double, 7> coefficients;
};

inline constexpr std::array<Reference, 3> references{{
    {100,
     5,
     0,
     0.7265837104072398,
     {-1.472518188555326, 0.3496913955576446, 0.4498390834041755, -0.08899076657395796, 0.03902170226649568,
      -0.24594347903904715, -0.18007884330495644}},
    {200,
     10,
     0,
     0.7266214177978884,
     {-1.476705062043478, 0.3502577163531659, 0.45366087716197034, -0.08847790631713683, 0.03994032155981556,
      -0.24638433448401015, -0.1835976827772317}},
    {200,
     10,
     0.1,
     0.7265837104072398,
     {-1.475586309022057, 0.3500468627500007, 0.45307291554661483, -0.08843684450489078, 0.03976012309402799,
      -0.24609998107282846, -0.1830499105558948}},
}};

/// The reference run of that protocol, if there is one.
inline const Reference* find_reference(int rounds, int local_steps, double mu) {
  for (const Reference& reference : references) {
    if (reference.rounds == rounds && reference.local_steps == local_steps && reference.mu == mu)
      return &reference;
  }
  return nullptr;
}

/// The largest difference between coefficients and those of the reference.
inline double largest_difference(const Reference& reference, double intercept,
                                 std::span<const double> coefficients) {
  double largest = std::fabs(intercept - reference.coefficients[0]);
  for (std::size_t j = 0; j < coefficients.size(); ++j) {
    largest = std::fmax(largest, std::fabs(coefficients[j] - reference.coefficients[j + 1]));
  }
  return largest;
}

}  // namespace icu
