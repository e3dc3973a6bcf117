// What attackers achieve against each aggregation rule: the tables of docs/robustness.md.
//
// 20 clients of which 4 are an attacker's. Each honest client pulls the model half-way to an optimum of its own; these
// optima lie around a common one, and what a client computes is noisy besides, as with mini-batches.
#include <boost/random/normal_distribution.hpp>
#include <cmath>
#include <cstdio>
#include <healthai/aggregation/bulyan.hpp>
#include <healthai/aggregation/centered_clipping.hpp>
#include <healthai/aggregation/geometric_median.hpp>
#include <healthai/aggregation/krum.hpp>
#include <healthai/aggregation/mean_of_closest.hpp>
#include <healthai/aggregation/median.hpp>
#include <healthai/aggregation/norm_bounded_mean.hpp>
#include <healthai/aggregation/trimmed_mean.hpp>
#include <healthai/aggregation/weighted_mean.hpp>
#include <healthai/simulation/detail/poison.hpp>
#include <vector>

using namespace healthai;

constexpr std::size_t clients = 20, attackers = 4, size = 1000, rounds = 100;
constexpr double spread = 1,
                 noise = 1;  // standard deviations a coordinate: of the optima, of what is computed

/// How far the model ends from the mean of the honest optima, in units of the typical distance of one of them.
template <class Rule>
double distance_after(const Rule& rule, const Attack* attack) {
  const Layout layout{{"w", {size}}};
  boost::random::normal_distribution<double> normal;
  std::vector<Parameters<double>> optima(clients, Parameters<double>(layout));
  Parameters<double> goal(layout), model(layout);
  for (std::size_t k = 0; k < clients; ++k) {
    Stream random(1, Purpose::simulation, 0, std::to_string(k));
    for (double& value : optima[k].span()) value = 3 + spread * normal(random);
    if (k >= attackers) goal.flat() += optima[k].flat() / static_cast<double>(clients - attackers);
  }
  for (std::size_t round = 1; round <= rounds; ++round) {
    std::vector<Parameters<double>> updates;
    for (std::size_t k = 0; k < clients; ++k) {
      Stream random(1, Purpose::simulation, round, std::to_string(k));
      updates.push_back(optima[k]);
      updates[k].flat() = 0.5 * (updates[k].flat() - model.flat());
      for (double& value : updates[k].span()) value += noise * normal(random);
    }
    if (attack != nullptr) {
      // Inner product manipulation knows the honest updates; a little is enough, those of the attackers only.
      const auto* inner = std::get_if<InnerProductManipulation>(attack);
      const auto* little = std::get_if<ALittleIsEnough>(attack);
      std::vector<const Parameters<double>*> known;
      for (std::size_t k = little ? 0 : attackers; k < (little ? attackers : clients); ++k)
        known.push_back(&updates[k]);
      const double z = little ? little->z.value_or(ALittleIsEnough::largest_z(clients, attackers)) : 0;
      const auto together = detail::mean_less_deviations<double>(known, inner ? -inner->epsilon : 1.0, z);
      for (std::size_t k = 0; k < attackers; ++k) {
        if (detail::needs_others(*attack)) updates[k] = together;
        detail::poison_own(*attack, updates[k], Stream(1, Purpose::simulation, round, "attacker"));
      }
    }
    auto state = rule.template begin<double>(layout);
    for (auto& update : updates) state.add(Update<double>{std::move(update), 1});
    model.flat() += state.finish().flat();
    if (!(norm(model) < 1e9)) break;
  }
  model.flat() -= goal.flat();
  return norm(model) / std::sqrt(size * spread * spread);
}

template <class Rule>
void row(const char* text, const Rule& rule) {
  std::printf("| `%s` |", text);
  const Attack attacks[] = {
      SignFlip{5},       GaussianNoise{30},   InnerProductManipulation{0.5}, InnerProductManipulation{5},
      ALittleIsEnough{}, ALittleIsEnough{1.5}};
  const auto print = [&](const Attack* attack) {
    const double away = distance_after(rule, attack);
    away < 100 ? std::printf(" %.2f |", away) : std::printf(" diverges |");
  };
  print(nullptr);
  for (const Attack& attack : attacks) print(&attack);
  std::printf("\n");
}

int main() {
  std::puts("| rule | no attack | sign flip | noise | inner 0.5 | inner 5 | little | little 1.5 |");
  std::puts("| --- | --- | --- | --- | --- | --- | --- | --- |");
  row("WeightedMean", WeightedMean{});
  row("Median", Median{});
  row("TrimmedMean{.trim = 0.2}", TrimmedMean{.trim = 0.2});
  row("MeanOfClosest{.count = 16}", MeanOfClosest{.count = 16});
  row("Krum{.malicious = 4}", Krum{.malicious = 4});
  row("MultiKrum{.malicious = 4, .keep = 16}", MultiKrum{.malicious = 4, .keep = 16});
  row("Bulyan{.malicious = 4}", Bulyan{.malicious = 4});
  row("GeometricMedian", GeometricMedian{});
  row("CenteredClipping{.radius = 40}", CenteredClipping{.radius = 40});
  row("NormBoundedMean{.bound = 40}", NormBoundedMean{.bound = 40});
}
