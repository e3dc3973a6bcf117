#include "healthai/statistics/contingency.hpp"

#include <doctest/doctest.h>

#include <cmath>

namespace statistics_contingency_test {

using namespace healthai;

namespace {

/// Admissions to Berkeley by sex in six departments, the data set UCBAdmissions of R (Bickel, Hammel, O'Connell: Sex Bias in Graduate
/// Admissions, 1975): admitted men, admitted women, rejected men, rejected women.
constexpr std::array<std::array<double, 4>, 6> berkeley{{{512, 89, 313, 19},
                                                         {353, 17, 207, 8},
                                                         {120, 202, 205, 391},
                                                         {138, 131, 279, 244},
                                                         {53, 94, 138, 299},
                                                         {22, 24, 351, 317}}};
bool near(double a, double b, double share = 1e-12) {
  return std::fabs(a - b) <= share * std::fabs(b);
}

}  // namespace

TEST_CASE("contingency: margins and what they let expect") {
  const CountTable table{3, {1, 2, 3, 4, 5, 6}};
  CHECK(table.rows() == 2);
  CHECK(table.total() == 21);
  CHECK(table.row_totals() == std::vector<double>{6, 15});
  CHECK(table.column_totals() == std::vector<double>{5, 7, 9});
  CHECK(table.at(1, 2) == 6);
  CHECK(table.expected()[4] == 5);
  CHECK(CountTable{2, {0, 0, 0, 0}}.expected() == std::vector<double>(4, 0));
}

TEST_CASE("contingency: chi-square with and without Yates' correction") {
  CountTable all{2, {0, 0, 0, 0}};
  for (const auto& stratum : berkeley) {
    for (std::size_t i = 0; i < 4; ++i) all.counts[i] += stratum[i];
  }
  const auto plain = chi_square_test(all);
  const auto yates = chi_square_test(all, true);
  REQUIRE(plain);
  REQUIRE(yates);
  CHECK(near(plain->statistic, 92.20528041152764));
  CHECK(near(yates->statistic, 91.60959785812125));  // chisq.test of R prints 91.61
  CHECK(near(yates->p_value, std::erfc(std::sqrt(yates->statistic / 2)), 1e-10));
  CHECK(yates->df == 1);
  // Where a difference is smaller than a half, it is the correction: the statistic is 0, not more than without it.
  CHECK(chi_square_test(CountTable{2, {5, 5, 5, 6}}, true)->statistic == 0);
}

TEST_CASE("contingency: levels without anybody do not count, and one level alone has no test") {
  const auto test = chi_square_test(CountTable{3, {10, 0, 20, 30, 0, 15, 0, 0, 0}});
  REQUIRE(test);
  CHECK(test->df == 1);
  CHECK(test->statistic == chi_square_test(CountTable{2, {10, 20, 30, 15}})->statistic);
  CHECK(chi_square_test(CountTable{3, {10, 0, 20, 30, 0, 15}}, true));  // is two by two, then
  CHECK_FALSE(chi_square_test(CountTable{2, {10, 0, 20, 0}}));
  CHECK_FALSE(chi_square_test(CountTable{3, {10, 1, 20, 30, 1, 15}}, true));
}

TEST_CASE("contingency: Mantel-Haenszel as mantelhaen.test of R prints it") {
  const auto test = mantel_haenszel(berkeley);
  REQUIRE(test);
  CHECK(std::fabs(test->statistic - 1.4269) < 5e-5);
  CHECK(std::fabs(test->p_value - 0.2323) < 5e-5);
  CHECK(std::fabs(test->odds_ratio - 0.9046968) < 5e-8);
  CHECK(std::fabs(test->lower - 0.7719074) < 5e-8);
  CHECK(std::fabs(test->upper - 1.0603298) < 5e-8);
  // To more digits, by the formulas of the papers in another program.
  CHECK(near(test->statistic, 1.4269462285866883));
  CHECK(near(test->p_value, 0.23226346281704818));
  CHECK(near(test->odds_ratio, 0.9046968282586231));
  CHECK(near(test->lower, 0.7719073617593505));
  CHECK(near(test->upper, 1.0603297644366558));
}

TEST_CASE(
    "contingency: Mantel-Haenszel of one stratum is the odds ratio, and strata of one patient tell nothing") {
  const std::array<std::array<double, 4>, 1> one{{{10, 20, 30, 15}}};
  CHECK(near(mantel_haenszel(one)->odds_ratio, 10.0 * 15 / (20 * 30)));
  const std::array<std::array<double, 4>, 3> more{{{10, 20, 30, 15}, {0, 1, 0, 0}, {0, 0, 0, 0}}};
  CHECK(mantel_haenszel(more)->statistic == mantel_haenszel(one)->statistic);
  CHECK(mantel_haenszel(more)->upper == mantel_haenszel(one)->upper);
  const std::array<std::array<double, 4>, 1> empty_row{{{10, 20, 0, 0}}};
  CHECK_FALSE(mantel_haenszel(empty_row));
  CHECK(mantel_haenszel(one, 0.99)->lower < mantel_haenszel(one, 0.95)->lower);
}

}  // namespace statistics_contingency_test
