#include "healthai/data/scaling.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "csv_text.hpp"
#include "folders.hpp"
#include "healthai/data/csv.hpp"
#include "healthai/data/partition.hpp"

namespace data_scaling_test {

using csv_test::message_of;
using healthai::add_moments;
using healthai::column_moments;
using healthai::ColumnMomentsBroadcast;
using healthai::ColumnMomentsReply;
using healthai::DesignMatrix;
using healthai::LinearPredictor;
using healthai::Scaling;
using healthai::Table;
namespace error = healthai::error;

namespace {

DesignMatrix one_column(std::vector<double> values) {
  const std::size_t rows = values.size();
  return {rows, 1, std::move(values), {"x"}};
}
Scaling scaling_of(const DesignMatrix& x, const std::vector<double>& shift = {}) {
  const ColumnMomentsBroadcast request{x.names, shift};
  return Scaling::from_moments(request, column_moments(x, request));
}
bool near(double a, double b, double relative) {
  return std::abs(a - b) <= relative * std::abs(b);
}

}  // namespace

TEST_CASE("mean and standard deviation of the lung data, from ten hospitals' sums, are R's") {
  // n, mean() and var() (divisor n - 1) of the columns of survival 3.5-3's `lung` in R 4.2.2.
  struct Reference {
    const char* name;
    double n, mean, var;
  };
  const Table lung = healthai::read_csv(source_folder() + "/examples/data/lung_hospitals.csv");
  for (const Reference& r : {Reference{"time", 228, 305.2324561403509, 44371.54484504212},
                             Reference{"age", 228, 62.44736842105263, 82.32761418965917},
                             Reference{"ph.ecog", 227, 0.9515418502202643, 0.5153405325328447},
                             Reference{"ph.karno", 227, 81.93832599118943, 151.97848037113562},
                             Reference{"pat.karno", 225, 79.95555555555555, 213.8373015873016},
                             Reference{"meal.cal", 181, 928.7790055248619, 161744.49533456107},
                             Reference{"wt.loss", 214, 9.83177570093458, 172.65701373349128}}) {
    CAPTURE(r.name);
    const Table used = lung.select(lung.complete_rows({r.name}));
    for (const double shift : {0.0, std::round(r.mean)}) {
      const ColumnMomentsBroadcast request{{r.name}, {shift}};
      ColumnMomentsReply total;
      for (const healthai::Site& site : healthai::partition_by(used, "hospital")) {
        add_moments(total, column_moments(site.table, request), site.name);
      }
      const Scaling scaling = Scaling::from_moments(request, total);
      CHECK(near(scaling.mean[0], r.mean, 1e-15));
      CHECK(near(scaling.sd[0], std::sqrt(r.var * (r.n - 1) / r.n), 2e-14));
    }
  }
}

TEST_CASE("standardised covariates have mean 0 and standard deviation 1, and keep names") {
  const DesignMatrix x{4, 2, {1, 100, 2, 300, 3, 500, 6, 700}, {"a", "b"}};
  const DesignMatrix z = scaling_of(x).apply(x);
  CHECK(z.names == x.names);
  CHECK(z.rows == 4);
  for (Eigen::Index j = 0; j < 2; ++j) {
    CHECK(std::abs(z.matrix().col(j).sum()) < 1e-14);
    CHECK(std::abs(z.matrix().col(j).squaredNorm() - 4) < 1e-14);
  }
  CHECK(z.matrix()(3, 0) == doctest::Approx(3 / std::sqrt(3.5)).epsilon(1e-15));
}

TEST_CASE("split over sites, the scaling is that of the pool") {
  CHECK(rc::check([] {
    const auto values = *rc::gen::container<std::vector<int>>(*rc::gen::inRange<std::size_t>(2, 60),
                                                              rc::gen::inRange(-100000, 100000));
    std::vector<std::vector<double>> parts(*rc::gen::inRange<std::size_t>(1, 6));
    std::vector<double> all;
    for (const int value : values) {
      all.push_back(value / 64.0);
      parts[*rc::gen::inRange<std::size_t>(0, parts.size())].push_back(all.back());
    }
    RC_PRE(std::any_of(all.begin(), all.end(), [&all](double v) { return v != all[0]; }));
    const ColumnMomentsBroadcast request{{"x"}, {*rc::gen::inRange(-100, 100) / 8.0}};
    ColumnMomentsReply total;
    for (auto& part : parts) add_moments(total, column_moments(one_column(part), request), "part");
    RC_ASSERT(Scaling::from_moments(request, total) ==
              scaling_of(one_column(all), request.shift));  // exact sums

    // And it is right: compare with the two-pass formula.
    double mean = 0;
    for (const double v : all) mean += v / static_cast<double>(all.size());
    double square = 0;
    for (const double v : all) square += (v - mean) * (v - mean) / static_cast<double>(all.size());
    RC_ASSERT(near(scaling_of(one_column(all), {mean}).sd[0], std::sqrt(square), 1e-13));
  }));
}

TEST_CASE("a mean far from zero costs no digits after a second pass") {
  const std::vector<double> small{1, 2, 3, 4, 7};
  std::vector<double> far;
  for (const double v : small) far.push_back(1.7e9 + v);  // seconds since 1970, say
  const ColumnMomentsBroadcast first{{"x"}, {1.6e9}};
  const DesignMatrix x = one_column(far);
  const ColumnMomentsBroadcast second = healthai::recentred(first, column_moments(x, first));
  const double exact = scaling_of(one_column(small)).sd[0];
  CHECK(near(Scaling::from_moments(second, column_moments(x, second)).sd[0], exact, 1e-14));
  // The same numbers with a shift that is far off are refused, not answered wrongly.
  CHECK(message_of(error::invalid_data, [&] {
          (void)scaling_of(x);
        }).find("covariate \"x\": expected values that differ") == 0);
}

TEST_CASE("a constant covariate is named, also when rounding hides that it is constant") {
  CHECK(message_of(error::invalid_data,
                   [] {
                     (void)scaling_of({3, 2, {1, 0.1, 2, 0.1, 3, 0.1}, {"age", "site code"}});
                   }) ==
        "covariate \"site code\": expected values that differ, but over all sites together it is constant "
        "(about 0.1 in "
        "3 rows); leave it out, or ask again about its mean (recentred) if it varies a little");
  CHECK(message_of(error::invalid_data, [] { (void)scaling_of(one_column({5})); }).find("in 1 row)") !=
        std::string::npos);
  CHECK(message_of(error::invalid_data, [] {
          (void)scaling_of(one_column({0, 0}));
        }).find("about 0 in 2 rows") != std::string::npos);
  CHECK(message_of(error::invalid_data, [] {
          (void)scaling_of(one_column({0.1 + 0.2, 0.3}), {0.3});
        }) != "(no Error)");
  CHECK(message_of(error::invalid_data, [] { (void)scaling_of(one_column({})); }) ==
        "column moments: expected at least one row at any site, got none");
  CHECK(rc::check([](std::int32_t numerator) {
    const double value = numerator / 1000.0;
    const auto rows = *rc::gen::inRange<std::size_t>(1, 500);
    const double shift = *rc::gen::inRange(-5000, 5000) / 7.0;
    const DesignMatrix x = one_column(std::vector<double>(rows, value));
    RC_ASSERT(message_of(error::invalid_data, [&] { (void)scaling_of(x, {shift}); }) != "(no Error)");
    // Asked again about the mean, which may have been rounded: still constant, and no advice to ask once more.
    const ColumnMomentsBroadcast request{{"x"}, {shift}};
    const std::vector<double> mean = healthai::recentred(request, column_moments(x, request)).shift;
    const std::string message = message_of(error::invalid_data, [&] { (void)scaling_of(x, mean); });
    RC_ASSERT(message.find("; leave it out") != std::string::npos);
    RC_ASSERT(value == 0 || message.find("recentred") == std::string::npos);
  }));
  // One patient in a hundred thousand differs: not constant.
  std::vector<double> rare(100000, 0.0);
  rare[77] = 1;
  CHECK(near(scaling_of(one_column(rare)).sd[0], std::sqrt(1e-5 * (1 - 1e-5)), 1e-12));
}

TEST_CASE("coefficients go back to the data's own units") {
  const Scaling scaling{{"a", "b"}, {10, -2}, {4, 0.5}};
  const std::vector<double> gamma{2, 3};
  CHECK(scaling.to_original(gamma) == std::vector<double>{0.5, 6});
  CHECK(scaling.to_original(gamma, 1.0) == LinearPredictor{{0.5, 6}, 1 - 0.5 * 10 + 6 * 2});
  CHECK(scaling.to_standardised(std::vector<double>{0.5, 6}) == gamma);
  CHECK(scaling.to_standardised(std::vector<double>{0.5, 6}, 8.0) == LinearPredictor{gamma, 1});

  // The prediction for a patient is the same either way.
  const DesignMatrix x{3, 2, {1, 2, 3, 5, 8, 13}, {"a", "b"}};
  const DesignMatrix z = scaling.apply(x);
  const LinearPredictor own = scaling.to_original(gamma, 0.25);
  for (std::size_t i = 0; i < 3; ++i) {
    const double standardised = 0.25 + gamma[0] * z.row(i)[0] + gamma[1] * z.row(i)[1];
    const double original =
        own.intercept + own.coefficients[0] * x.row(i)[0] + own.coefficients[1] * x.row(i)[1];
    CHECK(near(original, standardised, 1e-14));
  }
}

TEST_CASE("what does not fit a scaling") {
  const Scaling scaling{{"a", "b"}, {10, -2}, {4, 0.5}};
  CHECK(message_of(error::invalid_argument, [&] { (void)scaling.to_original(std::vector<double>{1}); }) ==
        "this scaling is for the columns \"a\", \"b\": expected 2 coefficients, got 1");
  CHECK(message_of(error::invalid_argument, [&] { (void)scaling.to_standardised(std::vector<double>{1}); }) !=
        "(no Error)");
  CHECK(message_of(error::invalid_argument, [&] {
          (void)scaling.apply({1, 2, {1, 2}, {"b", "a"}});
        }) == "this scaling is for the columns \"a\", \"b\", but the matrix has \"b\", \"a\"");
  const double nan_value = std::numeric_limits<double>::quiet_NaN();
  for (const Scaling& broken :
       {Scaling{{"a"}, {0}, {0}}, Scaling{{"a"}, {0}, {-1}}, Scaling{{"a"}, {nan_value}, {1}},
        Scaling{{"a"}, {0}, {nan_value}}, Scaling{{"a"}, {}, {1}}, Scaling{{"a"}, {0}, {}}}) {
    CHECK(message_of(error::invalid_argument, [&] {
            (void)broken.apply(one_column({1}));
          }).find("Scaling: expected") == 0);
  }
}

}  // namespace data_scaling_test
