#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "healthai/client/concept.hpp"
#include "healthai/client/curvature_bound.hpp"
#include "healthai/core/random.hpp"
#include "healthai/model/concept.hpp"

namespace healthai {

/// How a LocalTrainer trains, unless a request's objective says otherwise.
struct LocalTraining {
  double learning_rate = 0.1;                  ///< > 0
  double momentum = 0;                         ///< in [0, 1); the velocity starts at zero in every round
  double weight_decay = 0;                     ///< >= 0, added to the gradient as weight_decay * w
  std::size_t batch_size = 0;                  ///< rows a step; 0 means all rows
  std::uint64_t local_epochs = 1;              ///< passes over the rows in a round
  std::optional<std::uint64_t> local_steps{};  ///< gradient steps in a round, instead of epochs
};

/// The library's own client: stochastic gradient descent on a Model, with the whole LocalObjective. One step is
///
///     g = gradient of f on the batch + mu (w - w_g) + linear_correction + weight_decay w
///     v = momentum v + g;   w = w - learning_rate v
///
/// (the proximal term: Li, Sahu, Zaheer, Sanjabi, Talwalkar, Smith: Federated Optimization in Heterogeneous Networks, 2020,
/// eq. 2). Rows are shuffled anew each epoch from the stream (seed, local_batches, round, client); the last batch of an
/// epoch may be smaller. With all rows in one batch nothing is shuffled. When asked to stop it hands in what it has.
///
/// `effective_steps` of a reply is what the same recurrence gives for a constant gradient of 1: with S steps of rate r it is S
/// for plain descent, (S - m (1 - m^S) / (1 - m)) / (1 - m) with momentum m, (1 - (1 - r mu)^S) / (r mu) with a proximal
/// term. Weight decay counts as part of the loss.
///
/// The metric `loss` of a reply is the mean of f over the batches seen, each at the parameters it was computed at: with one
/// full-batch step it is the loss of the global parameters.
template <Model M>
class LocalTrainer {
 public:
  using Scalar = typename M::Scalar;

  /// \throws Error (`invalid_argument`) for a setting outside its range.
  explicit LocalTrainer(M model, LocalTraining training = {})
      : model_(std::move(model)), training_(training) {
    const auto require = [](bool good, const char* what) {
      if (!good) throw Error(error::invalid_argument, std::string("local training: ") + what);
    };
    require(is_finite(training.learning_rate) && training.learning_rate > 0,
            "learning_rate must be positive");
    require(training.momentum >= 0 && training.momentum < 1, "momentum must be in [0, 1)");
    require(is_finite(training.weight_decay) && training.weight_decay >= 0, "weight_decay must be >= 0");
    require(training.local_epochs > 0, "local_epochs must be at least 1");
    require(!training.local_steps || *training.local_steps > 0, "local_steps must be at least 1");
  }

  [[nodiscard]] static constexpr ObjectiveParts honours() noexcept { return ObjectiveParts::memoryless(); }
  [[nodiscard]] const M& model() const noexcept { return model_; }

