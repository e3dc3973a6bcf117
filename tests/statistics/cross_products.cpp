#include "healthai/statistics/cross_products.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "refusals.hpp"
#include "statistics/hospitals.hpp"

namespace statistics_cross_products_test {

using namespace hospitals_test;
using refusals_test::refuses;

TEST_CASE("cross products: one hospital's answers by hand") {
  Table table("three");
  table.add_numeric("x", {1, 2, 6}).add_numeric("y", {10, 20, 0});
  const CorrelationPlan plan{{}, {"x", "y"}, {}};
  const auto prepared = CrossProducts::prepare(plan, table);
  const auto numbers = [](const Summand<double>& s, std::size_t i) {
    return std::vector<double>(s.vectors.at(i).values.span().begin(), s.vectors.at(i).values.span().end());
  };
  const auto first = CrossProducts::answer(prepared, {plan, {}}, {});
  CHECK(numbers(first, 0) == std::vector<double>{3});
  CHECK(numbers(first, 1) == std::vector<double>{9, 30});
  const auto second = CrossProducts::answer(prepared, {plan, {3, 10}}, {});
  CHECK(numbers(second, 0) == std::vector<double>{0, 0});
  CHECK(numbers(second, 1) == std::vector<double>{4 + 1 + 9, -10 - 30, 100 + 100});
  refuses(
      [&] {
        return CrossProducts::answer(prepared, {plan, {1}}, {});
      },
      error::invalid_argument, "each of 2 columns, got 1");
}

TEST_CASE("cross products: sums of columns of two values are counts, and no column is asked for twice") {
  Table table("seven");
  table.add_numeric("x", {0, 0, 0, 1, 1, 1, 1})
      .add_numeric("y", {2, 5, 5, 5, 5, 2, 5})
      .add_numeric("k", {1, 2, 3, 4, 5, 6, 7});
  CorrelationPlan plan{{}, {"x", "y", "k"}, {}};
  // All; x; y by x, and y.
  CHECK(CrossProducts::disclosure(plan, CrossProducts::prepare(plan, table)).cells ==
        std::vector<double>{7, 3, 4, 1, 1, 2, 2, 3, 5});
  plan.columns = {"x", "k", "x"};
  refuses([&] { return CrossProducts::prepare(plan, table); }, error::invalid_argument, "named twice");
}

TEST_CASE("cross products: of three values sums and squares tell how many have each") {
  Table table("six");
  table.add_numeric("x", {0, 1, 2, 0, 0, 1}).add_numeric("y", {1, 2, 3, 4, 1, 1});
  const CorrelationPlan plan{{}, {"x", "y"}, {}};
  CHECK(CrossProducts::disclosure(plan, CrossProducts::prepare(plan, table)).cells ==
        std::vector<double>{6, 3, 2, 1});
}

TEST_CASE("cross products: federated equals pooled, in long double") {
  CHECK(rc::check("random tables, 1 to 50 sites", [] {
    const auto rows = *rc::gen::inRange<std::size_t>(10, 300);
    const auto seed = *rc::gen::inRange<std::uint64_t>(1, 1000000);
    const auto site = random_sites(rows, *rc::gen::inRange<std::size_t>(1, 51), seed);
    const Table table = random_table(rows, seed, site);
    InProcess hospitals{{.threads = 1}};
    add_split(hospitals, table, site);
    const std::vector<std::string> columns{"x", "y", "z", "k"};
    const auto complete = table.complete_rows(columns);
    RC_PRE(complete.size() > 2U);
    const Table kept = table.select(complete);
    Analysis analysis(hospitals);
    const CovarianceSums got = covariance_sums(analysis, {{}, columns, {}});
    RC_ASSERT(got.n == complete.size());
    for (std::size_t i = 0; i < 4; ++i) {
      const auto u = values_of(kept, columns[i]);
      const LongMoments mu(u);
      for (std::size_t j = 0; j < 4; ++j) {
        const auto v = values_of(kept, columns[j]);
        const LongMoments mv(v);
        long double sum = 0;
        for (std::size_t row = 0; row < u.size(); ++row) sum += (u[row] - mu.mean) * (v[row] - mv.mean);
        // Of a constant, the sums in long double are not quite 0.
        const auto scale = static_cast<double>(std::sqrt(mu.s2 * mv.s2) / (mu.n - 1));
        const double covariance = got.covariance(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(j));
        RC_ASSERT(std::fabs(covariance - static_cast<double>(sum / (mu.n - 1))) <= 1e-10 * scale + 1e-30);
      }
    }
  }));
}

TEST_CASE("cross products: a constant column has no variance, whatever the rounding") {
  InProcess hospitals{{.threads = 1}};
  for (const char* id : {"one", "two", "three"}) {
    Table table(id);
    table.add_numeric("x", {1, 2, 4}).add_numeric("c", {0.1, 0.1, 0.1});
    hospitals.add(id, all_handlers(table));
  }
  Analysis analysis(hospitals);
  const CovarianceSums got = covariance_sums(analysis, {{}, {"x", "c"}, {}});
  CHECK(got.covariance(1, 1) == 0);
  CHECK(got.covariance(0, 1) == 0);
  CHECK(got.covariance(0, 0) == doctest::Approx(3 * 14.0 / 3 / 8));
}

}  // namespace statistics_cross_products_test
