#include "healthai/simulation/label_skew.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <cmath>
#include <set>

#include "partitions.hpp"

namespace simulation_label_skew_test {

using namespace healthai;

TEST_CASE("Dirichlet: every row once, equal sizes for labels, the minimum for shares") {
  CHECK(rc::check([](std::uint64_t seed) {
    const auto clients = *rc::gen::inRange<std::size_t>(1, 12);
    const auto rows = 3 * clients + *rc::gen::inRange<std::size_t>(0, 200);
    const auto labels = *rc::gen::container<std::vector<std::size_t>>(
        rows, rc::gen::inRange<std::size_t>(0, (std::min)(rows, std::size_t{6})));
    const double alpha = std::pow(10.0, *rc::gen::inRange(-5, 5));
    const auto groups = partition_rows(DirichletLabels{alpha}, labels, clients, seed);
    RC_ASSERT(groups.size() == clients);
    RC_ASSERT(covers(groups, rows, rows / clients));
    RC_ASSERT(covers(partition_rows(DirichletShares{alpha, 3}, labels, clients, seed), rows, 3));
    RC_ASSERT(groups == partition_rows(DirichletLabels{alpha}, labels, clients, seed));
  }));
}

TEST_CASE("Dirichlet labels: a tiny alpha gives one class a client while there are rows of it") {
  const auto labels = cycled_labels(4000, 4);
  const auto groups = partition_rows(DirichletLabels{1e-6}, labels, 40, 5);
  const auto first = counts(groups[0], labels, 4);
  CHECK(*std::max_element(first.begin(), first.end()) == 100);
  std::size_t pure = 0;
  for (const auto& group : groups) {
    const auto of = counts(group, labels, 4);
    pure += *std::max_element(of.begin(), of.end()) == 100 ? 1 : 0;
  }
  CHECK(pure >= 34);  // all but those that came when a class ran out
}

TEST_CASE("Dirichlet labels: a huge alpha gives everyone the mixture of all") {
  std::vector<std::size_t> labels;
  for (std::size_t row = 0; row < 10000; ++row) labels.push_back(row % 10 < 7 ? 0 : row % 10 - 6);
  for (const auto& group : partition_rows(DirichletLabels{1e6}, labels, 10, 5)) {
    const auto of = counts(group, labels, 4);
    CHECK(std::abs(static_cast<double>(of[0]) - 700) < 6 * 14.5);  // sd sqrt(1000 * 0.7 * 0.3)
    for (std::size_t k = 1; k < 4; ++k) CHECK(std::abs(static_cast<double>(of[k]) - 100) < 6 * 9.5);
  }
}

TEST_CASE("Dirichlet labels: the first client's variance is that of Dirichlet and multinomial draws") {
  // Of m rows, n_k has the variance m p (1 - p) (m + alpha) / (1 + alpha) when rows do not run out.
  const auto labels = cycled_labels(20000, 4);
  double mean = 0;
  double squares = 0;
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    const double n =
        static_cast<double>(counts(partition_rows(DirichletLabels{3}, labels, 400, seed)[0], labels, 4)[2]);
    mean += n / 400;
    squares += n * n / 400;
  }
  CHECK(mean == doctest::Approx(12.5).epsilon(0.15));
  CHECK(squares - mean * mean == doctest::Approx(50 * 0.25 * 0.75 * 53.0 / 4.0).epsilon(0.25));
}

TEST_CASE("Dirichlet shares: a class's shares vary as the symmetric Dirichlet distribution says") {
  const auto labels = cycled_labels(9000, 3);
  double squares = 0;
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    for (const auto& group : partition_rows(DirichletShares{1.5}, labels, 5, seed)) {
      squares += std::pow(static_cast<double>(counts(group, labels, 3)[1]) / 3000 - 0.2, 2) / 2500;
    }
  }
  CHECK(squares == doctest::Approx(4.0 / (25 * (5 * 1.5 + 1))).epsilon(0.1));
}

TEST_CASE("shards: by hand, sorted labels in pieces of equal size") {
  // Sorted by label: rows 1 3 5 7 (label 0), 0 2 4 6 (label 1): shards {1,3} {5,7} {0,2} {4,6}.
  const std::vector<std::size_t> labels{1, 0, 1, 0, 1, 0, 1, 0};
  std::set<std::vector<std::size_t>> seen;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    for (const auto& group : partition_rows(Shards{1}, labels, 4, seed)) seen.insert(group);
  }
  CHECK(seen == std::set<std::vector<std::size_t>>{{1, 3}, {5, 7}, {0, 2}, {4, 6}});
}

TEST_CASE("shards: every row once, and few classes a client") {
  CHECK(rc::check([](std::uint64_t seed) {
    const auto clients = *rc::gen::inRange<std::size_t>(1, 12);
    const auto each = *rc::gen::inRange<std::size_t>(1, 4);
    const auto rows = clients * each + *rc::gen::inRange<std::size_t>(0, 100);
    const auto groups =
        partition_rows(Shards{each}, cycled_labels(rows, (std::min)(rows, std::size_t{7})), clients, seed);
    RC_ASSERT(groups.size() == clients);
    RC_ASSERT(covers(groups, rows, rows / (clients * each) * each));
  }));
  // As in the paper: 10 classes of equal size, 200 shards, 2 a client: at most 2 classes.
  const auto labels = cycled_labels(6000, 10);
  for (const auto& group : partition_rows(Shards{2}, labels, 100, 1)) {
    const auto of = counts(group, labels, 10);
    CHECK(std::count_if(of.begin(), of.end(), [](std::size_t n) { return n > 0; }) <= 2);
    CHECK(group.size() == 60);
  }
}

TEST_CASE("impossible settings are refused") {
  const std::vector<std::size_t> labels{0, 1, 0, 1};
  CHECK(error_of([&] { (void)partition_rows(DirichletLabels{0}, labels, 2, 1); }) ==
        "invalid_argument: dirichlet: alpha must be positive and finite, but is 0");
  CHECK(error_of([&] { (void)partition_rows(DirichletLabels{1}, labels, 5, 1); }).find("invalid_data") == 0);
  CHECK(error_of([&] {
          (void)partition_rows(DirichletShares{1, 0}, labels, 2, 1);
        }).find("invalid_argument") == 0);
  CHECK(error_of([&] {
          (void)partition_rows(DirichletShares{1, 3}, labels, 2, 1);
        }).find("invalid_data") == 0);
  CHECK(error_of([&] { (void)partition_rows(Shards{0}, labels, 2, 1); }).find("invalid_argument") == 0);
  CHECK(error_of([&] { (void)partition_rows(Shards{3}, labels, 2, 1); }).find("invalid_data") == 0);
  CHECK(error_of([&] {
          (void)partition_rows(DirichletLabels{1}, std::vector<std::size_t>{0, 9}, 2, 1);
        }).find("row 1 has the label 9") != std::string::npos);
}

}  // namespace simulation_label_skew_test
