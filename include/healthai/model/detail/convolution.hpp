#pragma once

#include <algorithm>
#include <cstddef>
#include <Eigen/Core>

namespace healthai::detail {

/// One convolution over a block of images, and the pooling after it. Planes of numbers are [channel, y, x, image],
/// the image running fastest: a shift in x or y is then a shift in memory, and everything is done for all images of
/// the block at once.
struct Convolution {
  Eigen::Index channels = 1;  ///< of the input
  Eigen::Index height = 1;
  Eigen::Index width = 1;
  Eigen::Index filters = 1;  ///< channels of the output
  Eigen::Index kernel = 1;   ///< height and width of a filter
  Eigen::Index padding = 0;  ///< lines of zeros on each side

  [[nodiscard]] Eigen::Index out_height() const noexcept { return height + 2 * padding - kernel + 1; }
  [[nodiscard]] Eigen::Index out_width() const noexcept { return width + 2 * padding - kernel + 1; }
  [[nodiscard]] Eigen::Index patch() const noexcept { return channels * kernel * kernel; }
  /// Of one image.
  [[nodiscard]] Eigen::Index out_size() const noexcept { return filters * out_height() * out_width(); }
  [[nodiscard]] Eigen::Index pooled_size() const noexcept {
    return filters * (out_height() / 2) * (out_width() / 2);
  }
};

/// Calls visit(column, from, to, count) for each run of neighbours in memory: the `count` numbers at offset `from` of
/// the input planes are those at offset `to` of the patches of output rows first to last - 1. `skip(to, count)` gets
/// what lies in the padding. The patches are column-major, (rows, x, image) by (channel, ky, kx): "im2col"
/// (Chellapilla, Puri, Simard: High Performance Convolutional Neural Networks for Document Processing, 2006).
template <class Visit, class Skip>
void for_each_run(const Convolution& c, Eigen::Index images, Eigen::Index first, Eigen::Index last,
                  const Visit& visit, const Skip& skip) {
  const Eigen::Index out_width = c.out_width();
  const Eigen::Index line = out_width * images;
  Eigen::Index to = 0;
  for (Eigen::Index channel = 0; channel < c.channels; ++channel) {
    for (Eigen::Index ky = 0; ky < c.kernel; ++ky) {
      for (Eigen::Index kx = 0; kx < c.kernel; ++kx) {
        const Eigen::Index begin = std::clamp<Eigen::Index>(c.padding - kx, 0, out_width);
        const Eigen::Index end = std::clamp<Eigen::Index>(c.width + c.padding - kx, begin, out_width);
        for (Eigen::Index y = first; y < last; ++y, to += line) {
          const Eigen::Index from_y = y + ky - c.padding;
          if (from_y < 0 || from_y >= c.height || begin == end) {
            skip(to, line);
            continue;
          }
          if (begin > 0) skip(to, begin * images);
          const Eigen::Index from_x = begin + kx - c.padding;
          visit(((channel * c.height + from_y) * c.width + from_x) * images, to + begin * images,
                (end - begin) * images);
          if (end < out_width) skip(to + end * images, (out_width - end) * images);
        }
      }
    }
  }
}

/// The input as patches; see `for_each_run`.
template <class Scalar>
void gather_patches(const Convolution& c, Eigen::Index images, Eigen::Index first, Eigen::Index last,
                    const Scalar* input, Scalar* patches) {
  for_each_run(
      c, images, first, last,
      [=](Eigen::Index from, Eigen::Index to, Eigen::Index count) {
        std::copy_n(input + from, count, patches + to);
      },
      [=](Eigen::Index to, Eigen::Index count) { std::fill_n(patches + to, count, Scalar{0}); });
}
/// The transpose of `gather_patches`: adds every number of the patches to the one of the input that it is a copy of.
template <class Scalar>
void scatter_patches(const Convolution& c, Eigen::Index images, Eigen::Index first, Eigen::Index last,
                     const Scalar* patches, Scalar* input) {
  using Numbers = Eigen::Array<Scalar, Eigen::Dynamic, 1>;
  for_each_run(
      c, images, first, last,
      [=](Eigen::Index from, Eigen::Index to, Eigen::Index count) {
        Eigen::Map<Numbers>(input + from, count) += Eigen::Map<const Numbers>(patches + to, count);
      },
      [](Eigen::Index, Eigen::Index) {});
}

/// out = max(0, the largest of each 2 by 2 square of `in`): a rectifier and max pooling with stride 2. The last line
/// or column of an odd number belongs to no square.
template <class Scalar>
void rectify_and_pool(const Convolution& c, Eigen::Index images, const Scalar* in, Scalar* out) {
  using Numbers = Eigen::Map<const Eigen::Array<Scalar, Eigen::Dynamic, 1>>;
  const Eigen::Index line = c.out_width() * images;
  for (Eigen::Index filter = 0; filter < c.filters; ++filter) {
    for (Eigen::Index y = 0; y < c.out_height() / 2; ++y) {
      const Scalar* from = in + (filter * c.out_height() + 2 * y) * line;
      for (Eigen::Index x = 0; x < c.out_width() / 2; ++x, from += 2 * images, out += images) {
        Eigen::Map<Eigen::Array<Scalar, Eigen::Dynamic, 1>>(out, images) =
            Numbers(from, images)
                .max(Numbers(from + images, images))
                .max(Numbers(from + line, images).max(Numbers(from + line + images, images)))
                .max(Scalar{0});
      }
    }
  }
}
/// Back through `rectify_and_pool`: `in` is overwritten by the derivative in it, from `out` and the derivative in
/// that. Of equal numbers in a square the first one, line by line, gets all of it; nobody does where out is 0.
template <class Scalar>
void unpool(const Convolution& c, Eigen::Index images, Scalar* in, const Scalar* out,
            const Scalar* out_slopes) {
  const Eigen::Index line = c.out_width() * images;
  const Eigen::Index pooled_width = c.out_width() / 2;
  const auto give = [images](Scalar* number, const Scalar* largest, Scalar* slope) {
    for (Eigen::Index i = 0; i < images; ++i) {
      const bool mine = number[i] == largest[i];
      number[i] = mine ? slope[i] : Scalar{0};
      slope[i] = mine ? Scalar{0} : slope[i];
    }
  };
  Eigen::Array<Scalar, Eigen::Dynamic, 1> slope(images);
  for (Eigen::Index filter = 0; filter < c.filters; ++filter) {
    Scalar* plane = in + filter * c.out_height() * line;
    for (Eigen::Index y = 0; y < c.out_height() / 2; ++y, plane += 2 * line) {
      Scalar* square = plane;
      for (Eigen::Index x = 0; x < pooled_width; ++x, square += 2 * images) {
        for (Eigen::Index i = 0; i < images; ++i) slope[i] = out[i] > Scalar{0} ? out_slopes[i] : Scalar{0};
        give(square, out, slope.data());
        give(square + images, out, slope.data());
        give(square + line, out, slope.data());
        give(square + line + images, out, slope.data());
        out += images;
        out_slopes += images;
      }
      const Eigen::Index rest = line - 2 * pooled_width * images;
      std::fill_n(square, rest, Scalar{0});
      std::fill_n(square + line, rest, Scalar{0});
    }
    if (c.out_height() % 2 != 0) std::fill_n(plane, line, Scalar{0});
  }
}

}  // namespace healthai::detail
