#include "healthai/simulation/label_flip.hpp"

#include <doctest/doctest.h>

#include <vector>

#include "partitions.hpp"

namespace simulation_label_flip_test {

using namespace healthai;

TEST_CASE("binary targets") {
  std::vector<double> y{0, 1, 1};
  flip_labels(std::span(y));
  CHECK(y == std::vector<double>{1, 0, 0});
  std::vector<float> z{1, 0};
  flip_labels(std::span(z));
  CHECK(z == std::vector<float>{0, 1});
  std::vector<double> bad{1, 0.5};
  CHECK(error_of([&] { flip_labels(std::span(bad)); }) ==
        "invalid_data: flip_labels: expected targets of 0 and 1, but row 1 has 0.5");
  CHECK(bad == std::vector<double>{1, 0.5});
}

TEST_CASE("the order of classes reversed; twice is nothing") {
  std::vector<std::size_t> y{0, 1, 2, 3, 3};
  flip_labels(y, 4);
  CHECK(y == std::vector<std::size_t>{3, 2, 1, 0, 0});
  flip_labels(y, 4);
  CHECK(y == std::vector<std::size_t>{0, 1, 2, 3, 3});
  CHECK(error_of([&] { flip_labels(y, 3); }) ==
        "invalid_data: flip_labels: expected labels below 3, but that of row 3 is 3");
  CHECK(y[0] == 0);
}

TEST_CASE("one class called another") {
  std::vector<std::size_t> y{0, 1, 2, 1};
  flip_labels(y, 1, 0);
  CHECK(y == std::vector<std::size_t>{0, 0, 2, 0});
}

}  // namespace simulation_label_flip_test
