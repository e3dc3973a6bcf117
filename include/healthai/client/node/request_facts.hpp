#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "healthai/core/local_objective.hpp"
#include "healthai/crypto/sha256.hpp"
#include "healthai/privacy/mechanism.hpp"

namespace healthai {

/// Which request of a coordinator this is. The digest is of the encoded request, so that two requests that share numbers but
/// not content are two.
struct RequestKey {
  std::uint64_t run = 0;
  std::uint64_t round = 0;
  std::uint32_t attempt = 0;
  std::string task{};
  Digest digest{};
  friend bool operator==(const RequestKey&, const RequestKey&) = default;
  friend auto operator<=>(const RequestKey&, const RequestKey&) = default;

  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& run& round& attempt& task& digest;
  }
};

/// What a node knows of a request before any of its data is touched: what its Policy judges. The node fills it from the
/// decoded request and from the connection, never from what a peer says about itself.
struct RequestFacts {
  std::string task{};         ///< such as "train.f64"; in a secure sum that of the work, whatever the step
  std::string coordinator{};  ///< the identity in its certificate
  std::uint64_t run = 0;      ///< 0 for a task without runs
  std::uint64_t round = 0;
  std::uint32_t attempt = 0;
  Digest digest{};             ///< SHA-256 of the encoded request
  std::size_t parameters = 0;  ///< numbers in the model, over all its tensors

  ObjectiveParts needs{};  ///< `LocalObjective::needs()`
  std::optional<double> proximal_mu{};
  std::optional<std::uint64_t> local_steps{};
  std::optional<double> learning_rate{};
  std::optional<std::uint64_t> batch{};  ///< rows a step, where the request prescribes them

  bool metrics_only = false;        ///< the reply is nothing but metrics, as that of an evaluation
  bool secure_aggregation = false;  ///< the reply leaves masked
  /// Which of the five steps of a secure sum it is (see docs/secure-aggregation.md); 0: a request that is answered at once. The later steps
  /// go on with a request that was judged at its first.
  unsigned secure_step = 0;
  std::string step{};  ///< the task of that step, such as "secagg.hand_in"
  bool metrics_in_sum =
      false;  ///< of secure aggregation: there are metrics among the numbers that are summed
  std::optional<std::size_t> threshold{};  ///< of secure aggregation: how many clients can open a sum
  std::string opener{};  ///< of secure aggregation: who opens the sum, as its terms say; empty: they do not
  /// What a secure sum spends of each member's budget, where its terms say that all members put noise together.
  std::optional<Mechanism> sum_noise{};
  bool sum_noise_for_patients = false;  ///< that noise hides one patient, not the whole hospital
  bool differential_privacy = false;    ///< the reply is noised, and debited from a ledger
  bool approved = false;                ///< a person agreed (see Policy::manual_approval)

  [[nodiscard]] RequestKey key() const { return {run, round, attempt, step.empty() ? task : step, digest}; }
};

/// What a node knows of itself when a request arrives.
struct NodeFacts {
  std::size_t rows = 0;                  ///< of the data that would be used, after every filter
  std::vector<std::string> columns{};    ///< those that it uses
  std::map<std::string, double> mods{};  ///< what it applies to every reply, such as {"clip", 1.0}
  std::optional<std::uint64_t> batch{};  ///< rows a step of its own training
};

}  // namespace healthai
