#include "healthai/server/detail/lent_parameters.hpp"

#include <doctest/doctest.h>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

namespace server_detail_lent_parameters_test {

using namespace healthai;
using healthai::detail::LentParameters;

TEST_CASE("LentParameters: in the broadcast for a while, and then back in the same memory") {
  Parameters<double> parameters(Layout{{"x", {3}}}, std::vector<double>{1, 2, 3});
  const double* const memory = std::as_const(parameters).data();
  TrainBroadcast<double> rest;
  rest.seed = 7;
  {
    LentParameters<double> lent(parameters, std::move(rest));
    CHECK(parameters.size() == 0);
    CHECK(lent.layout() == Layout{{"x", {3}}});
    auto broadcast = lent.broadcast();
    CHECK(broadcast->seed == 7);
    CHECK(broadcast->parameters.data() == memory);
    const std::jthread holder(
        [broadcast = std::move(broadcast)] { CHECK(broadcast->parameters.data()[2] == 3); });
  }
  CHECK(std::as_const(parameters).data() == memory);
  CHECK(parameters.data()[2] == 3);
}

TEST_CASE(
    "LentParameters: a broadcast that somebody keeps stays as it is, and the parameters come back as a "
    "copy") {
  Parameters<float> parameters(Layout{{"x", {2}}}, std::vector<float>{1, 2});
  std::shared_ptr<const TrainBroadcast<float>> kept;
  {
    LentParameters<float> lent(parameters, {});
    kept = lent.broadcast();
  }
  REQUIRE(parameters.size() == 2);
  CHECK(parameters.data() != kept->parameters.data());
  parameters.data()[0] = 5;
  CHECK(kept->parameters.data()[0] == 1);
  CHECK(kept->parameters.data()[1] == 2);
}

TEST_CASE("LentParameters: they come back from a broadcast that was never sent") {
  Parameters<double> parameters(Layout{{"x", {1}}}, std::vector<double>{4});
  { const LentParameters<double> lent(parameters, {}); }
  CHECK(parameters.size() == 1);
  CHECK(parameters.data()[0] == 4);
}

}  // namespace server_detail_lent_parameters_test
