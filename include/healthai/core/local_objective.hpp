#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "healthai/core/parameters.hpp"

namespace healthai {

/// The parts of a LocalObjective, as a set: what a request needs, or what a client honours.
struct ObjectiveParts {
  bool proximal = false;                ///< the proximal term
  bool linear_correction = false;       ///< the linear correction
  bool local_steps = false;             ///< a prescribed number of local steps
  bool learning_rate = false;           ///< a prescribed learning rate
  bool initial_loss = false;            ///< the loss at the global parameters is reported
  bool control_variates = false;        ///< control variates, which a client remembers from round to round
  bool dynamic_regularisation = false;  ///< dynamic regularisation, with a memory of its own too
  bool update_clip = false;             ///< a prescribed bound of the update's length

  /// What training code without a memory can honour: every part but control variates, dynamic regularisation and the bound of the update,
  /// which the wrappers ControlVariates, DynamicRegularisation and Clipped add.
  [[nodiscard]] static constexpr ObjectiveParts memoryless() noexcept {
    return {true, true, true, true, true, false, false, false};
  }
  friend constexpr bool operator==(const ObjectiveParts&, const ObjectiveParts&) = default;

  /// The names of the parts in `needed` that this set lacks; empty when it has them all.
  [[nodiscard]] std::string missing(const ObjectiveParts& needed) const {
    std::string names;
    const auto check = [&names](bool wanted, bool has, const char* name) {
      if (wanted && !has) names += (names.empty() ? "" : ", ") + std::string(name);
    };
    check(needed.proximal, proximal, "proximal mu");
    check(needed.linear_correction, linear_correction, "linear correction");
    check(needed.local_steps, local_steps, "local steps");
    check(needed.learning_rate, learning_rate, "learning rate");
    check(needed.initial_loss, initial_loss, "initial loss");
    check(needed.control_variates, control_variates, "control variates");
    check(needed.dynamic_regularisation, dynamic_regularisation, "dynamic regularisation");
    check(needed.update_clip, update_clip, "update clip");
    return names;
  }

  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& proximal& linear_correction& local_steps& learning_rate& initial_loss& control_variates&
        dynamic_regularisation& update_clip;
  }
};

/// What a client is asked to minimise, starting from the global parameters w_g, with f its own loss:
///
///     f(w) + proximal_mu / 2 * ||w - w_g||^2 + <linear_correction, w>
///
/// and for how long. It is what makes FedProx, SCAFFOLD and FedDyn true over training code that the library has never
/// seen: a client that cannot honour a part that is set refuses the request (see `Client`).
template <class Scalar>
struct LocalObjective {
  double proximal_mu = 0;                                 ///< >= 0; 0 means no term
  std::optional<Parameters<Scalar>> linear_correction{};  ///< of the model's layout
  std::optional<std::uint64_t> local_steps{};  ///< gradient steps; the client's own choice when not set
  std::optional<double> learning_rate{};       ///< > 0; the client's own choice when not set
  /// Asks for the mean loss over all of the client's rows at w_g, before training (`TrainReply::initial_loss`).
  bool initial_loss = false;
  /// SCAFFOLD: `linear_correction` is the server's control variate c. The client corrects with c - c_i, c_i being its own,
  /// and returns the change of c_i as the extra vector `control_variate`: see ControlVariates.
  bool control_variates = false;
  /// FedDyn: the client subtracts the gradient that it remembers: see DynamicRegularisation.
  bool dynamic_regularisation = false;
  /// > 0: the client shortens its update to this Euclidean length, and says whether it was longer: see Clipped, and AdaptivelyClipped.
  std::optional<double> update_clip{};

  [[nodiscard]] ObjectiveParts needs() const noexcept {
    return {.proximal = proximal_mu != 0,
            .linear_correction = linear_correction.has_value(),
            .local_steps = local_steps.has_value(),
            .learning_rate = learning_rate.has_value(),
            .initial_loss = initial_loss,
            .control_variates = control_variates,
            .dynamic_regularisation = dynamic_regularisation,
            .update_clip = update_clip.has_value()};
  }

  /// Without `update_clip` it is what programs of before can read (see archive.hpp).
  static constexpr std::uint32_t newest_version = 1;
  [[nodiscard]] std::uint32_t oldest_version() const noexcept { return update_clip ? 1 : 0; }

  template <class Archive>
  void serialize(Archive& archive, unsigned version) {
    archive& proximal_mu& linear_correction& local_steps& learning_rate& initial_loss& control_variates&
        dynamic_regularisation;
    if (version >= 1) archive& update_clip;
  }
};

}  // namespace healthai
