#pragma once

#include <stop_token>
#include <utility>

#include "healthai/client/concept.hpp"
#include "healthai/client/curvature_bound.hpp"
#include "healthai/client/detail/inner.hpp"
#include "healthai/core/finite.hpp"

namespace healthai {

/// The client's side of FedDyn (Acar, Zhao, Matas Navarro, Mattina, Whatmough, Saligrama: Federated Learning Based on Dynamic
/// Regularization, 2021, algorithm 1), around any client that honours the proximal term and a linear correction:
///
///     hospitals.add("north", DynamicRegularisation{LocalTrainer{model, {.learning_rate = 0.1, .local_epochs = 20}}});
///
/// It minimises f(w) - <g, w> + alpha/2 ||w - w_g||^2, alpha being the request's proximal mu, and remembers
/// g <- g - alpha u with its update u; g is zero at first. For requests without dynamic regularisation it is the inner client.
///
/// State: g, with what state the inner client has. Memory: one more model. Wrap PersonalLayers in this, not this in PersonalLayers.
template <class C, class Scalar_ = typename detail::ScalarOf<C>::type>
class DynamicRegularisation {
  static_assert(Client<C, Scalar_>,
                "healthai: DynamicRegularisation wraps a Client; see docs/how-to-write-a-client.md");

 public:
  using Scalar = Scalar_;

  explicit DynamicRegularisation(C client) : client_(std::move(client)) {}

  /// What the inner client honours, and dynamic regularisation if it honours the proximal term and a linear correction.
  [[nodiscard]] constexpr ObjectiveParts honours() const {
    ObjectiveParts parts = honoured_parts(client_);
    parts.dynamic_regularisation = parts.proximal && parts.linear_correction;
    return parts;
  }
  [[nodiscard]] const C& inner() const noexcept { return client_; }
  /// g; of the empty layout before the first request.
  [[nodiscard]] const Parameters<Scalar>& gradient() const noexcept { return gradient_; }

  /// \throws Error (`layout_mismatch`)
  [[nodiscard]] TrainReply<Scalar> train(const TrainRequest<Scalar>& request, std::stop_token stop) {
    if (!request->objective.dynamic_regularisation) return client_.train(request, std::move(stop));
    const Layout& layout = request->parameters.layout();
    if (gradient_.size() == 0) gradient_ = Parameters<Scalar>(layout);
    require_layout(layout, gradient_.layout(), "the gradient that is remembered by client ",
                   request.client.str());
    const auto regularise = [&](TrainBroadcast<Scalar>& broadcast) {
      auto& correction = broadcast.objective.linear_correction;
      if (!correction) correction = Parameters<Scalar>(layout);
      require_layout(layout, correction->layout(), "the linear correction");
      correction->flat() -= gradient_.flat();
      broadcast.objective.dynamic_regularisation = false;
    };
    TrainReply<Scalar> reply = client_.train(detail::changed(request, regularise), std::move(stop));
    require_layout(layout, reply.update.layout(), "the update of client ", request.client.str());
    if (all_finite<Scalar>(reply.update.span()) && (reply.local_steps > 0 || !reply.partial)) {
      // The server knows g times the rows of last time.
      const double keep = weight_.rescale(reply.num_examples);
      gradient_.flat() = static_cast<Scalar>(keep) * gradient_.flat() -
                         static_cast<Scalar>(request->objective.proximal_mu) * reply.update.flat();
      weight_.announce(reply);
    }
    return reply;
  }

  [[nodiscard]] EvaluateReply evaluate(const EvaluateRequest<Scalar>& request, std::stop_token stop) {
    return client_.evaluate(request, std::move(stop));
  }
  [[nodiscard]] CurvatureReply curvature() const requires BoundsItsCurvature<C> {
    return client_.curvature();
  }

  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& gradient_& weight_.num_examples;
    detail::serialize_inner(archive, client_);
  }

 private:
  C client_;
  Parameters<Scalar> gradient_{};
  detail::MemoryWeight weight_{};
};

}  // namespace healthai
