#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <span>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "healthai/client/concept.hpp"
#include "healthai/client/detail/unit_gradients.hpp"
#include "healthai/core/error.hpp"
#include "healthai/core/finite.hpp"
#include "healthai/core/number_text.hpp"
#include "healthai/model/per_example.hpp"
#include "healthai/privacy/clipped_gradient_sum.hpp"
#include "healthai/privacy/mechanism.hpp"
#include "healthai/privacy/noise_source.hpp"

namespace healthai {

/// How a PrivateTrainer trains.
struct PrivateTraining {
  double clip = 1;  ///< > 0; bound of the Euclidean length of each unit's gradient
  double noise_multiplier =
      1;  ///< > 0; standard deviation of the noise on a sum of clipped gradients, over `clip`
  double sampling_rate = 0.1;  ///< in (0, 1]; probability with which each unit is in the batch of a step
  std::uint64_t steps = 1;     ///< at least 1; in a round
  double learning_rate = 0.1;  ///< > 0
  /// In [1, 30]; gradients are rounded to multiples of clip 2^-grid_bits. The noise multiplier is at most 2^(31 - grid_bits).
  unsigned grid_bits = 20;
  /// Whether requests to evaluate are answered: exactly, outside of what the privacy parameters promise. Otherwise they are refused.
  bool answers_evaluation = false;
};

/// A client whose training is differentially private for each of its units, which are its rows unless it is told which rows belong
/// together (those of one patient, see `rows_by_patient`): DP-SGD (Abadi, Chu, Goodfellow, McMahan, Mironov, Talwar, Zhang: Deep
/// Learning with Differential Privacy, 2016, algorithm 1). In each step every unit is in the batch B with the probability
/// `sampling_rate`, whatever the others (Poisson sampling), and with n units
///
///     g = 1 / (sampling_rate n) ( sum over i in B of clip(sum of the gradients of unit i's rows) + noise ) + gradient of the penalty
///         + mu (w - w_g) + linear_correction
///     w = w - learning_rate g
///
/// The sum is divided by the *expected* size of the batch, as the actual one tells of the rows, and an empty batch gets its noise too.
/// There are no shuffled batches: the amplification by sampling holds for Poisson samples only. The clipped gradients are whole
/// multiples of a fine grid (ClippedGradientSum) and the noise is the discrete Gaussian on it, if `Noise` is ExactNoise.
///
///     PrivateTrainer client{LogisticModel<double>{x, y}, {.clip = 1, .noise_multiplier = 1.1, .sampling_rate = 0.05, .steps = 20},
///                           ExactNoise{generator}};                              // a cryptographic one
///
/// **What it promises** is what an accountant makes of `mechanism()`, for each training: in the unit of a row, or of a patient, between
/// data with and without it, against anybody who sees the updates. The number of units is taken as public: it stands in the division, and
/// is `num_examples`, as weights are; so do not weight by it where it is a secret. How many rows a patient has shows nowhere. A reply has no metrics, for a loss would be one more answer about
/// the data. `debit` is called before the data are touched, so that a BudgetLedger can note the expense or refuse it; the caller who gives
/// none counts trainings himself.
///
/// Of the objective it honours the proximal term, the linear correction and the learning rate, which do not touch the data. A
/// prescribed number of steps is refused, because it is what the budget was calculated with; so is the loss before training. Asked to stop
/// it hands in what it has, and all steps count as spent.
///
/// The noise never comes from a request: its seed is the coordinator's. So a training cannot be repeated bit for bit, and there is no state
/// to be kept; a node keeps the reply (ReplyStore). One call at a time. Cannot be copied, as its noise cannot.
template <class M, NoiseSource Noise>
class PrivateTrainer {
  static_assert(
      PerExampleModel<M>,
      "healthai: DP-SGD needs the gradient of each row by itself, of a loss that is a mean over rows "
      "(PerExampleModel in model/per_example.hpp). Cox's partial likelihood is not a sum over patients: "
      "no patient's part of it can be clipped, so CoxModel cannot be trained this way");

 public:
  using Scalar = typename M::Scalar;
  using Debit = std::function<void(const Mechanism&)>;
  using Units = detail::UnitRows;

  /// \param debit called with `mechanism()` before each training; what it throws ends the request, and no data were touched
  /// \param units the rows of each patient; every row of the model in one of them. Empty: each row is a patient
  /// \throws Error (`invalid_argument`) for a setting outside its range, (`invalid_data`) for a model without rows, or for units that do not
  ///   hold every row once
  PrivateTrainer(M model, PrivateTraining training, Noise noise, Debit debit = {}, Units units = {})
      : model_(std::move(model)),
        training_(training),
        noise_(std::move(noise)),
        debit_(std::move(debit)),
        units_(std::move(units)),
        sum_(model_.layout().size(), training.clip, training.grid_bits) {
    mechanism().validate();
    variance_ = sum_.noise_variance(training.noise_multiplier);
    if (!is_finite(training.learning_rate) || !(training.learning_rate > 0)) {
      throw Error(error::invalid_argument, "private training: learning_rate must be positive, but is " +
                                               number_text(training.learning_rate));
    }
    if (model_.num_examples() == 0) throw Error(error::invalid_data, "private training: there are no rows");
    detail::require_each_row_once(units_, model_.num_examples(), "private training");
  }

  [[nodiscard]] static constexpr ObjectiveParts honours() noexcept {
    return {.proximal = true, .linear_correction = true, .learning_rate = true};
  }
  [[nodiscard]] const M& model() const noexcept { return model_; }
  [[nodiscard]] const PrivateTraining& training() const noexcept { return training_; }
  /// What one training spends, whatever comes of it.
  [[nodiscard]] Mechanism mechanism() const noexcept {
    return {NoiseKind::gaussian, training_.noise_multiplier, training_.sampling_rate, training_.steps};
  }

