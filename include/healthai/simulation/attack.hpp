#pragma once

#include <algorithm>
#include <array>
#include <boost/math/distributions/normal.hpp>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "healthai/core/client_id.hpp"
#include "healthai/core/error.hpp"
#include "healthai/core/finite.hpp"
#include "healthai/core/number_text.hpp"
#include "healthai/core/random.hpp"
#include "healthai/simulation/detail/named_numbers.hpp"

namespace healthai {

/// The attacker trains as an honest client does and sends -scale times its update.
struct SignFlip {
  double scale = 1;  ///< > 0
};

/// The attacker adds independent normal noise to every number of its honest update.
struct GaussianNoise {
  double standard_deviation = 1;  ///< > 0, in the unit of the parameters
};

/// Every attacker sends -epsilon times the mean of the honest clients' updates, which it is taken to know (Xie,
/// Koyejo, Gupta: Fall of Empires: Breaking Byzantine-tolerant SGD by Inner Product Manipulation, 2020). A small
/// epsilon hides among honest updates, so that a robust rule may choose what attackers send; a plain mean over n
/// clients with f attackers shrinks to (n - f - epsilon f) / n of the honest mean, and points uphill where that is
/// negative.
struct InnerProductManipulation {
  double epsilon = 0.5;  ///< > 0
};

/// Every attacker sends mean - z standard deviation, coordinate by coordinate, of the updates that the attackers
/// computed honestly on their own data: they need not know anybody else's (Baruch, Baruch, Goldberg: A Little Is
/// Enough: Circumventing Defenses For Distributed Learning, 2019: its attack on convergence). The standard deviation
/// divides by the number of updates; a single attacker knows none and sends its honest update.
struct ALittleIsEnough {
  std::optional<double> z{};  ///< >= 0; none: `largest_z` for the clients asked in the round

  /// The largest z at which, were updates normally distributed, enough honest ones are expected to lie farther out than
  /// the attackers that these and the attackers are a majority: with s = floor(n / 2 + 1) - f, the normal quantile of
  /// (n - f - s) / (n - f), as in the paper (some programs divide by n instead). Where it is below 0 (f = 1 of
  /// 2), or there is no honest client, 0; a majority of attackers, which needs no help, counts as s = 1.
  /// \param clients n, attackers included. \param attackers f <= n
  [[nodiscard]] static double largest_z(std::size_t clients, std::size_t attackers) {
    const std::size_t honest = clients - attackers;
    const std::size_t majority = clients / 2 + 1;
    const std::size_t needed = majority > attackers ? majority - attackers : 1;
    if (needed >= honest) return 0;
    const double nearer = static_cast<double>(honest - needed) / static_cast<double>(honest);
    return (std::max)(0.0, boost::math::quantile(boost::math::normal_distribution<double>(), nearer));
  }
};

/// The attackers' data were poisoned before training (see `flip_labels`), so that what they send is what they computed.
struct LabelFlip {};

/// What attackers do.
using Attack = std::variant<SignFlip, GaussianNoise, InnerProductManipulation, ALittleIsEnough, LabelFlip>;

/// An attack, and by how many clients.
struct AttackPlan {
  Attack attack{};
  double share = 0.2;  ///< of all clients, in [0, 1]
};

/// \throws Error (`invalid_argument`) for a setting outside its range.
inline void validate(const Attack& attack) {
  const auto require = [](bool good, const char* what, double value) {
    if (is_finite(value) && good) return;
    throw Error(error::invalid_argument, std::string("attack: ") + what + ", but is " + number_text(value));
  };
  if (const auto* flip = std::get_if<SignFlip>(&attack)) {
    require(flip->scale > 0, "the scale of a sign flip must be positive", flip->scale);
  } else if (const auto* noise = std::get_if<GaussianNoise>(&attack)) {
    require(noise->standard_deviation > 0, "the standard deviation of noise must be positive",
            noise->standard_deviation);
  } else if (const auto* inner = std::get_if<InnerProductManipulation>(&attack)) {
    require(inner->epsilon > 0, "epsilon must be positive", inner->epsilon);
  } else if (const auto* little = std::get_if<ALittleIsEnough>(&attack); little != nullptr && little->z) {
    require(*little->z >= 0, "z must not be negative", *little->z);
  }
}

/// \throws Error (`invalid_argument`) for a setting outside its range.
inline void validate(const AttackPlan& plan) {
  validate(plan.attack);
  if (!is_finite(plan.share) || plan.share < 0 || plan.share > 1) {
    throw Error(error::invalid_argument,
                "attack: the share of attackers must be in [0, 1], but is " + number_text(plan.share));
  }
}

/// round(share * clients) of the clients at random, in the order of their ids. A larger share takes in those of a
/// smaller one.
/// \throws Error (`invalid_argument`) for a share outside [0, 1].
[[nodiscard]] inline std::vector<ClientId> choose_attackers(std::vector<ClientId> clients, double share,
                                                            std::uint64_t seed) {
  validate(AttackPlan{{}, share});
  std::vector<std::pair<std::uint64_t, ClientId>> drawn;
  for (ClientId& client : clients) {
    const std::uint64_t key = Stream(seed, Purpose::simulation, 0, "attacker/" + client.str())();
    drawn.emplace_back(key, std::move(client));
  }
  std::sort(drawn.begin(), drawn.end());
  const auto count = static_cast<std::size_t>(std::llround(share * static_cast<double>(drawn.size())));
  std::vector<ClientId> attackers;
  for (std::size_t i = 0; i < count; ++i) attackers.push_back(std::move(drawn[i].second));
  std::sort(attackers.begin(), attackers.end());
  return attackers;
}

/// The plan that a command line names, the share of attackers first: `sign_flip:0.2` or with its scale
/// `sign_flip:0.2:3`, `gaussian:0.2:1.5`, `inner_product:0.2:0.5`, `little:0.2` or with its z `little:0.2:1.5`,
/// `label_flip:0.2`.
/// \throws Error (`unknown_name`, `invalid_argument`) with a list of what is known, or for a setting outside its range.
[[nodiscard]] inline AttackPlan parse_attack(std::string_view text) {
  static constexpr std::array<detail::NamedForm, 5> forms{{
      {"sign_flip", "sign_flip:SHARE[:SCALE]", 1, 1},
      {"gaussian", "gaussian:SHARE[:STANDARD_DEVIATION]", 1, 1},
      {"inner_product", "inner_product:SHARE[:EPSILON]", 1, 1},
      {"little", "little:SHARE[:Z]", 1, 1},
      {"label_flip", "label_flip:SHARE", 1, 0},
  }};
  const detail::NamedNumbers parsed = detail::parse_named_numbers("attack", text, forms);
  AttackPlan plan;
  plan.share = parsed.numbers[0];
  if (parsed.name == "sign_flip") {
    plan.attack = SignFlip{parsed.number(1, SignFlip{}.scale)};
  } else if (parsed.name == "gaussian") {
    plan.attack = GaussianNoise{parsed.number(1, GaussianNoise{}.standard_deviation)};
  } else if (parsed.name == "inner_product") {
    plan.attack = InnerProductManipulation{parsed.number(1, InnerProductManipulation{}.epsilon)};
  } else if (parsed.name == "little") {
    plan.attack =
        parsed.numbers.size() > 1 ? ALittleIsEnough{parsed.numbers[1]} : ALittleIsEnough{std::nullopt};
  } else {
    plan.attack = LabelFlip{};
  }
  validate(plan);
  return plan;
}

}  // namespace healthai
