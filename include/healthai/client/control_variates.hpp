#pragma once

#include <stop_token>
#include <string>
#include <utility>

#include "healthai/client/concept.hpp"
#include "healthai/client/curvature_bound.hpp"
#include "healthai/client/detail/inner.hpp"
#include "healthai/core/client_memory.hpp"
#include "healthai/core/error.hpp"
#include "healthai/core/finite.hpp"

namespace healthai {

/// The client's side of SCAFFOLD (Karimireddy, Kale, Mohri, Reddi, Stich, Suresh: SCAFFOLD: Stochastic Controlled Averaging for
/// Federated Learning, 2020, algorithm 1, option II), around any client that honours a linear correction:
///
///     hospitals.add("north", ControlVariates{LocalTrainer{model, {.learning_rate = 0.1}}});
///
/// With c the server's control variate, c_i its own (zero at first), u the update, r the rate and K the steps, it corrects the
/// gradient with c - c_i, remembers
///
///     c_i <- c_i - c - u / (r K)
///
/// which is the mean gradient over the steps, and returns the change of c_i as the extra vector `control_variate`. The inner
/// client's reply must say `learning_rate`, and `local_steps` or, as with momentum or a proximal term, `effective_steps`, which is then
/// K. For requests without control variates it is the inner client.
///
/// State: c_i, with what state the inner client has. Memory: one more model. Wrap PersonalLayers in this, not this in PersonalLayers.
template <class C, class Scalar_ = typename detail::ScalarOf<C>::type>
class ControlVariates {
  static_assert(Client<C, Scalar_>,
                "healthai: ControlVariates wraps a Client; see docs/how-to-write-a-client.md");

 public:
  using Scalar = Scalar_;

  explicit ControlVariates(C client) : client_(std::move(client)) {}

  /// What the inner client honours, and control variates if it honours a linear correction.
  [[nodiscard]] constexpr ObjectiveParts honours() const {
    ObjectiveParts parts = honoured_parts(client_);
    parts.control_variates = parts.linear_correction;
    parts.update_clip =
        false;  // what is clipped inside is not the vector that is added here: Clipped goes around this
    return parts;
  }
  [[nodiscard]] const C& inner() const noexcept { return client_; }
  /// c_i; of the empty layout before the first request.
  [[nodiscard]] const Parameters<Scalar>& control_variate() const noexcept { return control_; }

  /// \throws Error (`layout_mismatch`); (`invalid_reply`) when the inner client does not say its steps and its rate
  [[nodiscard]] TrainReply<Scalar> train(const TrainRequest<Scalar>& request, std::stop_token stop) {
    if (!request->objective.control_variates) return client_.train(request, std::move(stop));
    const Layout& layout = request->parameters.layout();
    Parameters<Scalar> old = control_.size() == 0 ? Parameters<Scalar>(layout) : control_;
    require_layout(layout, old.layout(), "the control variate of client ", request.client.str());
    Parameters<Scalar> correction = request->objective.linear_correction.value_or(Parameters<Scalar>(layout));
    require_layout(layout, correction.layout(), "the server's control variate");
    correction.flat() -= old.flat();
    TrainReply<Scalar> reply = client_.train(detail::changed(request,
                                                             [&](TrainBroadcast<Scalar>& broadcast) {
                                                               broadcast.objective.linear_correction =
                                                                   correction;
                                                               broadcast.objective.control_variates = false;
                                                             }),
                                             std::move(stop));
    require_layout(layout, reply.update.layout(), "the update of client ", request.client.str());
    const double length = reply.learning_rate * reply.accumulation();
    Parameters<Scalar> change(layout);
    if (length > 0 && all_finite<Scalar>(reply.update.span())) {
      // The mean gradient is -u / length - correction; the server knows c_i times the rows of last time.
      old.flat() *= static_cast<Scalar>(weight_.rescale(reply.num_examples));
      control_ = Parameters<Scalar>::uninitialised(layout);
      control_.flat() = reply.update.flat() * static_cast<Scalar>(-1 / length) - correction.flat();
      change.flat() = control_.flat() - old.flat();
      weight_.announce(reply);
    } else if (!reply.partial) {
      throw Error(
          error::invalid_reply,
          "client " + request.client.str() +
              ": control variates need TrainReply::learning_rate and local_steps of the inner client, "
              "and a finite update");
    }
    reply.extra.push_back({std::string(client_memory::control_variate), true, std::move(change)});
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
    archive& control_& weight_.num_examples;
    detail::serialize_inner(archive, client_);
  }

 private:
  C client_;
  Parameters<Scalar> control_{};
  detail::MemoryWeight weight_{};
};

}  // namespace healthai
