/// \file
/// libFuzzer target: whatever bytes a policy file holds, they are a policy or an Error of one line that names the file; and a policy
/// that names no task, or no minimum cohort, allows nothing. Build with `clang++ -fsanitize=fuzzer,address,undefined`.

#include "healthai/client/node/policy.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using healthai::Policy;
  try {
    const Policy policy = Policy::parse(std::string_view(reinterpret_cast<const char*>(data), size), "fuzz");
    if (policy.describe().empty()) std::abort();
    const healthai::Quota quota;
    healthai::RequestFacts request;
    request.approved = request.differential_privacy = request.secure_aggregation = true;
    request.threshold = 1000000;
    const healthai::NodeFacts node{.rows = 1000000};
    if (!policy.refusal(request, node, quota)) std::abort();  // a task without a name
    for (const auto& task : policy.tasks) {
      request.task = task.first;
      const auto found = policy.judge(request, node, quota);
      if (!found &&
          (!policy.minimum_cohort || policy.rounds_per_run == 0 || task.second.requests_per_day == 0)) {
        std::abort();
      }
      if (found && found->sentence.rfind("the policy of this node ", 0) != 0) std::abort();
    }
  } catch (const healthai::Error& e) {
    if (!(e.id() == healthai::error::policy) || std::strncmp(e.what(), "fuzz: ", 6) != 0) std::abort();
    if (std::strpbrk(e.what(), "\r\n") != nullptr) std::abort();
  }
  return 0;
}
