#include "healthai/server/federated_scaling.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "healthai/data/csv.hpp"
#include "healthai/data/partition.hpp"
#include "healthai/transport/in_process.hpp"

namespace server_federated_scaling_test {

using namespace healthai;

TEST_CASE("scaling over a transport is the scaling of the pooled table") {
  const Table table =
      parse_csv("site,age,dose\n1,61,1000001\n1,55,1000002\n2,70,1000003\n2,48,1000005\n2,66,1000004\n", "t");
  InProcess sites;
  for (const Site& site : partition_by(table, "site")) {
    TaskHandlers handlers;
    handlers.offer<ColumnMoments>(
        [rows = site.table](const Request<ColumnMomentsBroadcast>& request, std::stop_token) {
          return column_moments(rows, *request);
        });
    sites.add(site.id, handlers);
  }
  const Scaling scaling = federated_scaling(sites, {"age", "dose"});
  CHECK(scaling.mean[0] == 60);
  CHECK(scaling.mean[1] == doctest::Approx(1000003).epsilon(1e-15));
  CHECK(scaling.sd[0] == doctest::Approx(std::sqrt(61.2)).epsilon(1e-14));
  CHECK(scaling.sd[1] == doctest::Approx(std::sqrt(2.0)).epsilon(1e-14));
}

TEST_CASE("everyone is told how to standardise, and the number of rows comes back") {
  InProcess sites({.threads = 1});
  std::vector<double> heard;
  for (const char* id : {"north", "south"}) {
    TaskHandlers handlers;
    handlers.offer<Standardise>([&heard](const Request<StandardiseBroadcast>& request, std::stop_token) {
      heard.push_back(request->scaling.mean.at(0));
      return StandardiseReply{static_cast<double>(10 * heard.size())};
    });
    sites.add(id, handlers);
  }
  CHECK(standardise(sites, {{"age"}, {60}, {10}}) == 30);
  CHECK(heard == std::vector<double>{60, 60});
}

}  // namespace server_federated_scaling_test
