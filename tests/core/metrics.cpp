#include "healthai/core/metrics.hpp"

#include <doctest/doctest.h>

#include <limits>

namespace core_metrics_test {

using namespace healthai;

TEST_CASE("metrics add as fractions") {
  Metrics north;
  north.add("loss", 30, 10);
  north.add("accuracy", 9, 10);
  Metrics south;
  south.add("loss", 10, 30);
  north += south;
  CHECK(north["loss"] == 1.0);  // 40 / 40, not the mean of 3 and 1/3
  CHECK(north["accuracy"] == 0.9);
  CHECK(north.size() == 2);
}

TEST_CASE("a metric that is not there is said, with those that are") {
  Metrics metrics;
  metrics.add("loss", 0, 0);
  CHECK_FALSE(metrics.find("loss").has_value());
  CHECK_FALSE(metrics.find("auc").has_value());
  metrics.add("r2", 1, 2);
  CHECK_THROWS_WITH_AS(static_cast<void>(metrics["auc"]), "no metric \"auc\"; there are: loss, r2", Error);
}

TEST_CASE("metrics know when they are not numbers") {
  Metrics metrics;
  metrics.add("loss", 1, 2);
  CHECK(metrics.all_finite());
  metrics.add("loss", std::numeric_limits<double>::quiet_NaN(), 0);
  CHECK_FALSE(metrics.all_finite());
}

}  // namespace core_metrics_test
