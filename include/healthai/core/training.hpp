#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "healthai/core/compressed_update.hpp"
#include "healthai/core/error.hpp"
#include "healthai/core/local_objective.hpp"
#include "healthai/core/metrics.hpp"
#include "healthai/core/parameters.hpp"
#include "healthai/core/summand.hpp"
#include "healthai/core/task.hpp"

namespace healthai {

/// Which request this is. A client that sees the same one again answers with the reply it already gave.
struct RoundId {
  std::uint64_t run = 0;      ///< a number of its own for every run
  std::uint64_t round = 0;    ///< from 1
  std::uint32_t attempt = 0;  ///< from 0; one more after the round was called off
  friend bool operator==(const RoundId&, const RoundId&) = default;

  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& run& round& attempt;
  }
};

/// What every chosen client of a training round gets.
template <class Scalar>
struct TrainBroadcast {
  RoundId id{};
  std::uint64_t seed = 0;  ///< the run's; clients derive their streams from (seed, purpose, round, own id)
  Parameters<Scalar> parameters{};
  LocalObjective<Scalar> objective{};

  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& id& seed& parameters& objective;
  }
};

/// A client's answer to a training request.
template <class Scalar>
struct TrainReply {
  Parameters<Scalar> update{};    ///< local minus global parameters, in the request's layout
  double num_examples = 0;        ///< rows trained on: the weight of the update; > 0
  Metrics metrics{};              ///< as fractions, so that they add up over clients
  std::uint64_t local_steps = 0;  ///< gradient steps taken
  bool partial = false;           ///< stopped before the work asked for was done

  // What only some strategies ask for.

  /// How strongly gradients accumulate in the update: ||a||_1 where update = -learning_rate * sum over t of a_t g_t (Wang,
  /// Liu, Liang, Joshi, Poor: Tackling the Objective Inconsistency Problem in Heterogeneous Federated Optimization, 2020,
  /// eq. 4). For plain gradient descent it is `local_steps`, which is what 0 stands for; momentum makes it larger, a
  /// proximal term smaller.
  double effective_steps = 0;
  double learning_rate = 0;                    ///< of the local steps; 0 if there is no such number
  std::optional<double> initial_loss{};        ///< mean loss over all rows at the global parameters
  std::vector<SummandVector<Scalar>> extra{};  ///< further vectors that the strategy asked for, by name
  std::vector<SummandScalar> extra_scalars{};  ///< further numbers, summed as they are

  /// The update in fewer bytes; `update` is then of the empty layout (see Compressed, and `decompress`).
  std::optional<CompressedUpdate> compressed{};

  /// `effective_steps`, or `local_steps` where that is not set.
  [[nodiscard]] double accumulation() const noexcept {
    return effective_steps != 0 ? effective_steps : static_cast<double>(local_steps);
  }

  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& update& num_examples& metrics& local_steps& partial;
    archive& effective_steps& learning_rate& initial_loss& extra& extra_scalars& compressed;
  }
};

/// The task "train on your own data". Additive.
template <class Scalar_>
struct Train {
  using Scalar = Scalar_;
  using Broadcast = TrainBroadcast<Scalar>;
  using Reply = TrainReply<Scalar>;
  static constexpr std::string_view name = std::is_same_v<Scalar, float> ? "train.f32" : "train.f64";

