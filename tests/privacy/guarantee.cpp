#include "healthai/privacy/guarantee.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>
#include <cmath>
#include <concepts>
#include <string>
#include <type_traits>

#include "refusals.hpp"

namespace privacy_guarantee_test {

using namespace healthai;
using refusals_test::refuses;

namespace {

struct Wards {
  static constexpr std::string_view plural = "wards";
  static constexpr std::string_view one = "one ward";
};
struct NoName {
  static constexpr std::string_view plural = "things";
};

}  // namespace

// A hospital's epsilon is no patient's, and neither comes from a bare number.
static_assert(PrivacyUnit<Patients> && PrivacyUnit<Hospitals> && PrivacyUnit<Wards> && !PrivacyUnit<NoName>);
static_assert(!std::convertible_to<Epsilon<Hospitals>, Epsilon<Patients>>);
static_assert(!std::convertible_to<Delta<Hospitals>, Delta<Patients>>);
static_assert(!std::convertible_to<double, Delta<Patients>>);
static_assert(!std::is_constructible_v<Epsilon<Patients>, double>);
static_assert(!std::is_constructible_v<Epsilon<Patients>, double, Delta<Hospitals>>);

TEST_CASE("delta must not allow publishing a unit whole") {
  CHECK(Delta<Hospitals>(0.05, 10).value() == 0.05);
  CHECK(Delta<Patients>(0.5).value() == 0.5);  // nobody said how many there are
  refuses([] { Delta<Hospitals>(0.1, 10); }, "delta must be below 1 / 10 hospitals, but is 0.1");
  refuses([] { Delta<Patients>(1e-3, 5000); }, "below 1 / 5000 patients");
  refuses([] { Delta<Patients>(1e-5, 0); }, "1 / 0 patients");
  for (const double bad : {0.0, 1.0, -1e-9, 2.0, std::nan(""), HUGE_VAL}) {
    refuses([&] { Delta<Patients>{bad}; }, "delta must be in (0, 1)");
    refuses([&] { Delta<Patients>(bad, 10); }, "delta must be");
  }
}

TEST_CASE("no epsilon is written without its unit, delta and adjacency") {
  CHECK(Epsilon<Patients>(2.59664191, Delta<Patients>(1e-5)).text() ==
        "epsilon 2.597 (delta 1e-05; one patient's record added or removed)");
  CHECK(Epsilon<Hospitals>(8, Delta<Hospitals>(0.01, 10), Adjacency::replace).text() ==
        "epsilon 8 (delta 0.01; one hospital's whole contribution replaced by another)");
  CHECK(Epsilon<Wards>(0, Delta<Wards>(0.5)).text() == "epsilon 0 (delta 0.5; one ward added or removed)");
  for (const double bad : {-1e-9, std::nan(""), HUGE_VAL}) {
    refuses([&] { Epsilon<Patients>(bad, Delta<Patients>(1e-5)); }, "epsilon must be a number of at least 0");
  }
}

TEST_CASE("what is written is never less than what was spent, and at most a thousandth more") {
  const auto written = [](double value) {
    return std::stod(Epsilon<Patients>(value, Delta<Patients>(1e-5)).text().substr(8));
  };
  CHECK(written(0.1) == 0.1);
  CHECK(written(9.9991) == 10);
  CHECK(written(23697.29) == 23700);
  CHECK(written(1.0001e-7) == 1.001e-7);
  CHECK(rc::check([&] {
    const double value = std::pow(10.0, *rc::gen::inRange(-8000, 8000) / 1000.0);
    RC_ASSERT(written(value) >= value * (1 - 1e-11));
    RC_ASSERT(written(value) <= value * (1 + 1.001e-3));
  }));
}

TEST_CASE("a guarantee says against whom, and what left without noise") {
  const Epsilon<Hospitals> epsilon(1.5, Delta<Hospitals>(1e-5, 10));
  CHECK(Guarantee<Hospitals>(epsilon, "whoever sees the models of all rounds", {"number of rows", "AUC"})
            .text() ==
        "epsilon 1.5 (delta 1e-05; one hospital's whole contribution added or removed), against whoever sees "
        "the "
        "models of all rounds; without noise: number of rows, AUC");
  const Guarantee<Hospitals> all(epsilon, "the coordinator", {});
  CHECK(all.text().find("against the coordinator; nothing leaves without noise") != std::string::npos);
  CHECK(all.epsilon().value() == 1.5);
  CHECK(all.not_noised().empty());
  refuses([&] { Guarantee<Hospitals>(epsilon, "", {}); }, "against whom");
}

}  // namespace privacy_guarantee_test
