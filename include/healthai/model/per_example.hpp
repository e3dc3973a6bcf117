#pragma once

#include <concepts>
#include <cstddef>
#include <span>

#include "healthai/core/parameters.hpp"
#include "healthai/model/concept.hpp"

namespace healthai {

/// A Model whose loss is a mean over rows, and that can give the gradient of each row by itself: what privacy for a patient
/// needs, since each one's influence is bounded before any are added up (see PrivateTrainer).
///
/// - `model.for_each_gradient(parameters, rows, visit)` calls `visit(gradient)` once for each of `rows` (indices below
///   num_examples(), each at most once), in their order. The gradient is a std::span<const double> of as many numbers as the layout,
///   in its order, valid during the call: the derivative of this row's loss, without the penalty, not divided by anything. No rows
///   means none here (and not all, as for `loss`): a random sample may be empty.
/// - It depends on the parameters and on that row alone, **bit for bit**: not on which other rows are asked for, or in which order. If
///   sums of others were rounded differently because a patient is there, that patient would show in them.
/// - It does not throw because of what a row holds; a gradient that is not finite is visited like any other.
/// - `model.add_penalty(parameters, gradient)` adds the derivative of what `loss` has beside the mean over rows. It must not depend on data.
///
/// The mean of the gradients of some rows, plus the penalty, is what `loss` gives for them, but for rounding.
///
/// What is no mean over rows cannot satisfy it: in Cox's partial likelihood a patient stands in the terms of all who had
/// an event before, so that there is no gradient of a patient to be clipped; CoxModel is not a PerExampleModel.
/// A row is a patient only if each patient has one row.
template <class M>
concept PerExampleModel = Model<M> &&
    requires(M& model, const Parameters<typename M::Scalar>& parameters, std::span<const std::size_t> rows,
             void (&visit)(std::span<const double>), Parameters<typename M::Scalar>& gradient) {
  model.for_each_gradient(parameters, rows, visit);
  model.add_penalty(parameters, gradient);
};

}  // namespace healthai