  /// Weight: num_examples. Vectors: `update` (weighted), then the extra ones. Numbers: `local_steps`, each metric's
  /// numerator and denominator as `metric/NAME/n` and `metric/NAME/d`, then the extra ones.
  /// \throws Error (`invalid_reply`) for a reply that is still compressed: `decompress` comes first
  [[nodiscard]] static Summand<Scalar> summand(Reply reply) {
    if (reply.compressed) {
      throw Error(error::invalid_reply, "a compressed reply was summed before it was decompressed");
    }
    Summand<Scalar> sum;
    sum.weight = reply.num_examples;
    sum.vectors.reserve(1 + reply.extra.size());
    sum.vectors.push_back({"update", true, std::move(reply.update)});
    for (SummandVector<Scalar>& vector : reply.extra) sum.vectors.push_back(std::move(vector));
    sum.scalars.push_back({"local_steps", static_cast<double>(reply.local_steps)});
    for (const Metric& metric : reply.metrics) {
      sum.scalars.push_back({"metric/" + metric.name + "/n", metric.numerator});
      sum.scalars.push_back({"metric/" + metric.name + "/d", metric.denominator});
    }
    for (SummandScalar& scalar : reply.extra_scalars) sum.scalars.push_back(std::move(scalar));
    return sum;
  }
  /// Bytes of parameters, or of a compressed update, that a broadcast or a reply carries, for reports and for bounding memory.
  [[nodiscard]] static std::size_t bytes(const Broadcast& broadcast) noexcept {
    const auto& correction = broadcast.objective.linear_correction;
    return broadcast.parameters.size_bytes() + (correction ? correction->size_bytes() : 0);
  }
  [[nodiscard]] static std::size_t bytes(const Reply& reply) noexcept {
    std::size_t sum = reply.update.size_bytes() + (reply.compressed ? reply.compressed->bytes.size() : 0);
    for (const SummandVector<Scalar>& vector : reply.extra) sum += vector.values.size_bytes();
    return sum;
  }
};

/// What every client of an evaluation gets.
template <class Scalar>
struct EvaluateBroadcast {
  RoundId id{};
  Parameters<Scalar> parameters{};

  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& id& parameters;
  }
};

/// A client's answer to an evaluation.
struct EvaluateReply {
  double num_examples = 0;  ///< rows evaluated on
  Metrics metrics{};

  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& num_examples& metrics;
  }
};

/// The task "evaluate these parameters on your own data". Additive.
template <class Scalar_>
struct Evaluate {
  using Scalar = Scalar_;
  using Broadcast = EvaluateBroadcast<Scalar>;
  using Reply = EvaluateReply;
  static constexpr std::string_view name = std::is_same_v<Scalar, float> ? "evaluate.f32" : "evaluate.f64";

  /// Weight: num_examples. No vectors. Numbers: the metrics, named as in `Train::summand`.
  [[nodiscard]] static Summand<Scalar> summand(const Reply& reply) {
    Summand<Scalar> sum;
    sum.weight = reply.num_examples;
    for (const Metric& metric : reply.metrics) {
      sum.scalars.push_back({"metric/" + metric.name + "/n", metric.numerator});
      sum.scalars.push_back({"metric/" + metric.name + "/d", metric.denominator});
    }
    return sum;
  }
  [[nodiscard]] static std::size_t bytes(const Broadcast& broadcast) noexcept {
    return broadcast.parameters.size_bytes();
  }
  [[nodiscard]] static std::size_t bytes(const Reply& /*reply*/) noexcept { return 0; }
};

/// Turns the numbers `metric/NAME/n` and `metric/NAME/d` of a summed Summand back into metrics.
[[nodiscard]] inline Metrics metrics_of(std::span<const SummandScalar> scalars) {
  Metrics metrics;
  for (const SummandScalar& scalar : scalars) {
    const std::string_view name = scalar.name;
    if (name.size() <= 9 || name.substr(0, 7) != "metric/") continue;
    const std::string_view metric = name.substr(7, name.size() - 9);
    if (name.substr(name.size() - 2) == "/n") metrics.add(metric, scalar.value, 0);
    if (name.substr(name.size() - 2) == "/d") metrics.add(metric, 0, scalar.value);
  }
  return metrics;
}

template <class Scalar>
using TrainRequest = Request<TrainBroadcast<Scalar>>;
template <class Scalar>
using EvaluateRequest = Request<EvaluateBroadcast<Scalar>>;

}  // namespace healthai