  /// \throws Error (`layout_mismatch`) when the request's parameters are of another model, (`not_finite`) when they are not finite,
  ///   (`refused`) for a part of the objective that is not honoured; what `debit` throws. All before the data are touched.
  [[nodiscard]] TrainReply<Scalar> train(const TrainRequest<Scalar>& request, std::stop_token stop) {
    const Parameters<Scalar>& global = request->parameters;
    const LocalObjective<Scalar>& objective = request->objective;
    check(request);
    if (debit_) debit_(mechanism());

    const auto units = static_cast<double>(num_units());
    const double rate = objective.learning_rate.value_or(training_.learning_rate);
    const double scale = sum_.step() / (training_.sampling_rate * units);
    TrainReply<Scalar> reply;
    Parameters<Scalar> local = global;
    Parameters<Scalar> gradient(global.layout());
    double way = 0;  // as in LocalTrainer
    for (; reply.local_steps < training_.steps; ++reply.local_steps) {
      if (stop.stop_requested()) {
        reply.partial = true;
        break;
      }
      sum_.clear();
      draw_units();
      detail::add_unit_gradients(model_, local, units_, std::span<const std::size_t>(chosen_), sum_);
      noise_.add_gaussian(sum_.sums(), variance_);
      for (std::size_t j = 0; j < gradient.size(); ++j) {
        gradient.data()[j] = static_cast<Scalar>(scale * static_cast<double>(sum_.sums()[j]));
      }
      model_.add_penalty(local, gradient);
      if (objective.proximal_mu != 0) {
        gradient.flat() += static_cast<Scalar>(objective.proximal_mu) * (local.flat() - global.flat());
      }
      if (objective.linear_correction) gradient.flat() += objective.linear_correction->flat();
      local.flat() -= static_cast<Scalar>(rate) * gradient.flat();
      way += 1 - objective.proximal_mu * rate * way;
    }
    sum_.clear();  // sums without noise stay nowhere
    local.flat() -= global.flat();
    reply.update = std::move(local);
    reply.num_examples = units;
    reply.effective_steps = way;
    reply.learning_rate = rate;
    return reply;
  }

  /// The model's own metrics over all rows, without noise, where the settings allow that.
  /// \throws Error (`refused`) where they do not, (`layout_mismatch`)
  [[nodiscard]] EvaluateReply evaluate(const EvaluateRequest<Scalar>& request, std::stop_token /*stop*/) {
    if (!training_.answers_evaluation) {
      throw Error(
          error::refused,
          "client " + request.client.str() +
              " trains with differential privacy, and metrics over its rows would be answers without noise: "
              "evaluate on public data, or let it say answers_evaluation");
    }
    require_layout(model_.layout(), request->parameters.layout(), "the request to client ",
                   request.client.str());
    return {static_cast<double>(model_.num_examples()), model_.evaluate(request->parameters)};
  }

 private:
  void check(const TrainRequest<Scalar>& request) {
    const auto refuse = [&request](const std::string& what) {
      throw Error(error::refused,
                  "client " + request.client.str() + " trains with differential privacy and " + what);
    };
    const LocalObjective<Scalar>& objective = request->objective;
    if (objective.local_steps) {
      refuse("takes the steps that its budget was calculated with: do not prescribe local_steps");
    }
    const std::string missing = honours().missing(objective.needs());
    if (!missing.empty()) refuse("does not honour: " + missing);
    if (!is_finite(objective.proximal_mu) || objective.proximal_mu < 0 ||
        (objective.learning_rate && !(*objective.learning_rate > 0 && is_finite(*objective.learning_rate)))) {
      refuse("needs a proximal mu >= 0 and a learning rate > 0");
    }
    const Layout& layout = request->parameters.layout();
    require_layout(model_.layout(), layout, "the request to client ", request.client.str());
    bool finite = all_finite(request->parameters.span());
    if (objective.linear_correction) {
      require_layout(layout, objective.linear_correction->layout(), "the linear correction");
      finite = finite && all_finite(objective.linear_correction->span());
    }
    if (!finite) {
      throw Error(error::not_finite,
                  "the request to client " + request.client.str() + " has NaN or infinity");
    }
  }

  [[nodiscard]] std::size_t num_units() const {
    return units_.empty() ? model_.num_examples() : units_.size();
  }
  /// Each unit with the probability sampling_rate, rounded down to a multiple of 2^-64.
  void draw_units() {
    const std::size_t units = num_units();
    const bool all = training_.sampling_rate >= 1;
    const auto threshold = all ? 0 : static_cast<std::uint64_t>(std::ldexp(training_.sampling_rate, 64));
    auto& generator = noise_.generator();
    static_assert(
        std::remove_reference_t<decltype(generator)>::min() == 0 &&
            std::remove_reference_t<decltype(generator)>::max() == std::numeric_limits<std::uint64_t>::max(),
        "healthai: the generator must give 64 random bits at a time");
    chosen_.clear();
    for (std::size_t unit = 0; unit < units; ++unit) {
      if (all || generator() < threshold) chosen_.push_back(unit);
    }
  }

  M model_;
  PrivateTraining training_;
  Noise noise_;
  Debit debit_;
  Units units_;
  ClippedGradientSum sum_;
  double variance_ = 0;
  std::vector<std::size_t> chosen_{};
};

}  // namespace healthai
