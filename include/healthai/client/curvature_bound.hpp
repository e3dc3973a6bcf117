#pragma once

#include <concepts>
#include <cstddef>
#include <string_view>

#include "healthai/core/summand.hpp"
#include "healthai/core/task.hpp"

namespace healthai {

/// A client that can bound the curvature of its loss: see BoundsCurvature, of which this is the client's side.
struct CurvatureReply {
  double num_examples = 0;
  double bound =
      0;  ///< at least the largest eigenvalue of the Hessian of the client's mean loss, for any parameters

  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& num_examples& bound;
  }
};

/// The task "bound the curvature of your loss": what a safe learning rate is derived from. One number leaves a client,
/// beside its number of rows. Additive.
struct CurvatureBound {
  using Scalar = double;
  /// Nothing: the question is all in the task's name.
  struct Broadcast {
    template <class Archive>
    void serialize(Archive& /*archive*/, unsigned /*version*/) {}
  };
  using Reply = CurvatureReply;
  static constexpr std::string_view name = "curvature_bound.f64";

  /// Weight: num_examples. Numbers: `weighted_bound`, which is num_examples * bound.
  [[nodiscard]] static Summand<double> summand(const Reply& reply) {
    Summand<double> sum;
    sum.weight = reply.num_examples;
    sum.scalars.push_back({"weighted_bound", reply.num_examples * reply.bound});
    return sum;
  }
  [[nodiscard]] static std::size_t bytes(const Broadcast& /*broadcast*/) noexcept { return 0; }
  [[nodiscard]] static std::size_t bytes(const Reply& /*reply*/) noexcept { return 2 * sizeof(double); }
};

/// A client that answers CurvatureBound; a LocalTrainer does when its model bounds its curvature.
template <class C>
concept BoundsItsCurvature = requires(const C& client) {
  { client.curvature() } -> std::same_as<CurvatureReply>;
};

}  // namespace healthai
