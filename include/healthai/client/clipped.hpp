#pragma once

#include <algorithm>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "healthai/client/concept.hpp"
#include "healthai/client/curvature_bound.hpp"
#include "healthai/client/detail/inner.hpp"
#include "healthai/privacy/adaptive_clipping.hpp"
#include "healthai/privacy/clipping.hpp"

namespace healthai {

/// How a Clipped client clips.
struct UpdateClipping {
  /// > 0; of the whole update. A coordinator may ask for less (`LocalObjective::update_clip`), and never gets more.
  double bound = 1;
  /// One for each tensor, instead of `bound`; then the client must not send extra vectors.
  std::vector<double> per_layer{};
  /// Adds the metric `clipped`, (1 or 0, 1): the share of clients that were. That is a number about the data as any other: off
  /// where privacy is promised, unless noise is added to it and accounted for.
  bool report_share = false;
};

/// A client whose update is clipped before it leaves: what bounds the influence of one hospital, so that noise on the sum can hide it.
///
///     hospitals.add("north", Clipped{LocalTrainer{model}, {.bound = 0.5}});
///
/// It clips what a client sends, so it goes around everything that changes an update and inside Compressed. Replies stay
/// additive. This is privacy for hospitals only: the update of many steps clipped as a whole says nothing of one patient, for whom there
/// is PrivateTrainer. And it is half of it: without noise nothing is private; with weights that differ the largest
/// hospital decides (`clipped_mean_sensitivity`). `num_examples`, metrics and extra numbers leave as they are. Where the coordinator asks for
/// a bound, as AdaptivelyClipped does, the extra number `clip/within` says whether the update was no longer: a number about the data too.
/// State: what the inner client has. One call at a time, as every client.
template <class C, class Scalar_ = typename detail::ScalarOf<C>::type>
class Clipped {
  static_assert(Client<C, Scalar_>, "healthai: Clipped wraps a Client; see docs/how-to-write-a-client.md");

 public:
  using Scalar = Scalar_;

  /// \throws Error (`invalid_argument`) for a bound that is not positive
  explicit Clipped(C client, UpdateClipping clipping = {})
      : client_(std::move(client)), clipping_(std::move(clipping)) {
    detail::require_clip(clipping_.bound);
    for (const double bound : clipping_.per_layer) detail::require_clip(bound);
  }

  [[nodiscard]] constexpr ObjectiveParts honours() const {
    ObjectiveParts parts = honoured_parts(client_);
    parts.update_clip = clipping_.per_layer.empty();  // one asked-for bound says nothing of those by tensor
    return parts;
  }
  [[nodiscard]] const C& inner() const noexcept { return client_; }
  /// No update that leaves is longer.
  [[nodiscard]] double bound() const {
    if (clipping_.per_layer.empty()) return clipping_.bound;
    return norm(std::span<const double>(clipping_.per_layer));
  }

  /// \throws Error (`invalid_argument`) for an asked-for bound that is not positive; (`not_finite`) for an update with NaN or infinity, (`layout_mismatch`) when there is not one bound a tensor,
  ///   (`invalid_reply`) for one that is compressed, or has extra vectors and bounds by tensor; what the inner client throws
  [[nodiscard]] TrainReply<Scalar> train(const TrainRequest<Scalar>& request, std::stop_token stop) {
    const std::optional<double> asked = request->objective.update_clip;
    if (asked) detail::require_clip(*asked);
    // The inner client need not know of a bound that is kept here.
    TrainReply<Scalar> reply =
        asked ? client_.train(detail::changed(
                                  request, [](auto& broadcast) { broadcast.objective.update_clip.reset(); }),
                              std::move(stop))
              : client_.train(request, std::move(stop));
    bool clipped = false;
    if (clipping_.per_layer.empty() || reply.compressed) {
      const ClipResult result =
          clip_update(reply, (std::min)(clipping_.bound, asked.value_or(clipping_.bound)));
      clipped = result.clipped();
      if (asked)
        reply.extra_scalars.push_back({std::string(within_clip), within_clip_value(result.norm <= *asked)});
    } else {
      if (!reply.extra.empty()) {
        throw Error(error::invalid_reply, "client " + request.client.str() +
                                              " sends extra vectors, for which bounds by tensor say nothing: "
                                              "clip with one bound for all");
      }
      for (const ClipResult& result :
           clip_per_layer(reply.update, std::span<const double>(clipping_.per_layer))) {
        clipped = clipped || result.clipped();
      }
    }
    if (clipping_.report_share) reply.metrics.add("clipped", clipped ? 1 : 0, 1);
    return reply;
  }

  [[nodiscard]] EvaluateReply evaluate(const EvaluateRequest<Scalar>& request, std::stop_token stop) {
    return client_.evaluate(request, std::move(stop));
  }
  [[nodiscard]] CurvatureReply curvature() const requires BoundsItsCurvature<C> {
    return client_.curvature();
  }

  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) requires detail::HasState<C> {
    detail::serialize_inner(archive, client_);
  }

 private:
  C client_;
  UpdateClipping clipping_;
};

}  // namespace healthai
