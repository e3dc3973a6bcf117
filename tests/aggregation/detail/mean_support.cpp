#include "healthai/aggregation/detail/mean_support.hpp"

#include <doctest/doctest.h>
#include <limits>
#include <string>
#include <vector>

namespace aggregation_detail_mean_support_test {

using namespace healthai;

TEST_CASE("mean support: a mean needs updates and a positive, finite total weight") {
  const auto id_of = [](std::uint64_t count, double weight) {
    try {
      detail::require_mean_exists(count, weight);
    } catch (const Error& e) {
      return std::string(e.id().name());
    }
    return std::string("none");
  };
  CHECK(id_of(0, 0) == "invalid_argument");
  CHECK(id_of(2, 0) == "invalid_argument");
  CHECK(id_of(2, std::numeric_limits<double>::infinity()) == "overflow");
  CHECK(id_of(2, std::numeric_limits<double>::denorm_min()) == "none");
}

TEST_CASE("mean support: an overflow names the tensor and the number within it") {
  const Layout layout{{"weight", {2, 2}}, {"nothing", {0}}, {"bias", {3}}};
  const auto message = [&](std::size_t index) {
    try {
      detail::mean_overflow(layout, index, "advice");
    } catch (const Error& e) {
      CHECK(e.id() == error::overflow);
      return std::string(e.what());
    }
  };
  CHECK(message(3) == "number 3 of tensor \"weight\" of the mean is too large; advice");
  CHECK(message(4) == "number 0 of tensor \"bias\" of the mean is too large; advice");
  CHECK(message(6) == "number 2 of tensor \"bias\" of the mean is too large; advice");
}

TEST_CASE("mean support: a list of terms points into the updates") {
  const Layout layout{{"a", {2}}};
  const std::vector<Update<float>> updates{{Parameters<float>(layout), 2.0},
                                           {Parameters<float>(layout), 3.0}};
  const detail::TermList<float> list(updates);
  const auto terms = list.terms();
  REQUIRE(terms.count == 2);
  CHECK(terms.values[1] == updates[1].values.data());
  CHECK(terms.weights[0] == 2.0);
  CHECK(terms.weights[1] == 3.0);
}

}  // namespace aggregation_detail_mean_support_test
