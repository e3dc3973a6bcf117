#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "healthai/core/hash.hpp"
#include "healthai/core/number_text.hpp"
#include "healthai/core/summand.hpp"
#include "healthai/core/task.hpp"
#include "healthai/core/training.hpp"
#include "healthai/data/scaling.hpp"

namespace healthai {

/// What a coordinator tells every client once it knows the scaling of all of them.
struct StandardiseBroadcast {
  RoundId
      id{};  ///< `run` tells one scaling from another, so that a client that sees it again need do nothing
  Scaling scaling{};

  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& id& scaling;
  }
};

/// How many rows the client has under it.
struct StandardiseReply {
  double rows = 0;

  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& rows;
  }
};

/// The task "from now on standardise your covariates with this": for clients that live elsewhere, and can make their model only
/// when they have been told. Additive: the sum of the weights is the number of rows.
struct Standardise {
  using Scalar = double;
  using Broadcast = StandardiseBroadcast;
  using Reply = StandardiseReply;
  static constexpr std::string_view name = "standardise.f64";

  [[nodiscard]] static Broadcast request(Scaling scaling) {
    std::uint64_t run = 0;
    for (std::size_t j = 0; j < scaling.names.size(); ++j) {
      run = stable_hash(std::to_string(run) + scaling.names[j] + number_text(scaling.mean[j]) + " " +
                        number_text(scaling.sd[j]));
    }
    return {{run, 1, 0}, std::move(scaling)};
  }
  [[nodiscard]] static Summand<double> summand(const Reply& reply) {
    Summand<double> sum;
    sum.weight = reply.rows;
    return sum;
  }
  [[nodiscard]] static std::size_t bytes(const Broadcast& broadcast) noexcept {
    return 2 * sizeof(double) * broadcast.scaling.names.size();
  }
  [[nodiscard]] static std::size_t bytes(const Reply& /*reply*/) noexcept { return sizeof(double); }
};
static_assert(AdditiveTask<Standardise>);

}  // namespace healthai
