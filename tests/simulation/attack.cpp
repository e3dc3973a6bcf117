#include "healthai/simulation/attack.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <cmath>
#include <limits>
#include <map>

#include "partitions.hpp"

namespace simulation_attack_test {

using namespace healthai;

namespace {
std::vector<ClientId> many(std::size_t count) {
  std::vector<ClientId> clients;
  for (std::size_t i = 0; i < count; ++i) clients.push_back("c" + std::to_string(i));
  return clients;
}
}  // namespace

TEST_CASE("the z of a little is enough, from a table of the normal distribution") {
  // n = 50, f = 24: s = 2, (50 - 24 - 2) / 26 = 0.923077, whose quantile is 1.426077.
  CHECK(ALittleIsEnough::largest_z(50, 24) == doctest::Approx(1.426077).epsilon(1e-6));
  // n = 10, f = 3: s = 3, 4 / 7 = 0.571429: 0.180012.
  CHECK(ALittleIsEnough::largest_z(10, 3) == doctest::Approx(0.180012).epsilon(1e-5));
  CHECK(ALittleIsEnough::largest_z(3, 1) == 0);  // the quantile of one half
  CHECK(ALittleIsEnough::largest_z(2, 1) == 0);
  CHECK(ALittleIsEnough::largest_z(1, 1) == 0);
  CHECK(ALittleIsEnough::largest_z(5, 0) == 0);  // 3 of 5 are needed, 2 / 5 is below one half
}

TEST_CASE("z is finite and not negative, and more attackers of as many clients dare more") {
  for (std::size_t n = 1; n <= 60; ++n) {
    double last = 0;
    for (std::size_t f = 0; 2 * f < n; ++f) {
      const double z = ALittleIsEnough::largest_z(n, f);
      CHECK(z >= last);
      CHECK(z < 3);
      last = z;
    }
    for (std::size_t f = 0; f <= n; ++f) CHECK(std::isfinite(ALittleIsEnough::largest_z(n, f)));
  }
}

TEST_CASE("attackers: the exact number, nested, any client as likely, the seed decides") {
  CHECK(choose_attackers(many(10), 0.25, 1).size() == 3);
  CHECK(choose_attackers(many(10), 0, 1).empty());
  CHECK(choose_attackers(many(10), 1, 1) == many(10));
  CHECK(choose_attackers({}, 1, 1).empty());
  std::map<ClientId, int> times;
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    const auto few = choose_attackers(many(10), 0.2, seed);
    const auto more = choose_attackers(many(10), 0.5, seed);
    CHECK(std::includes(more.begin(), more.end(), few.begin(), few.end()));
    for (const ClientId& client : few) ++times[client];
  }
  for (const auto& [client, n] : times) CHECK(std::abs(n - 400) < 6 * 18);  // binomial(2000, 0.2): sd 17.9
  CHECK_THROWS_AS((void)choose_attackers(many(3), 1.5, 1), Error);
}

TEST_CASE("text forms") {
  CHECK(parse_attack("sign_flip:0.2").share == 0.2);
  CHECK(std::get<SignFlip>(parse_attack("sign_flip:0.2").attack).scale == 1);
  CHECK(std::get<SignFlip>(parse_attack("sign_flip:0.2:3").attack).scale == 3);
  CHECK(std::get<GaussianNoise>(parse_attack("gaussian:0.1:2.5").attack).standard_deviation == 2.5);
  CHECK(std::get<InnerProductManipulation>(parse_attack("inner_product:0.1:0.7").attack).epsilon == 0.7);
  CHECK_FALSE(std::get<ALittleIsEnough>(parse_attack("little:0.3").attack).z);
  CHECK(std::get<ALittleIsEnough>(parse_attack("little:0.3:1.5").attack).z == 1.5);
  CHECK(std::holds_alternative<LabelFlip>(parse_attack("label_flip:0.3").attack));
}

TEST_CASE("other texts are refused with a list of what is known") {
  const std::string known =
      " Known are: sign_flip:SHARE[:SCALE], gaussian:SHARE[:STANDARD_DEVIATION], "
      "inner_product:SHARE[:EPSILON], "
      "little:SHARE[:Z], label_flip:SHARE";
  const auto refused = [](const char* text) { return error_of([&] { (void)parse_attack(text); }); };
  CHECK(refused("signflip:0.2") ==
        "unknown_name: no attack is called \"signflip\"; did you mean \"sign_flip\"?" + known);
  CHECK(refused("sign_flip") ==
        "invalid_argument: attack \"sign_flip\": a number is missing; write sign_flip:SHARE[:SCALE]." +
            known);
  CHECK(refused("sign_flip:1.2") ==
        "invalid_argument: attack: the share of attackers must be in [0, 1], but is 1.2");
  CHECK(refused("sign_flip:0.2:0") ==
        "invalid_argument: attack: the scale of a sign flip must be positive, but is 0");
  CHECK(refused("gaussian:0.2:-1").find("standard deviation") != std::string::npos);
  CHECK(refused("inner_product:0.2:0").find("epsilon") != std::string::npos);
  CHECK(refused("little:0.2:-1").find("z must not be negative") != std::string::npos);
  CHECK_THROWS_AS(validate(Attack{SignFlip{std::numeric_limits<double>::infinity()}}), Error);
}

}  // namespace simulation_attack_test
