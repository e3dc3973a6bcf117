#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/secagg/mersenne61.hpp"
#include "healthai/secagg/prime_field.hpp"
#include "healthai/secagg/secret_memory.hpp"

/// \file
/// A secret is given to n holders so that any t of them can put it together, and t - 1 of them know nothing about it
/// (Shamir: How to Share a Secret, 1979). Each piece of `chunk_bits` bits is the value at 0 of a polynomial of degree t - 1
/// whose other coefficients are random; holder x gets its value at x; t values determine it (Lagrange).
///
/// Sums of products are reduced once in `dot_length` terms, and wait for none of the other pieces.

namespace healthai::secagg {

/// What one holder gets. It is a secret, and is wiped when it goes.
struct Share {
  std::uint64_t point = 0;  ///< x of the holder; public
  WipedNumbers values{};    ///< one for each piece of the secret
};

/// How many field elements a secret of so many bytes is cut into.
template <PrimeField Field = Mersenne61>
[[nodiscard]] constexpr std::size_t pieces_of(std::size_t secret_bytes) noexcept {
  return (8 * secret_bytes + Field::chunk_bits - 1) / Field::chunk_bits;
}

namespace detail {

/// \throws Error (`invalid_argument`) unless the points are distinct, not 0, and of the field
template <PrimeField Field>
void require_points(std::span<const std::uint64_t> points) {
  std::vector<std::uint64_t> sorted(points.begin(), points.end());
  std::sort(sorted.begin(), sorted.end());
  if (sorted.empty()) throw Error(error::invalid_argument, "secret sharing: no points were given");
  if (sorted.front() == 0) {
    throw Error(error::invalid_argument,
                "secret sharing: a share at point 0 would be the secret itself; number holders from 1");
  }
  if (sorted.back() >= Field::modulus) {
    throw Error(error::invalid_argument, "secret sharing: points must be below " +
                                             std::to_string(Field::modulus) + ", but one is " +
                                             std::to_string(sorted.back()));
  }
  if (const auto twice = std::adjacent_find(sorted.begin(), sorted.end()); twice != sorted.end()) {
    throw Error(error::invalid_argument,
                "secret sharing: two shares have the point " + std::to_string(*twice));
  }
}

/// How errors call a share. (Made where there is one: for each of many shares it would take longer than reading them.)
[[nodiscard]] inline std::string share_of(std::uint64_t point) {
  return "secret sharing: the share of point " + std::to_string(point);
}

/// \throws Error (`invalid_reply`) for a value outside the field
template <PrimeField Field>
void require_values(const Share& one) {
  for (const std::uint64_t value : one.values) {
    if (value >= Field::modulus) {
      throw Error(error::invalid_reply,
                  share_of(one.point) + " has a value that is not below " + std::to_string(Field::modulus));
    }
  }
}

/// How many numbers `dot` is given for `count` of them: zeros fill the last group.
template <PrimeField Field>
[[nodiscard]] constexpr std::size_t in_dots(std::size_t count) noexcept {
  return (count + Field::dot_length - 1) / Field::dot_length * Field::dot_length;
}

}  // namespace detail

/// Shares of `secret`, one for each point, of which any `threshold` are enough.
/// \param threshold  at least 2, at most as many as there are points
/// \param points     of the holders: distinct, from 1; public
/// \param generator  gives 64 random bits a call. It must be cryptographic: who can guess it has the secret. Where it is seeded
///                   again it must never share a second secret with the same numbers.
/// \throws Error (`invalid_argument`)
/// Thread safety: safe from any thread, with a generator of its own.
template <PrimeField Field = Mersenne61, class Generator>
[[nodiscard]] std::vector<Share> share(std::span<const std::byte> secret, std::size_t threshold,
                                       std::span<const std::uint64_t> points, Generator& generator) {
  static_assert((std::uint64_t{1} << Field::chunk_bits) <= Field::modulus, "a piece must fit in the field");
  constexpr std::size_t group = Field::dot_length;
  if (secret.empty()) throw Error(error::invalid_argument, "secret sharing: the secret has no bytes");
  detail::require_points<Field>(points);
  if (threshold < 2 || threshold > points.size()) {
    throw Error(error::invalid_argument,
                "secret sharing: the threshold must be from 2 to the number of shares, " +
                    std::to_string(points.size()) + ", but is " + std::to_string(threshold));
  }
  // The coefficients of each piece's polynomial, constant first.
  const std::size_t pieces = pieces_of<Field>(secret.size()), width = detail::in_dots<Field>(threshold);
  WipedNumbers coefficients(pieces * width, 0);
  for (std::size_t bit = 0; bit < 8 * secret.size(); ++bit) {
    const auto byte = static_cast<std::uint64_t>(secret[bit / 8]);
    coefficients[bit / Field::chunk_bits * width] |= (byte >> (bit % 8) & 1U) << (bit % Field::chunk_bits);
  }
  for (std::size_t piece = 0; piece < pieces; ++piece) {
    for (std::size_t j = 1; j < threshold; ++j) {
      coefficients[piece * width + j] = uniform_element<Field>(generator);
    }
  }
  // Horner's rule for x^group, whose coefficients are sums of `group` products with the powers of x.
  std::vector<Share> shares(points.size());
  std::array<std::uint64_t, group> powers{};
  for (std::size_t holder = 0; holder < points.size(); ++holder) {
    const std::uint64_t x = points[holder], squared = Field::multiply(x, x);
    powers[0] = 1;
    powers[1] = x;
    for (std::size_t i = 2; i < group; ++i) powers[i] = Field::multiply(powers[i - 2], squared);
    const std::uint64_t next = Field::multiply(powers[group - 2], squared);
    shares[holder].point = x;
    shares[holder].values.resize(pieces);
    for (std::size_t piece = 0; piece < pieces; ++piece) {
      const std::uint64_t* row = coefficients.data() + piece * width;
      std::uint64_t value = Field::dot(row + width - group, powers.data(), 0, 0);
      for (std::size_t at = width - group; at != 0; at -= group) {
        value = Field::dot(row + at - group, powers.data(), value, next);
      }
      shares[holder].values[piece] = value;
    }
  }
  return shares;
}

/// Puts secrets together that were shared to the same holders: what depends on the holders only is computed once.
/// Thread safety: immutable; safe from any thread.
template <PrimeField Field = Mersenne61>
class BasicReconstructor {
 public:
  /// \param points  of the holders whose shares will come, in their order; at least the threshold, which it cannot check
  /// \throws Error (`invalid_argument`) unless distinct, from 1
  explicit BasicReconstructor(std::span<const std::uint64_t> points) : points_(points.begin(), points.end()) {
    detail::require_points<Field>(points);
    coefficients_.resize(detail::in_dots<Field>(points.size()));  // of Lagrange, at 0
    // product of all x_j / (x_i product over j of (x_j - x_i)); the denominators first, several at a time.
    constexpr std::size_t lanes = 4;
    const std::size_t n = points_.size();
    std::uint64_t numerator = 1;
    for (const std::uint64_t x : points_) numerator = Field::multiply(numerator, x);
    for (std::size_t begin = 0; begin < n; begin += lanes) {
      std::array<std::uint64_t, lanes> product{}, own{};
      for (std::size_t k = 0; k < lanes; ++k) own[k] = product[k] = points_[(std::min)(begin + k, n - 1)];
      for (std::size_t j = 0; j < n; ++j) {
        for (std::size_t k = 0; k < lanes; ++k) {
          const std::uint64_t difference = Field::subtract(points_[j], own[k]);
          product[k] = Field::multiply(product[k], difference + (difference == 0 ? 1U : 0U));
        }
      }
      for (std::size_t k = 0; k < lanes && begin + k < n; ++k) coefficients_[begin + k] = product[k];
    }
    // One inversion for all (Montgomery's trick): of the product of all, from which they are then divided one by one.
    std::vector<std::uint64_t> before(n);
    std::uint64_t all = 1;
    for (std::size_t i = 0; i < n; ++i) {
      before[i] = all;
      all = Field::multiply(all, coefficients_[i]);
    }
    std::uint64_t inverted = inverse<Field>(all);
    for (std::size_t i = n; i-- > 0;) {
      const std::uint64_t denominator = coefficients_[i];
      coefficients_[i] = Field::multiply(numerator, Field::multiply(inverted, before[i]));
      inverted = Field::multiply(inverted, denominator);
    }
  }
  [[nodiscard]] std::span<const std::uint64_t> points() const noexcept {
    return {points_.data(), points_.size()};
  }

