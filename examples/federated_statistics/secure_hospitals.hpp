#pragma once

#include <healthai/crypto/signing_key.hpp>
#include <healthai/secagg/secure_aggregation.hpp>
#include <healthai/secagg/secure_handlers.hpp>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "federated_statistics/hospitals.hpp"

namespace study {

/// Calls `work` with a transport that sums what the simulated hospitals answer and shows nobody's part. \tparam T  summed statistics
/// \throws healthai::Error (`invalid_argument`) for fewer than three sites: of two each would learn the other's part
template <healthai::Statistic... T, class Work>
void over_secure_hospitals(Study& study, Work work) {
  if (study.sites.size() < 3) {
    throw healthai::Error(
        healthai::error::invalid_argument,
        "--secure needs at least three sites, as of two each would learn the other's part; got " +
            std::to_string(study.sites.size()) + " (see --site-column)");
  }
  std::vector<healthai::SigningKey> keys;
  std::vector<healthai::secagg::Member> list;
  for (const healthai::Site& site : study.sites) {
    keys.push_back(healthai::SigningKey::make());
    list.push_back({site.id, {keys.back().public_key()}});
  }
  const auto members = std::make_shared<const healthai::secagg::Members>(list);
  const healthai::secagg::SecAggOptions protocol{.corrupt = 0.1, .dropout = 0};
  healthai::InProcess line;
  for (std::size_t i = 0; i < study.sites.size(); ++i) {
    const healthai::StatisticsSite statistics =
        healthai::StatisticsSite(study.sites[i].table, study.rules).in_sum();
    healthai::secagg::SecureMember self{study.sites[i].id, keys[i], members, {}, {}};
    self.rules.options = protocol;
    line.add(study.sites[i].id,
             healthai::secagg::secure_handlers<T...>(statistics.template handlers<T...>(), std::move(self)));
  }
  healthai::SecureAggregationOptions options;
  options.protocol = protocol;
  healthai::SecureAggregation<healthai::InProcess> secure{line, members, options};
  study.note(
      "secure aggregation, simulated in one process: the coordinator gets sums over all sites, and no site's "
      "part");
  work(secure);
}

}  // namespace study
