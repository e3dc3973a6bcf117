#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "healthai/core/client_id.hpp"
#include "healthai/core/failure.hpp"
#include "healthai/transport/concept.hpp"
#include "healthai/transport/mpi/detail/packed_replies.hpp"

namespace healthai::detail {

/// What a rank says of itself when it begins to serve.
struct MpiHello {
  std::vector<ClientId> clients{};

  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& clients;
  }
};

/// What rank 0 asks of another rank. The broadcast of a request or of a round follows, from rank 0 to all ranks at once, so
/// that every rank gets a command even where none of its clients is meant.
struct MpiCommand {
  enum class Kind : std::uint8_t { request, stop, give_up, fold, states, restore, finish };
  Kind kind = Kind::finish;
  std::string task{};
  std::vector<RequestId> requests{};  ///< to stop or give up: none means all
  std::vector<ClientId> clients{};
  bool all_clients = false;  ///< in place of naming them
  std::uint64_t head = 0;    ///< bytes of the broadcast's archive
  std::uint64_t arrays = 0;  ///< and of its arrays
  // Of a round.
  std::string strategy{};
  std::optional<std::uint64_t> patience_ms{};
  std::uint64_t grace_ms = 0;
  bool interruptible = false;

  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& kind& task& requests& clients& all_clients& head& arrays;
    archive& strategy& patience_ms& grace_ms& interruptible;
  }
};

/// How a round went on one rank: all but the vectors.
struct MpiFolded {
  std::string error{};  ///< why the rank cannot take part; empty when it can
  PackedReplies replies{};
  std::vector<bool> weighted{};  ///< of each vector, see Fold
  std::vector<Failure> failures{};
  bool interrupted = false;
  std::uint64_t sent = 0, received = 0;            ///< to and from its clients
  std::uint64_t compressed = 0, decompressed = 0;  ///< bytes of the replies that were compressed

  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& error& replies& weighted& failures& interrupted& sent& received& compressed& decompressed;
  }
};

/// How the vectors are brought together.
struct MpiGo {
  bool go = false;
  bool called_off = false;  ///< an `interrupt` has been sent, which is to be received
  // Where updates are kept: whose they are, in the order of the clients' ids.
  std::vector<std::int32_t> ranks{};
  std::vector<double> weights{};
  std::vector<bool> weighted{};  ///< of each vector, see Fold

  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& go& called_off& ranks& weights& weighted;
  }
};

}  // namespace healthai::detail