  /// The secret. Too few shares, or wrong ones, give another secret: the mathematics cannot notice. What comes out as no
  /// secret, because a piece of one is smaller, is refused (of 32 bytes nearly everything that comes out at random, as the last
  /// element has 45 spare bits; not what somebody changes with care). Check the secret against something known of it.
  /// \param shares  in the order of `points`
  /// \throws Error (`invalid_argument`) for other points or none, (`invalid_reply`) for a share of another length, or with a
  /// value outside the field, or if together they are no secret
  [[nodiscard]] WipedBytes operator()(std::span<const Share> shares, std::size_t secret_bytes) const {
    std::vector<const Share*> where;
    where.reserve(shares.size());
    for (const Share& one : shares) where.push_back(&one);
    return (*this)(std::span<const Share* const>(where), secret_bytes);
  }
  /// The same of shares that are not one after the other; none is null.
  [[nodiscard]] WipedBytes operator()(std::span<const Share* const> shares, std::size_t secret_bytes) const {
    const std::size_t pieces = pieces_of<Field>(secret_bytes);
    require_shares(shares, pieces);
    WipedNumbers column(coefficients_.size(), 0);
    WipedBytes secret(secret_bytes, std::byte{0});
    std::uint64_t excess = 0;
    for (std::size_t piece = 0; piece < pieces; ++piece) {
      for (std::size_t i = 0; i < shares.size(); ++i) column[i] = shares[i]->values[piece];
      std::uint64_t value = 0;
      for (std::size_t at = 0; at < column.size(); at += Field::dot_length) {
        value = Field::dot(column.data() + at, coefficients_.data() + at, value, 1);
      }
      const std::size_t begin = piece * Field::chunk_bits;
      const std::size_t bits = (std::min)(std::size_t{Field::chunk_bits}, 8 * secret_bytes - begin);
      for (std::size_t bit = begin; bit < begin + bits; ++bit, value >>= 1U) {
        secret[bit / 8] |= static_cast<std::byte>((value & 1U) << (bit % 8));
      }
      excess |= value;
    }
    if (excess != 0) {
      throw Error(error::invalid_reply,
                  "secret sharing: " + std::to_string(shares.size()) + " shares do not make a secret of " +
                      std::to_string(secret_bytes) + " bytes: too few, wrong ones, or of different secrets");
    }
    return secret;
  }

