#include "healthai/server/round_report.hpp"

#include <doctest/doctest.h>

#include <set>

namespace server_round_report_test {

using namespace healthai;

TEST_CASE("every reason to stop has a name of its own") {
  std::set<std::string_view> names;
  for (const StopReason reason : {StopReason::all_rounds, StopReason::converged, StopReason::early_stopping,
                                  StopReason::stop_requested, StopReason::below_quorum}) {
    names.insert(to_string(reason));
  }
  CHECK(names.size() == 5);
  CHECK_FALSE(names.contains("unknown"));
}

}  // namespace server_round_report_test
