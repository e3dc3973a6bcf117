#pragma once

#include <string>

#include "healthai/core/client_id.hpp"

namespace healthai {

/// Why one client did not contribute to a round: a value, not an exception, because the round goes on without it.
struct Failure {
  ClientId client;
  std::string error;    ///< the stable id, see `ErrorId`
  std::string message;  ///< what was expected, what came
  friend bool operator==(const Failure&, const Failure&) = default;

  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& client& error& message;
  }
};

}  // namespace healthai
