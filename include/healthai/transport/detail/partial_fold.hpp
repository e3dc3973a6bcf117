#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/core/failure.hpp"
#include "healthai/core/finite.hpp"
#include "healthai/core/partial_aggregate.hpp"
#include "healthai/core/training.hpp"
#include "healthai/server/detail/check_reply.hpp"
#include "healthai/server/detail/decompressed.hpp"
#include "healthai/server/detail/fold.hpp"
#include "healthai/transport/concept.hpp"

namespace healthai::detail {

/// Folds the replies of a region into a partial aggregate, after the checks that a Federation makes: what fails them never
/// enters a sum.
template <AdditiveTask T, class Aggregator>
class PartialFold {
  using Scalar = typename T::Scalar;
  static constexpr bool trains = std::is_same_v<T, Train<Scalar>>;

 public:
  /// \param work  must outlive the fold, as must `aggregator`
  PartialFold(const Aggregator& aggregator, const typename T::Broadcast& work, const SumRules& rules)
      : aggregator_(&aggregator),
        work_(&work),
        accepts_partial_work_(rules.accepts_partial_work),
        wanted_(rules.extra_vectors) {}

  /// \return why the reply cannot be used, if it cannot; nothing has been folded then
  [[nodiscard]] std::optional<Failure> add(const ClientId& client, typename T::Reply reply) {
    if constexpr (trains) {
      if (auto wrong = check_training(client, reply)) return wrong;
    }
    Summand<Scalar> summand;
    try {
      summand = T::summand(std::move(reply));
    } catch (const Error& e) {
      return Failure{client, std::string(e.id().name()),
                     "the reply of client " + client.str() + " cannot be summed: " + e.what()};
    }
    if constexpr (!trains) {
      if (auto wrong = check(client, summand)) return wrong;
    }
    if (part_.contributors.empty()) begin(summand);
    for (std::size_t i = 0; i < vectors_.size(); ++i) {
      SummandVector<Scalar>& vector = summand.vectors[i];
      vectors_[i].add(std::move(vector.values), vector.weighted ? summand.weight : 1.0);
    }
    part_.weight += summand.weight;
    add_scalars(part_.scalars, std::move(summand.scalars));
    part_.contributors.push_back(client);
    return std::nullopt;
  }

  /// All but the failures. The fold is spent afterwards.
  [[nodiscard]] PartialAggregate<Aggregator, Scalar> finish() {
    for (auto& vector : vectors_) part_.states.push_back(vector.release());
    return std::move(part_);
  }

 private:
  /// One vector of the Summands.
  struct Kind {
    WantedVector vector;
    Layout layout;
    friend bool operator==(const Kind&, const Kind&) = default;
  };

  [[nodiscard]] std::optional<Failure> check_training(const ClientId& client, typename T::Reply& reply) {
    const Layout& layout = work_->parameters.layout();
    DecompressedBytes bytes;
    if (auto wrong = decompressed(client, reply, layout, bytes)) return wrong;
    std::vector<WantedVector> brought;
    if (!wanted_) {
      for (const auto& vector : reply.extra) brought.push_back({vector.name, vector.weighted});
    }
    std::vector<ExtraVector> extra;
    for (const WantedVector& vector : wanted_ ? *wanted_ : brought)
      extra.push_back({vector.name, vector.weighted});
    if (auto wrong = check_reply(client, reply, layout, accepts_partial_work_, extra)) return wrong;
    if (!wanted_) wanted_ = std::move(brought);
    return std::nullopt;
  }

  /// For tasks of which nothing is known but their Summands.
  [[nodiscard]] std::optional<Failure> check(const ClientId& client, const Summand<Scalar>& summand) const {
    const auto reject = [&client](ErrorId id, const std::string& what) {
      return Failure{client, std::string(id.name()), "client " + client.str() + " sent " + what};
    };
    if (!is_finite(summand.weight) || summand.weight < 0) {
      return reject(error::invalid_reply,
                    "the weight " + std::to_string(summand.weight) + "; it must be finite and not negative");
    }
    for (const auto& vector : summand.vectors) {
      if (!all_finite<Scalar>(vector.values.span()))
        return reject(error::not_finite, "the vector " + vector.name + ", which holds NaN or infinity");
    }
    for (const SummandScalar& scalar : summand.scalars) {
      if (!is_finite(scalar.value))
        return reject(error::not_finite, "the number " + scalar.name + ", which is NaN or infinite");
    }
    if (!part_.contributors.empty() && kinds_of(summand) != kinds_) {
      return reject(error::invalid_reply, "other vectors than the clients before it");
    }
    return std::nullopt;
  }

  void begin(const Summand<Scalar>& summand) {
    kinds_ = kinds_of(summand);
    vectors_.reserve(kinds_.size());
    for (const Kind& kind : kinds_) vectors_.emplace_back(*aggregator_, kind.layout, Parameters<Scalar>());
  }
  [[nodiscard]] static std::vector<Kind> kinds_of(const Summand<Scalar>& summand) {
    std::vector<Kind> kinds;
    for (const auto& vector : summand.vectors)
      kinds.push_back({{vector.name, vector.weighted}, vector.values.layout()});
    return kinds;
  }

  const Aggregator* aggregator_;
  const typename T::Broadcast* work_;
  bool accepts_partial_work_;
  std::optional<std::vector<WantedVector>> wanted_;  // extra vectors of a training reply
  std::vector<Kind> kinds_;
  std::vector<VectorFold<Aggregator, Scalar>> vectors_;
  PartialAggregate<Aggregator, Scalar> part_;
};

}  // namespace healthai::detail
