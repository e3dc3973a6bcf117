#include "healthai/model/detail/convolution.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>
#include <vector>

#include "healthai/core/random.hpp"
#include "model/support.hpp"

namespace model_detail_convolution_test {

using namespace healthai;
using namespace healthai::detail;
using Eigen::Index;
using Vector = Eigen::VectorXd;

namespace {

Vector random_vector(Stream& stream, Index size) {
  Vector v(size);
  for (Index i = 0; i < size; ++i) v[i] = model_test::symmetric(stream);
  return v;
}
Index between(Stream& stream, Index low, Index high) {
  return low + static_cast<Index>(uniform_index(stream, static_cast<std::uint64_t>(high - low + 1)));
}
Convolution random_convolution(Stream& stream) {
  Convolution c;
  c.channels = between(stream, 1, 3);
  c.filters = between(stream, 1, 3);
  c.kernel = between(stream, 1, 5);
  c.padding = between(stream, 0, 2);
  const Index smallest = (std::max)(Index{1}, c.kernel - 2 * c.padding);
  c.height = between(stream, smallest, 8);
  c.width = between(stream, smallest, 8);
  return c;
}

}  // namespace

TEST_CASE("convolution: sizes") {
  // PyTorch's Conv2d(1, 32, 5, padding=2) and MaxPool2d(2) on 28 x 28; Conv2d(3, 4, 3) on 7 x 6.
  const Convolution same{1, 28, 28, 32, 5, 2};
  CHECK(same.out_height() == 28);
  CHECK(same.out_size() == 32 * 28 * 28);
  CHECK(same.pooled_size() == 32 * 14 * 14);
  const Convolution valid{3, 7, 6, 4, 3, 0};
  CHECK(valid.patch() == 27);
  CHECK(valid.out_height() == 5);
  CHECK(valid.out_width() == 4);
  CHECK(valid.pooled_size() == 4 * 2 * 2);
}

TEST_CASE("convolution: a patch holds what its definition says, in bands of any height") {
  CHECK(rc::check("gather", [](std::uint64_t seed) {
    Stream stream(seed, Purpose::test);
    const Convolution c = random_convolution(stream);
    const Index images = between(stream, 1, 3);
    const Vector input = random_vector(stream, c.channels * c.height * c.width * images);
    const Index first = between(stream, 0, c.out_height() - 1);
    const Index last = between(stream, first + 1, c.out_height());
    Vector patches = Vector::Constant((last - first) * c.out_width() * images * c.patch(), 99);
    gather_patches(c, images, first, last, input.data(), patches.data());
    Index at = 0;
    for (Index channel = 0; channel < c.channels; ++channel) {
      for (Index i = 0; i < c.kernel; ++i) {
        for (Index j = 0; j < c.kernel; ++j) {
          for (Index y = first; y < last; ++y) {
            for (Index x = 0; x < c.out_width(); ++x) {
              for (Index image = 0; image < images; ++image, ++at) {
                const Index from_y = y + i - c.padding;
                const Index from_x = x + j - c.padding;
                const bool inside = from_y >= 0 && from_y < c.height && from_x >= 0 && from_x < c.width;
                const double expected =
                    inside ? input[((channel * c.height + from_y) * c.width + from_x) * images + image] : 0;
                RC_ASSERT(patches[at] == expected);
              }
            }
          }
        }
      }
    }
    RC_ASSERT(at == patches.size());

    // <gather(a), p> = <a, scatter(p)> for every p: scatter is the transpose.
    const Vector p = random_vector(stream, patches.size());
    Vector scattered = Vector::Zero(input.size());
    scatter_patches(c, images, first, last, p.data(), scattered.data());
    RC_ASSERT(std::fabs(patches.dot(p) - input.dot(scattered)) < 1e-12 * (1 + patches.norm() * p.norm()));
  }));
}

TEST_CASE(
    "convolution: pooling takes the largest, or 0, and gives the slope back to the first of the largest") {
  CHECK(rc::check("pool", [](std::uint64_t seed) {
    Stream stream(seed, Purpose::test);
    Convolution c = random_convolution(stream);
    c.kernel = 1;
    c.padding = 0;
    const Index images = between(stream, 1, 3);
    Vector sums(c.out_size() * images);
    for (double& sum : sums) sum = static_cast<double>(between(stream, -2, 2));  // many are equal
    Vector pooled(c.pooled_size() * images);
    rectify_and_pool(c, images, sums.data(), pooled.data());
    const Vector slopes = random_vector(stream, pooled.size());
    Vector back = sums;
    unpool(c, images, back.data(), pooled.data(), slopes.data());
    Vector expected = Vector::Zero(sums.size());
    Index at = 0;
    for (Index filter = 0; filter < c.filters; ++filter) {
      for (Index y = 0; y < c.height / 2; ++y) {
        for (Index x = 0; x < c.width / 2; ++x) {
          for (Index image = 0; image < images; ++image, ++at) {
            double largest = 0;
            Index where = -1;
            for (Index k = 0; k < 4; ++k) {
              const Index i =
                  ((filter * c.height + 2 * y + k / 2) * c.width + 2 * x + k % 2) * images + image;
              if (sums[i] > largest) {
                largest = sums[i];
                where = i;
              }
            }
            RC_ASSERT(pooled[at] == largest);
            if (where >= 0) expected[where] = slopes[at];
          }
        }
      }
    }
    RC_ASSERT(at == pooled.size());
    RC_ASSERT(back == expected);
  }));
}

}  // namespace model_detail_convolution_test
