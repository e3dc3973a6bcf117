#pragma once

#include <concepts>
#include <cstddef>
#include <span>

#include "healthai/core/layout.hpp"
#include "healthai/core/metrics.hpp"
#include "healthai/core/parameters.hpp"

namespace healthai {

/// Parameters, and loss and gradient on a batch of the rows that the model holds: what the library's own local trainer
/// needs. A client with training code of its own needs no Model.
///
/// - `Model::Scalar` is float or double.
/// - `model.layout()` is the same for every site of a federation.
/// - `model.num_examples()` is the number of rows that it holds.
/// - `model.loss(parameters, rows, gradient)` returns the loss on those rows (indices below num_examples(), each at most
///   once; an empty span means all rows) and *overwrites* `gradient` with its derivative. The loss is a mean per row, so
///   that weighting by rows gives the pooled loss; a model with a penalty counts it once per row likewise.
/// - `model.evaluate(parameters)` gives metrics as fractions over all rows.
///
/// Thread safety: one object is used by one thread at a time; const is not promised, so that it may keep scratch memory.
/// Not required: that it can be copied, or a loss that is a sum over rows (Cox's is not).
template <class M>
concept Model = requires(M& model, const Parameters<typename M::Scalar>& parameters,
                         std::span<const std::size_t> rows, Parameters<typename M::Scalar>& gradient) {
  typename M::Scalar;
  { model.layout() } -> std::convertible_to<Layout>;
  { model.num_examples() } -> std::convertible_to<std::size_t>;
  { model.loss(parameters, rows, gradient) } -> std::convertible_to<double>;
  { model.evaluate(parameters) } -> std::convertible_to<Metrics>;
};

/// A Model that can be told which rows the next batch will name: `prefetch(rows)` has them at hand by then. For speed only: it
/// may do nothing, and the rows that come may be others.
template <class M>
concept PrefetchesRows = Model<M> && requires(const M& model, std::span<const std::size_t> rows) {
  { model.prefetch(rows) }
  noexcept;
};

/// A Model that can bound the curvature of its loss: `curvature_bound()` is at least the largest eigenvalue of the
/// Hessian of `loss` over all rows, whatever the parameters. Gradient descent with a step of 1 / bound then never overshoots.
template <class M>
concept BoundsCurvature = Model<M> && requires(const M& model) {
  { model.curvature_bound() } -> std::convertible_to<double>;
};

}  // namespace healthai
