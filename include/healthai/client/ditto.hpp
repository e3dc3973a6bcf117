#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>

#include "healthai/client/concept.hpp"
#include "healthai/client/curvature_bound.hpp"
#include "healthai/client/detail/inner.hpp"
#include "healthai/core/error.hpp"
#include "healthai/core/finite.hpp"
#include "healthai/core/number_text.hpp"

namespace healthai {

/// How a Ditto client trains its personal model.
struct DittoTraining {
  double lambda =
      0.1;  ///< >= 0; pull towards the global model: 0 is training alone, a large value the global model
  std::optional<std::uint64_t> local_steps{};  ///< gradient steps a round; none: as for the global model
  std::optional<double> learning_rate{};       ///< > 0; none: as for the global model
};

/// Ditto (Li, Hu, Beirami, Smith: Ditto: Fair and Robust Federated Learning Through Personalization, 2021, algorithm 1), around any
/// client that honours the proximal term and a linear correction. It takes part in the training of the global model w as the inner
/// client does, with any strategy, and beside that keeps a personal model v that never leaves it, trained each round on
///
///     f(v) + lambda/2 ||v - w||^2
///
/// with w as the round began. The reply and the evaluation have the metrics of the global model under their names, and those of the
/// personal model as `personal_NAME`.
///
/// State: v, which is the global model until it is first trained, with what state the inner client has. Cost: twice the training.
template <class C, class Scalar_ = typename detail::ScalarOf<C>::type>
class Ditto {
  static_assert(Client<C, Scalar_>, "healthai: Ditto wraps a Client; see docs/how-to-write-a-client.md");

 public:
  using Scalar = Scalar_;

  /// \throws Error (`invalid_argument`) for a setting outside its range, or for a client that does not honour the proximal term and
  ///   a linear correction (and the steps and rate, if they are set).
  explicit Ditto(C client, DittoTraining training = {}) : client_(std::move(client)), training_(training) {
    const auto require = [](bool good, const std::string& what) {
      if (!good) throw Error(error::invalid_argument, "Ditto: " + what);
    };
    require(is_finite(training.lambda) && training.lambda >= 0,
            "lambda must be >= 0, but is " + number_text(training.lambda));
    require(!training.learning_rate || (is_finite(*training.learning_rate) && *training.learning_rate > 0),
            "learning_rate must be positive");
    require(!training.local_steps || *training.local_steps > 0, "local_steps must be at least 1");
    const std::string missing =
        honoured_parts(client_).missing({.proximal = true,
                                         .linear_correction = true,
                                         .local_steps = training.local_steps.has_value(),
                                         .learning_rate = training.learning_rate.has_value()});
    require(missing.empty(), "the client does not honour: " + missing +
                                 "; teach its training code that part of the objective");
  }

  [[nodiscard]] constexpr ObjectiveParts honours() const { return honoured_parts(client_); }
  [[nodiscard]] const C& inner() const noexcept { return client_; }
  /// v; of the empty layout before the first training.
  [[nodiscard]] const Parameters<Scalar>& personal_model() const noexcept { return personal_; }

  /// \throws Error (`layout_mismatch`, `not_finite`), and what the inner client throws
  [[nodiscard]] TrainReply<Scalar> train(const TrainRequest<Scalar>& request, std::stop_token stop) {
    TrainReply<Scalar> reply = client_.train(request, stop);
    const Parameters<Scalar>& global = request->parameters;
    if (personal_.size() == 0) personal_ = global;
    require_layout(global.layout(), personal_.layout(), "the personal model of client ",
                   request.client.str());
    const auto personalise = [&](TrainBroadcast<Scalar>& broadcast) {
      // lambda (x - w) = lambda (x - v) + lambda (v - w), where training starts from v
      const auto lambda = static_cast<Scalar>(training_.lambda);
      LocalObjective<Scalar>& objective = broadcast.objective;
      objective.local_steps = training_.local_steps ? training_.local_steps : objective.local_steps;
      objective.learning_rate = training_.learning_rate ? training_.learning_rate : objective.learning_rate;
      objective.proximal_mu = training_.lambda;
      objective.linear_correction = Parameters<Scalar>(global.layout());
      objective.linear_correction->flat() = lambda * (personal_.flat() - global.flat());
      objective.initial_loss = objective.control_variates = objective.dynamic_regularisation = false;
      broadcast.parameters = personal_;
    };
    const TrainReply<Scalar> own = client_.train(detail::changed(request, personalise), std::move(stop));
    require_layout(global.layout(), own.update.layout(), "the personal update of client ",
                   request.client.str());
    if (!all_finite<Scalar>(own.update.span())) {
      throw Error(
          error::not_finite,
          "client " + request.client.str() +
              ": training the personal model gave NaN or infinity; try a smaller learning rate or lambda");
    }
    personal_.flat() += own.update.flat();
    add_personal(reply.metrics, own.metrics);
    return reply;
  }

  [[nodiscard]] EvaluateReply evaluate(const EvaluateRequest<Scalar>& request, std::stop_token stop) {
    EvaluateReply reply = client_.evaluate(request, stop);
    if (personal_.size() == 0) {
      add_personal(reply.metrics, Metrics(reply.metrics));
    } else {
      const auto personal = detail::changed(
          request, [&](EvaluateBroadcast<Scalar>& broadcast) { broadcast.parameters = personal_; });
      add_personal(reply.metrics, client_.evaluate(personal, std::move(stop)).metrics);
    }
    return reply;
  }
  [[nodiscard]] CurvatureReply curvature() const requires BoundsItsCurvature<C> {
    return client_.curvature();
  }

  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& personal_;
    detail::serialize_inner(archive, client_);
  }

 private:
  static void add_personal(Metrics& metrics, const Metrics& personal) {
    for (const Metric& metric : personal)
      metrics.add("personal_" + metric.name, metric.numerator, metric.denominator);
  }

  C client_;
  DittoTraining training_;
  Parameters<Scalar> personal_{};
};

}  // namespace healthai
