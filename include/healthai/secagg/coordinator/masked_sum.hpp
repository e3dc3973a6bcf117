#pragma once

#include <cstddef>
#include <map>
#include <vector>

#include "healthai/secagg/messages.hpp"
#include "healthai/secagg/ring_vector.hpp"

namespace healthai::secagg {

/// What the coordinator has after step 3: the sum, still masked, and who is in it. It must be on disk before step 4 begins: a
/// coordinator that is started again asks for the shares that open this very list, and for no other, as two lists of one request
/// would differ by updates.
struct MaskedSum {
  Digest request{};                        ///< of which secure sum
  std::map<Index, AdvertisedKeys> keys{};  ///< of everybody who shared secrets
  std::vector<Index> survivors{};          ///< whose vectors are in it, in their order
  RingVector sum{};

  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& request& keys& survivors& sum;
  }
};

}  // namespace healthai::secagg
