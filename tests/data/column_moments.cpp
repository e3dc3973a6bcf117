#include "healthai/data/column_moments.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "csv_text.hpp"
#include "folders.hpp"
#include "healthai/data/csv.hpp"
#include "healthai/data/partition.hpp"

namespace data_column_moments_test {

using csv_test::message_of;
using healthai::add_moments;
using healthai::column_moments;
using healthai::ColumnMoments;
using healthai::ColumnMomentsBroadcast;
using healthai::ColumnMomentsReply;
using healthai::DesignMatrix;
using healthai::Table;
namespace error = healthai::error;

namespace {

DesignMatrix one_column(std::vector<double> values) {
  const std::size_t rows = values.size();
  return {rows, 1, std::move(values), {"x"}};
}

}  // namespace

TEST_CASE("sums and sums of squares about the shift") {
  const DesignMatrix x{2, 2, {1, 10, 3, 20}, {"a", "b"}};
  const ColumnMomentsReply plain = column_moments(x, {{"a", "b"}, {}});
  CHECK(plain == ColumnMomentsReply{2, {4, 30}, {10, 500}});
  const ColumnMomentsReply shifted = column_moments(x, {{"a", "b"}, {1, 15}});
  CHECK(shifted == ColumnMomentsReply{2, {2, 0}, {4, 50}});
  const DesignMatrix none{0, 2, {}, {"a", "b"}};
  CHECK(column_moments(none, {{"a", "b"}, {}}) == ColumnMomentsReply{0, {0, 0}, {0, 0}});
}

TEST_CASE("the lung data: the sums that R gives, at ten hospitals and in the pool") {
  // n, sum and sum of squares of the columns of R survival 3.5-3's `lung` (R 4.2.2).
  struct Reference {
    const char* name;
    double n, sum, sum_of_squares;
  };
  const Table lung = healthai::read_csv(source_folder() + "/examples/data/lung_hospitals.csv");
  for (const Reference& r :
       {Reference{"time", 228, 69593, 31314383}, Reference{"age", 228, 14238, 907814},
        Reference{"ph.ecog", 227, 216, 322}, Reference{"ph.karno", 227, 18600, 1558400},
        Reference{"pat.karno", 225, 17990, 1486300}, Reference{"meal.cal", 181, 168109, 185250119},
        Reference{"wt.loss", 214, 2104, 57462}}) {
    CAPTURE(r.name);
    const Table used = lung.select(lung.complete_rows({r.name}));
    ColumnMomentsReply total;
    for (const healthai::Site& site : healthai::partition_by(used, "hospital")) {
      add_moments(total, column_moments(site.table, {{r.name}, {}}), site.name);
    }
    CHECK(total == ColumnMomentsReply{r.n, {r.sum}, {r.sum_of_squares}});  // whole numbers: exact
    CHECK(total == column_moments(used, {{r.name}, {}}));
  }
  CHECK(message_of(error::invalid_data,
                   [&] {
                     (void)column_moments(lung, {{"wt.loss"}, {}});
                   })
            .find("line 2, column \"wt.loss\": expected a number, but the value is missing") !=
        std::string::npos);
}

TEST_CASE("split at random, the sums are those of the pool") {
  CHECK(rc::check([](const std::vector<int>& wholes) {
    const double shift = *rc::gen::inRange(-1000, 1000);
    std::vector<std::vector<double>> parts(*rc::gen::inRange<std::size_t>(1, 6));
    std::vector<double> all;
    for (const int whole : wholes) {
      all.push_back(whole % 100000);
      parts[*rc::gen::inRange<std::size_t>(0, parts.size())].push_back(all.back());
    }
    const ColumnMomentsBroadcast request{{"x"}, {shift}};
    ColumnMomentsReply total;
    for (auto& part : parts) add_moments(total, column_moments(one_column(part), request), "part");
    RC_ASSERT(total == column_moments(one_column(all), request));  // sums below 2^53: exact
  }));
}

TEST_CASE("a site's sum loses nothing however many rows there are") {
  std::vector<double> values(1, 1e16);
  values.insert(values.end(), 1000, 1.0);
  values.push_back(-1e16);
  CHECK(column_moments(one_column(values), {{"x"}, {}}).sum[0] == 1000);
}

TEST_CASE("as a task: the summand carries everything, unweighted") {
  static_assert(healthai::AdditiveTask<ColumnMoments>);
  static_assert(ColumnMoments::name == "column_moments.f64");
  const ColumnMomentsReply reply{3, {1, 2}, {5, 6}};
  const healthai::Summand<double> summand = ColumnMoments::summand(reply);
  CHECK(summand.weight == 3);
  CHECK(summand.scalars.empty());
  REQUIRE(summand.vectors.size() == 2);
  for (const auto& vector : summand.vectors) {
    CHECK_FALSE(vector.weighted);
    CHECK(vector.values.layout() == healthai::Layout{{"columns", {2}}});
  }
  CHECK(summand.vectors[0].values.data()[1] == 2);
  CHECK(summand.vectors[1].values.data()[0] == 5);
  CHECK(ColumnMoments::total(summand) == reply);
  CHECK(message_of(error::invalid_reply, [] { (void)ColumnMoments::total({}); }) != "(no Error)");
  CHECK(message_of(error::layout_mismatch, [] {
          (void)ColumnMoments::summand({3, {1, 2}, {5}});
        }) != "(no Error)");
  CHECK(ColumnMoments::bytes(reply) == 40);
  CHECK(ColumnMoments::bytes(ColumnMomentsBroadcast{{"age", "sex"}, {1, 2}}) == 22);
}

TEST_CASE("requests and replies that do not fit") {
  const DesignMatrix x = one_column({1, 2});
  CHECK(message_of(error::invalid_argument,
                   [&] {
                     (void)column_moments(x, {{"y"}, {}});
                   }) ==
        "column moments of \"y\" were asked for, but the matrix has the columns \"x\"; build it from "
        "request.names");
  CHECK(message_of(error::invalid_argument, [&] {
          (void)column_moments(x, {{"x"}, {1, 2}});
        }).find("expected no shift or 1 finite ones, one a column, got 2") != std::string::npos);
  const double infinity = std::numeric_limits<double>::infinity();
  CHECK(message_of(error::invalid_argument, [&] {
          (void)column_moments(x, {{"x"}, {infinity}});
        }) != "(no Error)");
  CHECK(message_of(error::overflow, [] {
          (void)column_moments(one_column({1e200}), {{"x"}, {}});
        }).find("column \"x\": ") == 0);
  CHECK(message_of(error::overflow, [] {
          (void)column_moments(one_column({1e308, 1e308}), {{"x"}, {}});
        }) != "(no Error)");

  ColumnMomentsReply total{2, {1}, {1}};
  const double nan_value = std::numeric_limits<double>::quiet_NaN();
  for (const ColumnMomentsReply& bad :
       {ColumnMomentsReply{1, {1, 2}, {1}}, ColumnMomentsReply{1, {1}, {}},
        ColumnMomentsReply{1, {nan_value}, {1}}, ColumnMomentsReply{1, {1}, {infinity}},
        ColumnMomentsReply{1, {1}, {-1}}, ColumnMomentsReply{-1, {1}, {1}}, ColumnMomentsReply{1.5, {1}, {1}},
        ColumnMomentsReply{nan_value, {1}, {1}}}) {
    CHECK(message_of(error::invalid_reply, [&] {
            add_moments(total, bad, "north");
          }).find("north: expected a whole number") == 0);
  }
  CHECK(total == ColumnMomentsReply{2, {1}, {1}});
  ColumnMomentsReply fresh;
  CHECK(message_of(error::invalid_reply, [&] {
          add_moments(fresh, {1, {1, 2}, {1}}, "north");
        }) != "(no Error)");
}

TEST_CASE("asking again about the mean") {
  const ColumnMomentsBroadcast request{{"x"}, {10}};
  const ColumnMomentsReply total{4, {8}, {20}};
  CHECK(healthai::recentred(request, total).shift == std::vector<double>{12});
  CHECK(healthai::recentred(request, total).names == request.names);
  CHECK(message_of(error::invalid_data, [&] {
          (void)healthai::recentred(request, {0, {0}, {0}});
        }) == "column moments: expected at least one row at any site, got none");
  CHECK(message_of(error::invalid_reply, [&] {
          (void)healthai::recentred(request, {4, {8, 1}, {20, 1}});
        }) != "(no Error)");
}

}  // namespace data_column_moments_test
