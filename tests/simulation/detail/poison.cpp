#include "healthai/simulation/detail/poison.hpp"

#include <doctest/doctest.h>

namespace simulation_detail_poison_test {

using namespace healthai;

TEST_CASE("mean and deviations coordinate by coordinate") {
  const Layout layout{{"w", {2}}};
  const Parameters<double> a(layout, std::vector<double>{1, 4});
  const Parameters<double> b(layout, std::vector<double>{3, 4});
  const std::vector<const Parameters<double>*> both{&a, &b};
  const auto sent =
      detail::mean_less_deviations<double>(std::span<const Parameters<double>* const>(both), -2, 0.5);
  CHECK(sent.data()[0] == -4.5);  // -2 * 2 - 0.5 * 1
  CHECK(sent.data()[1] == -8);
}

TEST_CASE("what an attacker makes of its own update") {
  Parameters<float> update(Layout{{"w", {2}}}, std::vector<float>{1, -4});
  detail::poison_own(SignFlip{2}, update, Stream(1, Purpose::test));
  CHECK(update.data()[0] == -2);
  CHECK(update.data()[1] == 8);
  detail::poison_own(LabelFlip{}, update, Stream(1, Purpose::test));
  CHECK(update.data()[1] == 8);
  CHECK(detail::needs_others(ALittleIsEnough{}));
  CHECK_FALSE(detail::needs_others(SignFlip{}));
}

}  // namespace simulation_detail_poison_test
