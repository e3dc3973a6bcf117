#pragma once

#include <cstddef>
#include <healthai/core/parameters.hpp>
#include <string_view>

namespace simulation {

/// The task "tell the model that you would use yourself": asked in simulations only, to judge strategies by which clients keep
/// something of their own.
struct OwnModel {
  struct Broadcast {
    healthai::Parameters<double> global{};
    template <class Archive>
    void serialize(Archive& archive, unsigned /*version*/) {
      archive& global;
    }
  };
  struct Reply {
    healthai::Parameters<double> model{};
    template <class Archive>
    void serialize(Archive& archive, unsigned /*version*/) {
      archive& model;
    }
  };
  static constexpr std::string_view name = "own_model.f64";
  [[nodiscard]] static std::size_t bytes(const Broadcast& broadcast) noexcept {
    return broadcast.global.size() * sizeof(double);
  }
  [[nodiscard]] static std::size_t bytes(const Reply& reply) noexcept {
    return reply.model.size() * sizeof(double);
  }
};

}  // namespace simulation