  /// \throws Error (`layout_mismatch`) when the request's parameters are of another model.
  [[nodiscard]] TrainReply<Scalar> train(const TrainRequest<Scalar>& request, std::stop_token stop) {
    const Parameters<Scalar>& global = request->parameters;
    const LocalObjective<Scalar>& objective = request->objective;
    require_layout(model_.layout(), global.layout(), "the request to client ", request.client.str());
    if (objective.linear_correction) {
      require_layout(global.layout(), objective.linear_correction->layout(), "the linear correction");
    }
    const std::size_t rows = model_.num_examples();
    const std::size_t batch = training_.batch_size == 0 ? rows : (std::min)(training_.batch_size, rows);
    if (batch == 0)
      throw Error(error::invalid_data, "client " + request.client.str() + " has no rows to train on");
    const std::uint64_t steps_per_epoch = (rows + batch - 1) / batch;
    const std::uint64_t steps = objective.local_steps   ? *objective.local_steps
                                : training_.local_steps ? *training_.local_steps
                                                        : training_.local_epochs * steps_per_epoch;
    const auto rate = static_cast<Scalar>(objective.learning_rate.value_or(training_.learning_rate));
    Stream stream(request->seed, Purpose::local_batches, request->id.round, request.client.str());

    TrainReply<Scalar> reply;
    Parameters<Scalar> local = global;
    // Scratch of the thread, not of the client: of thousands that are simulated on a few threads each would keep its own.
    thread_local Parameters<Scalar> gradient;
    thread_local std::vector<std::size_t> order;
    if (!(gradient.layout() == global.layout())) gradient = Parameters<Scalar>(global.layout());
    Parameters<Scalar> velocity;
    if (training_.momentum != 0) velocity = Parameters<Scalar>(global.layout());
    if (objective.initial_loss) reply.initial_loss = static_cast<double>(model_.loss(local, {}, gradient));
    double loss_sum = 0;
    double loss_rows = 0;
    // Where a constant gradient of 1 leads, in units of minus the rate, and the velocity there.
    double way = 0;
    double speed = 0;
    for (; reply.local_steps < steps; ++reply.local_steps) {
      if (stop.stop_requested()) {
        reply.partial = true;
        break;
      }
      std::span<const std::size_t> chosen;  // none means all
      if (batch < rows) {
        const std::size_t index = static_cast<std::size_t>(reply.local_steps % steps_per_epoch);
        if (index == 0) draw_order(order, rows, stream);
        chosen = batch_of(order, index, batch);
        if constexpr (PrefetchesRows<M>) {
          if (reply.local_steps + 1 < steps) model_.prefetch(batch_of(order, index + 1, batch));
        }
      }
      const auto count = static_cast<double>(chosen.empty() ? rows : chosen.size());
      loss_sum += count * static_cast<double>(model_.loss(local, chosen, gradient));
      loss_rows += count;
      step(local, global, objective, rate, gradient, velocity);
      speed = training_.momentum * speed + 1 - objective.proximal_mu * static_cast<double>(rate) * way;
      way += speed;
    }
    local.flat() -= global.flat();
    reply.update = std::move(local);
    reply.num_examples = static_cast<double>(rows);
    reply.effective_steps = way;
    reply.learning_rate = static_cast<double>(rate);
    if (loss_rows > 0)
      reply.metrics.add("loss", loss_sum * static_cast<double>(rows) / loss_rows, reply.num_examples);
    return reply;
  }

  /// The model's own metrics over all rows. \throws Error (`layout_mismatch`)
  [[nodiscard]] EvaluateReply evaluate(const EvaluateRequest<Scalar>& request, std::stop_token /*stop*/) {
    require_layout(model_.layout(), request->parameters.layout(), "the request to client ",
                   request.client.str());
    return {static_cast<double>(model_.num_examples()), model_.evaluate(request->parameters)};
  }

  /// What CurvatureBound asks.
  [[nodiscard]] CurvatureReply curvature() const requires BoundsCurvature<M> {
    return {static_cast<double>(model_.num_examples()), static_cast<double>(model_.curvature_bound())};
  }

 private:
  static void draw_order(std::vector<std::size_t>& order, std::size_t rows, Stream& stream) {
    order.resize(rows);
    std::iota(order.begin(), order.end(), std::size_t{0});
    shuffle(std::span<std::size_t>(order), stream);
  }
  /// The rows of batch number `index` of an epoch; none after the last.
  static std::span<const std::size_t> batch_of(std::span<const std::size_t> order, std::size_t index,
                                               std::size_t batch) {
    const std::size_t begin = (std::min)(index * batch, order.size());
    return order.subspan(begin, (std::min)(batch, order.size() - begin));
  }

  void step(Parameters<Scalar>& local, const Parameters<Scalar>& global,
            const LocalObjective<Scalar>& objective, Scalar rate, Parameters<Scalar>& of_loss,
            Parameters<Scalar>& velocity) const {
    auto gradient = of_loss.flat();
    // Terms that are zero are left out rather than added, so that FedProx with mu = 0 is FedAvg bit for bit.
    if (objective.proximal_mu != 0) {
      gradient += static_cast<Scalar>(objective.proximal_mu) * (local.flat() - global.flat());
    }
    if (objective.linear_correction) gradient += objective.linear_correction->flat();
    if (training_.weight_decay != 0) gradient += static_cast<Scalar>(training_.weight_decay) * local.flat();
    if (training_.momentum != 0) {
      velocity.flat() = static_cast<Scalar>(training_.momentum) * velocity.flat() + gradient;
      local.flat() -= rate * velocity.flat();
    } else {
      local.flat() -= rate * gradient;
    }
  }

  M model_;
  LocalTraining training_;
};

}  // namespace healthai
