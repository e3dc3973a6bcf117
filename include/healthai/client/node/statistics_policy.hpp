#pragma once

#include <string>

#include "healthai/client/node/policy.hpp"
#include "healthai/statistics/disclosure.hpp"

namespace healthai {

/// What a policy file lets statistics tell: its setting "statistics", for programs that answer statistics without a Node. The whole file is
/// read, and whatever in it is not understood is an error, as for a node. A policy without that setting allows no column, and so nothing.
/// \throws Error (`file`), (`policy`) as Policy::read
[[nodiscard]] inline DisclosureRules read_disclosure_rules(const std::string& path) {
  return Policy::read(path).statistics;
}

}  // namespace healthai
