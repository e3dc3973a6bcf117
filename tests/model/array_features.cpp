#include "healthai/model/array_features.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "healthai/model/softmax.hpp"
#include "model/support.hpp"

namespace model_array_features_test {

using namespace healthai;
using namespace model_test;
using Labels = std::vector<std::size_t>;

TEST_CASE("array features: a row is one image, scaled") {
  const xt::xarray<std::uint8_t> images{{{0, 51}, {102, 153}}, {{204, 255}, {5, 10}}, {{1, 2}, {3, 4}}};
  const auto all = features_from_array<double>(images, 1.0 / 255);
  CHECK(all.rows() == 3);
  CHECK(all.cols() == 4);
  FeatureMatrix<double> expected(3, 4);
  expected << 0, 51, 102, 153, 204, 255, 5, 10, 1, 2, 3, 4;
  CHECK((all - expected / 255).cwiseAbs().maxCoeff() < 1e-16);
  CHECK(all(1, 1) == 1);

  const Labels rows{2, 0, 2};
  const auto some = features_from_array<float>(images, rows);
  CHECK(some.rows() == 3);
  CHECK(some.row(0) == expected.row(2).cast<float>());
  CHECK(some.row(1) == expected.row(0).cast<float>());
  CHECK(some.row(2) == some.row(0));
  CHECK(features_from_array<float>(images, Labels{}).rows() == 0);
  const xt::xarray<double> vector{1.5, -2.5};
  CHECK(features_from_array<double>(vector)(1, 0) == -2.5);
}

TEST_CASE("array features: labels") {
  const xt::xarray<std::uint8_t> bytes{3, 0, 255};
  CHECK(labels_from_array(bytes) == Labels{3, 0, 255});
  xt::xarray<double> column{1, 2};
  column.reshape({2, 1});
  CHECK(labels_from_array(column) == Labels{1, 2});
  const xt::xarray<bool> yes_or_no{true, false};
  CHECK(labels_from_array(yes_or_no) == Labels{1, 0});
  const Labels labels{4, 5, 6};
  CHECK(select_labels(labels, Labels{2, 0, 0}) == Labels{6, 4, 4});
}

TEST_CASE("array features: a model takes them") {
  const xt::xarray<std::uint8_t> images{{{0, 255}}, {{255, 0}}, {{0, 200}}};
  const xt::xarray<std::int32_t> labels{1, 0, 1};
  SoftmaxModel<float> model(features_from_array<float>(images, 1.0 / 255), labels_from_array(labels), 2);
  CHECK(model.num_examples() == 3);
  CHECK(model.layout().describe() == "weight[2,2] bias[2]");
}

TEST_CASE("array features: what they cannot use, they refuse") {
  const xt::xarray<std::uint8_t> images{{1, 2}, {3, 4}};
  auto e = thrown([&] { (void)features_from_array<float>(images, Labels{0, 2}); });
  CHECK(e.id == "invalid_argument");
  CHECK(e.message == "features_from_array: expected rows below 2, got row 2");
  CHECK(thrown([&] { (void)select_labels(Labels{1}, Labels{1}); }).message ==
        "select_labels: expected rows below 1, got row 1");
  e = thrown([] { (void)features_from_array<float>(xt::xarray<int>(5)); });
  CHECK(e.message == "features_from_array: expected an array with one row an example, got a single number");
  // A shape that a file of no numbers can have: nobody may walk along so many rows.
  const std::vector<std::size_t> empty{std::size_t{1} << 60U, 0};
  e = thrown([&] { (void)features_from_array<float>(xt::xarray<int>::from_shape(empty)); });
  CHECK(contains(e.message, "got rows without numbers"));
  CHECK(contains(thrown([&] { (void)labels_from_array(images); }).message,
                 "labels_from_array: expected one label a row, got an array of 2 dimensions, with 2 rows and "
                 "4 numbers"));

  const auto label_error = [](auto bad) {
    xt::xarray<decltype(bad)> labels{0, bad};
    return thrown([&] { (void)labels_from_array(labels); });
  };
  CHECK(label_error(-1).id == "invalid_data");
  CHECK(label_error(-1).message ==
        "labels_from_array: row 1 (counted from 0) has label -1; expected whole numbers from 0");
  CHECK(contains(label_error(0.5).message, "has label 0.5"));
  CHECK(contains(label_error(1e300).message, "has label 1e+300"));
  CHECK(contains(label_error(std::numeric_limits<float>::quiet_NaN()).message, "has label nan"));
}

}  // namespace model_array_features_test