 private:
  void require_shares(std::span<const Share* const> shares, std::size_t pieces) const {
    if (pieces == 0) throw Error(error::invalid_argument, "secret sharing: the secret has no bytes");
    if (shares.size() != points_.size()) {
      throw Error(error::invalid_argument, "secret sharing: expected " + std::to_string(points_.size()) +
                                               " shares, got " + std::to_string(shares.size()));
    }
    for (std::size_t i = 0; i < shares.size(); ++i) {
      if (shares[i]->point != points_[i]) {
        throw Error(error::invalid_argument, detail::share_of(shares[i]->point) + " came where that of " +
                                                 std::to_string(points_[i]) + " was expected");
      }
      if (shares[i]->values.size() != pieces) {
        throw Error(error::invalid_reply, detail::share_of(points_[i]) + " has " +
                                              std::to_string(shares[i]->values.size()) + " values, not " +
                                              std::to_string(pieces));
      }
      detail::require_values<Field>(*shares[i]);
    }
  }

  std::vector<std::uint64_t> points_;
  std::vector<std::uint64_t> coefficients_;
};
using Reconstructor = BasicReconstructor<Mersenne61>;  ///< over the field of the protocol

/// One secret from its shares; see BasicReconstructor, also for its errors.
template <PrimeField Field = Mersenne61>
[[nodiscard]] WipedBytes reconstruct(std::span<const Share> shares, std::size_t secret_bytes) {
  std::vector<std::uint64_t> points;
  points.reserve(shares.size());
  for (const Share& one : shares) points.push_back(one.point);
  return BasicReconstructor<Field>(points)(shares, secret_bytes);
}

/// How many bytes a share of a secret of so many bytes is written in: 40 for 32.
template <PrimeField Field = Mersenne61>
[[nodiscard]] constexpr std::size_t share_bytes(std::size_t secret_bytes) noexcept {
  return pieces_of<Field>(secret_bytes) * Field::value_bytes;
}

/// The values of a share, each in `value_bytes` bytes, lowest first. The point is not written: who sent it says which it is.
template <PrimeField Field = Mersenne61>
[[nodiscard]] WipedBytes encode_share(const Share& one) {
  WipedBytes bytes;
  bytes.reserve(one.values.size() * Field::value_bytes);
  for (const std::uint64_t value : one.values) {
    for (std::size_t i = 0; i < Field::value_bytes; ++i) {
      bytes.push_back(static_cast<std::byte>(value >> (8 * i)));
    }
  }
  return bytes;
}

/// What `encode_share` wrote.
/// \throws Error (`invalid_reply`) for another number of bytes than a share of a secret of `secret_bytes` has, or a value outside
/// the field
template <PrimeField Field = Mersenne61>
[[nodiscard]] Share decode_share(std::uint64_t point, std::span<const std::byte> bytes,
                                 std::size_t secret_bytes) {
  if (bytes.size() != share_bytes<Field>(secret_bytes)) {
    throw Error(error::invalid_reply, detail::share_of(point) + " has " + std::to_string(bytes.size()) +
                                          " bytes, not " + std::to_string(share_bytes<Field>(secret_bytes)));
  }
  Share one{point, WipedNumbers(pieces_of<Field>(secret_bytes), 0)};
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    one.values[i / Field::value_bytes] |= static_cast<std::uint64_t>(bytes[i])
                                          << (8 * (i % Field::value_bytes));
  }
  detail::require_values<Field>(one);
  return one;
}

}  // namespace healthai::secagg
