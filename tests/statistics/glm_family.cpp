#include "healthai/statistics/glm_family.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <utility>
#include <vector>

namespace statistics_glm_family_test {

using namespace healthai;

namespace {

const std::vector<std::pair<GlmFamily, GlmLink>> all = {
    {GlmFamily::gaussian, GlmLink::identity}, {GlmFamily::gaussian, GlmLink::log},
    {GlmFamily::gaussian, GlmLink::inverse},  {GlmFamily::binomial, GlmLink::logit},
    {GlmFamily::binomial, GlmLink::probit},   {GlmFamily::binomial, GlmLink::log},
    {GlmFamily::binomial, GlmLink::identity}, {GlmFamily::poisson, GlmLink::log},
    {GlmFamily::poisson, GlmLink::identity},  {GlmFamily::gamma, GlmLink::inverse},
    {GlmFamily::gamma, GlmLink::identity},    {GlmFamily::gamma, GlmLink::log}};

double deviance_at(GlmFamily family, GlmLink link, double y, double eta) {
  detail::GlmRow row;
  CHECK(detail::glm_row(family, link, y, eta, row));
  return row.deviance;
}

}  // namespace

TEST_CASE("names") {
  for (const auto& [family, link] : all) {
    CHECK(parse_family(name_of(family)) == family);
    CHECK(parse_link(name_of(link)) == link);
    CHECK(link_of(family, link) == link);
  }
  CHECK_THROWS_AS(static_cast<void>(parse_family("weibull")), Error);
  CHECK_THROWS_AS(static_cast<void>(parse_link("sqrt")), Error);
}

TEST_CASE("links that a family has, and its own") {
  CHECK(link_of(GlmFamily::gaussian, GlmLink::canonical) == GlmLink::identity);
  CHECK(link_of(GlmFamily::binomial, GlmLink::canonical) == GlmLink::logit);
  CHECK(link_of(GlmFamily::poisson, GlmLink::canonical) == GlmLink::log);
  CHECK(link_of(GlmFamily::gamma, GlmLink::canonical) == GlmLink::inverse);
  int refused = 0;
  for (const GlmFamily family :
       {GlmFamily::gaussian, GlmFamily::binomial, GlmFamily::poisson, GlmFamily::gamma}) {
    for (const GlmLink link :
         {GlmLink::identity, GlmLink::log, GlmLink::logit, GlmLink::inverse, GlmLink::probit}) {
      try {
        static_cast<void>(link_of(family, link));
      } catch (const Error& e) {
        CHECK(e.id() == error::invalid_argument);
        ++refused;
      }
    }
  }
  CHECK(refused == 4 * 5 - static_cast<int>(all.size()));
}

TEST_CASE("the score is minus half the derivative of the deviance, and the weight that of its mean") {
  for (const auto& entry : all) {
    const GlmFamily family = entry.first;
    const GlmLink link = entry.second;
    CAPTURE(name_of(family));
    CAPTURE(name_of(link));
    for (const double mean : {0.2, 0.5, 0.85}) {
      const double eta = detail::link_function(link, mean);
      const double h = 1e-5 * (std::fabs(eta) + 0.1);
      double expected_score = 0, expected_square = 0;
      for (const double y : {1.0, 0.0}) {
        if (family == GlmFamily::gamma && y == 0) continue;
        detail::GlmRow row;
        REQUIRE(detail::glm_row(family, link, y, eta, row));
        const double slope =
            (deviance_at(family, link, y, eta + h) - deviance_at(family, link, y, eta - h)) / (2 * h);
        CHECK(row.score == doctest::Approx(-slope / 2).epsilon(1e-7));  // h^2
        const double chance = y > 0.5 ? mean : 1 - mean;
        expected_score += chance * row.score;
        expected_square += chance * row.score * row.score;
        if (link != GlmLink::logit) {
          CHECK(row.pearson * row.weight == doctest::Approx(row.score * row.score).epsilon(1e-12));
        }
      }
      if (family != GlmFamily::binomial) continue;
      // Over both outcomes: of mean 0, and of variance weight.
      detail::GlmRow row;
      CHECK(detail::glm_row(family, link, 1, eta, row));
      CHECK(std::fabs(expected_score) < 1e-12);
      CHECK(row.weight == doctest::Approx(expected_square).epsilon(1e-12));
    }
  }
}

TEST_CASE("a logistic row far away is exact") {
  const detail::GlmRow right = detail::logistic_row(1, 50), wrong = detail::logistic_row(1, -50);
  CHECK(right.score == doctest::Approx(std::exp(-50.0)).epsilon(1e-15));
  CHECK(right.weight == doctest::Approx(std::exp(-50.0)).epsilon(1e-15));
  CHECK(right.deviance == doctest::Approx(2 * std::exp(-50.0)).epsilon(1e-15));
  CHECK(wrong.score == 1);
  CHECK(wrong.deviance == doctest::Approx(100).epsilon(1e-15));
  CHECK(detail::logistic_row(0, 50).score == -1);
  CHECK(std::isfinite(detail::logistic_row(0, 1e300).deviance));
}

TEST_CASE("means outside of the range are told") {
  detail::GlmRow row;
  CHECK_FALSE(detail::glm_row(GlmFamily::poisson, GlmLink::identity, 1, -0.1, row));
  CHECK_FALSE(detail::glm_row(GlmFamily::gamma, GlmLink::inverse, 1, 0, row));
  CHECK_FALSE(detail::glm_row(GlmFamily::gamma, GlmLink::inverse, 1, -1, row));
  CHECK_FALSE(detail::glm_row(GlmFamily::binomial, GlmLink::log, 1, 0.1, row));
  CHECK_FALSE(detail::glm_row(GlmFamily::binomial, GlmLink::identity, 0, 1, row));
  CHECK_FALSE(detail::glm_row(GlmFamily::poisson, GlmLink::log, 1, 800, row));
  CHECK_FALSE(detail::glm_row(GlmFamily::binomial, GlmLink::logit, 1, std::nan(""), row));
  CHECK(detail::glm_row(GlmFamily::gaussian, GlmLink::inverse, 1, -1, row));
}

TEST_CASE("link functions undo the means") {
  for (const double mean : {1e-6, 0.3, 0.5, 0.999}) {
    CHECK(std::erfc(-detail::link_function(GlmLink::probit, mean) / std::sqrt(2.0)) / 2 ==
          doctest::Approx(mean).epsilon(1e-12));
    CHECK(1 / (1 + std::exp(-detail::link_function(GlmLink::logit, mean))) ==
          doctest::Approx(mean).epsilon(1e-12));
  }
  CHECK(detail::mean_near(GlmFamily::binomial, 1) == 0.75);
  CHECK(detail::mean_near(GlmFamily::poisson, 0) == 0.1);
  CHECK(detail::mean_near(GlmFamily::gamma, 3) == 3);
}

}  // namespace statistics_glm_family_test
