#pragma once

#include <array>
#include <cstddef>
#include <random>
#include <vector>

// [existing code]
// What the hospital's team already has: ridge regression of the length of stay, fitted one coefficient at a time.
struct Stay {
  std::array<double, 3> features;  // 1, age, severity; standardised
  double days;
};
using Weights = std::array<double, 3>;

struct StayModel {
  std::vector<Stay> stays;
  double ridge = 0.01;

  // One pass: each weight in turn is set to the best value for what the others leave. A pull towards `anchor` is the
  // one thing that was added for FedProx.
  void sweep(Weights& w, const Weights& anchor, double pull) const {
    for (std::size_t j = 0; j < w.size(); ++j) {
      double xx = 0;
      double xr = 0;
      for (const Stay& stay : stays) {
        xx += stay.features[j] * stay.features[j];
        xr += stay.features[j] * (stay.days - predict(w, stay) + w[j] * stay.features[j]);
      }
      const auto n = static_cast<double>(stays.size());
      w[j] = (xr / n + pull * anchor[j]) / (xx / n + ridge + pull);
    }
  }
  static double predict(const Weights& w, const Stay& stay) {
    return w[0] * stay.features[0] + w[1] * stay.features[1] + w[2] * stay.features[2];
  }
};
// [/existing code]

// Stays that a hospital might have: it is the same relation everywhere, and another mix of patients.
inline StayModel simulated(unsigned seed, int patients, double older) {
  std::mt19937 bits(seed);
  const auto noise = [&bits] { return static_cast<double>(bits()) / 4294967296.0 - 0.5; };
  StayModel model;
  for (int i = 0; i < patients; ++i) {
    const double age = older + 3 * noise();
    const double severity = 0.4 * age + 2 * noise();
    model.stays.push_back({{1, age, severity}, 6 + 0.5 * age + 1.5 * severity + 2 * noise()});
  }
  return model;
}
