#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/core/layout.hpp"
#include "healthai/core/number_text.hpp"
#include "healthai/core/summand.hpp"
#include "healthai/secagg/detail/noised_words.hpp"
#include "healthai/secagg/detail/quantised_words.hpp"
#include "healthai/secagg/fixed_point.hpp"
#include "healthai/secagg/noise.hpp"
#include "healthai/secagg/segment.hpp"

namespace healthai::secagg {

/// How a Summand becomes the vector that is masked, and how sums of these become numbers again. The coordinator makes it
/// and everyone knows it: it is part of the request that is signed, so it is serialisable, and says of each
/// vector and number which range it has. Everything in a Summand is masked, its weight too.
///
///     | weight w | vectors, one after the other: q(x), or w q(x) | numbers: q(x) |
///
/// each one word of the ring of 2^32 or 2^64, whichever is the first in which no sum over `clients` clients with weights of at most
/// `most_weight` can wrap; weights are whole numbers. A decoded sum is then that of the quantised numbers, bit for bit, whatever
/// the order. What one client sends beyond the plan only its own `encode` can refuse: masks hide it from everybody else.
///
/// With noise (SumNoise) all weights are 1 and words are signed:
///
///     | 1 | vectors: clipped, rounded and noised | numbers likewise |
///
/// `clip` is then the Euclidean length of a whole segment; `levels` of all are what the noise's grid says. The ring is the first in which no
/// sum wraps but for a probability of 2^-40.
/// Thread safety: a constant value; safe from any thread.
class SegmentPlan {
 public:
  SegmentPlan() = default;  ///< to be read into; for no clients

  /// \param most_weight  the largest weight a client may have, at least 1
  /// \param clients      of the roster, at least 1
  /// \param noise        which every client adds; then `most_weight` must be 1
  /// \throws Error (`invalid_argument`) for an empty or repeated name, a clip or levels that FixedPoint refuses, for 0, for noise that
  /// SumNoise refuses or with other weights; (`overflow`) where a sum could wrap in 64 bits
  SegmentPlan(std::vector<VectorSegment> vectors, std::vector<ScalarSegment> scalars,
              std::uint64_t most_weight, std::uint64_t clients, const SumNoise& noise = {})
      : vectors_(std::move(vectors)),
        scalars_(std::move(scalars)),
        most_weight_(most_weight),
        clients_(clients),
        noise_(noise) {
    if (most_weight == 0 || clients == 0) {
      throw Error(error::invalid_argument,
                  "segments: most weight and number of clients must be at least 1, but are " +
                      std::to_string(most_weight) + " and " + std::to_string(clients));
    }
    if (most_weight > std::numeric_limits<std::uint64_t>::max() / clients) {
      throw Error(error::overflow, "segments: the weights of " + std::to_string(clients) +
                                       " clients, each up to " + std::to_string(most_weight) +
                                       ", do not fit in 64 bits");
    }
    const std::uint64_t total = most_weight * clients;
    if (total > std::numeric_limits<std::uint32_t>::max()) ring_bits_ = 64;
    require_names(vectors_);
    require_names(scalars_);
    if (noise_.on()) take_levels();
    for (const VectorSegment& segment : vectors_) {
      add(segment.name, segment.layout.size(), segment.clip, segment.levels,
          segment.weighted ? total : clients);
    }
    for (const ScalarSegment& segment : scalars_) {
      add(segment.name, 1, segment.clip, segment.levels, clients);
    }
    if (noise_.on()) ring_bits_ = detail::ring_bits_for_noise(ranges(), noise_, clients_);
  }

  [[nodiscard]] std::span<const VectorSegment> vectors() const noexcept {
    return {vectors_.data(), vectors_.size()};
  }
  [[nodiscard]] std::span<const ScalarSegment> scalars() const noexcept {
    return {scalars_.data(), scalars_.size()};
  }
  [[nodiscard]] std::uint64_t most_weight() const noexcept { return most_weight_; }
  [[nodiscard]] std::uint64_t clients() const noexcept { return clients_; }
  /// Which every client adds.
  [[nodiscard]] const SumNoise& noise() const noexcept { return noise_; }
  /// How many vectors and numbers there are.
  [[nodiscard]] std::size_t segments() const noexcept { return vectors_.size() + scalars_.size(); }
  /// 32 or 64.
  [[nodiscard]] unsigned ring_bits() const noexcept { return ring_bits_; }
  /// Words of the whole vector.
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

  /// What `encode` checks before it begins, for whoever would rather know before there is memory for the words.
  /// \throws Error (`invalid_reply`) for a weight that is not a whole number up to `most_weight`, and for other names, order or
  /// weighting than planned; (`layout_mismatch`)
  template <class Scalar>
  void require_fit(const Summand<Scalar>& summand) const {
    const double w = summand.weight;
    // 2^64 itself would not fit; of larger doubles none is below. With noise it does not travel.
    const bool whole = w >= 0 && w < 0x1p64 && w == std::floor(w);
    if (!noise_.on() && (!whole || static_cast<std::uint64_t>(w) > most_weight_)) {
      throw Error(error::invalid_reply, "segments: a weight must be a whole number from 0 to " +
                                            std::to_string(most_weight_) + ", but is " + number_text(w));
    }
    const auto require_count = [](std::size_t expected, std::size_t got, const char* what) {
      if (expected == got) return;
      throw Error(error::invalid_reply, "segments: the plan has " + std::to_string(expected) + what +
                                            ", what is to be summed has " + std::to_string(got));
    };
    const auto require_name = [](const std::string& expected, const std::string& got) {
      if (expected == got) return;
      throw Error(error::invalid_reply, "segments: expected \"" + expected + "\", got \"" + got + "\"");
    };
    require_count(vectors_.size(), summand.vectors.size(), " vectors");
    require_count(scalars_.size(), summand.scalars.size(), " numbers");
    for (std::size_t i = 0; i < vectors_.size(); ++i) {
      require_name(vectors_[i].name, summand.vectors[i].name);
      require_layout(vectors_[i].layout, summand.vectors[i].values.layout(), "segment ", vectors_[i].name);
      if (vectors_[i].weighted != summand.vectors[i].weighted) {
        throw Error(error::invalid_reply, "segment \"" + vectors_[i].name + "\" is" +
                                              (vectors_[i].weighted ? "" : " not") +
                                              " weighted in the plan, but what is to be summed differs");
      }
    }
    for (std::size_t i = 0; i < scalars_.size(); ++i) require_name(scalars_[i].name, summand.scalars[i].name);
  }
  /// The words of a Summand, stochastically rounded: `generator()` gives 64 random bits, one draw for every number but the
  /// weight, in order. Encoding the same Summand again needs the same generator from its beginning: a second rounding under the
  /// same mask would tell the difference of the two. Where the plan has noise it is drawn from `generator`, a cryptographic one then, and
  /// rounding is to the nearest.
  /// \tparam Word  std::uint32_t or std::uint64_t, as the ring
  /// \param out    `size()` words; they are not masked yet
  /// \return the segments that had numbers outside their range, which were clipped
  /// \throws Error (`invalid_argument`) for words of another ring or another number of them; as `require_fit`; (`not_finite`)
  template <std::unsigned_integral Word, class Scalar, class Generator>
  std::vector<ClippedSegment> encode(const Summand<Scalar>& summand, std::span<Word> out,
                                     Generator& generator) const {
    require_words<Word>(out.size());
    require_fit(summand);
    if (noise_.on()) return detail::noise_words(ranges(), noise_, summand, out, generator);
    return detail::quantise(ranges(), summand, out, detail::rounding_at_random(generator));
  }
  /// The same, rounded to the nearest level. \throws Error also (`invalid_argument`) where the plan has noise
  template <std::unsigned_integral Word, class Scalar>
  std::vector<ClippedSegment> encode_nearest(const Summand<Scalar>& summand, std::span<Word> out) const {
    if (noise_.on()) {
      throw Error(error::invalid_argument,
                  "segments: the plan has noise, which needs a generator to be drawn from");
    }
    require_words<Word>(out.size());
    require_fit(summand);
    return detail::quantise(ranges(), summand, out, detail::rounding_to_nearest());
  }

  /// The sums of weights, vectors (of w x, where weighted) and numbers over `contributors` clients, from the sum of their words.
  /// \throws Error (`invalid_argument`) for words of another ring or another number of them, or for no contributors or more than
  /// there are clients; (`overflow`) for a sum that so many clients and such weights cannot have
  template <std::unsigned_integral Word>
  [[nodiscard]] Summand<double> decode(std::span<const Word> sum, std::uint64_t contributors) const {
    require_words<Word>(sum.size());
    if (contributors == 0 || contributors > clients_) {
      throw Error(error::invalid_argument, "segments: a sum is over 1 to " + std::to_string(clients_) +
                                               " clients, not " + std::to_string(contributors));
    }
    const std::uint64_t total = sum.front();
    if (noise_.on() && total != contributors) {
      throw Error(error::overflow, "segments: each of " + std::to_string(contributors) +
                                       " clients weighs 1, but together they weigh " + std::to_string(total));
    }
    if (total > contributors * most_weight_) {
      throw Error(error::overflow, "segments: the weights of " + std::to_string(contributors) +
                                       " clients sum to " + std::to_string(total) + ", but each is at most " +
                                       std::to_string(most_weight_));
    }
    Summand<double> result = noise_.on() ? detail::read_noised(ranges(), noise_, sum, clients_)
                                         : detail::dequantise(ranges(), sum, total, contributors);
    result.weight = static_cast<double>(total);
    return result;
  }

  friend bool operator==(const SegmentPlan&, const SegmentPlan&) = default;

  /// \throws Error as the constructor, when read
  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& vectors_& scalars_& noise_& most_weight_& clients_;
    if constexpr (Archive::is_loading::value) {
      *this = SegmentPlan(std::move(vectors_), std::move(scalars_), most_weight_, clients_, SumNoise(noise_));
    }
  }

 private:
  [[nodiscard]] detail::SegmentRanges ranges() const noexcept { return {vectors(), scalars()}; }
  template <class Segment>
  static void require_names(const std::vector<Segment>& segments) {
    std::vector<std::string_view> names;
    for (const Segment& segment : segments) names.push_back(segment.name);
    std::sort(names.begin(), names.end());
    if (!names.empty() && names.front().empty()) {
      throw Error(error::invalid_argument, "segments: one has no name");
    }
    if (const auto twice = std::adjacent_find(names.begin(), names.end()); twice != names.end()) {
      throw Error(error::invalid_argument, "segments: two are called \"" + std::string(*twice) + "\"");
    }
  }
  void add(const std::string& name, std::size_t length, double clip, std::uint64_t levels,
           std::uint64_t weight) {
    detail::naming_segment(
        name, [&] { ring_bits_ = (std::max)(ring_bits_, FixedPoint(clip, levels).ring_bits(weight)); });
    if (length > std::numeric_limits<std::size_t>::max() / 16 - size_) {
      throw Error(error::overflow,
                  "segment \"" + name + "\": the whole is larger than this machine can address");
    }
    size_ += length;
  }
  void take_levels() {
    const std::uint64_t levels = detail::levels_of_noise(ranges(), noise_, most_weight_);
    for (VectorSegment& segment : vectors_) segment.levels = levels;
    for (ScalarSegment& segment : scalars_) segment.levels = levels;
  }
  template <class Word>
  void require_words(std::size_t count) const {
    static_assert(sizeof(Word) == 4 || sizeof(Word) == 8, "words of a ring have 32 or 64 bits");
    if (8 * sizeof(Word) != ring_bits_) {
      throw Error(error::invalid_argument, "segments: the ring has " + std::to_string(ring_bits_) +
                                               " bits, the words " + std::to_string(8 * sizeof(Word)));
    }
    if (count != size_) {
      throw Error(error::invalid_argument,
                  "segments: expected " + std::to_string(size_) + " words, got " + std::to_string(count));
    }
  }

  std::vector<VectorSegment> vectors_{};
  std::vector<ScalarSegment> scalars_{};
  std::uint64_t most_weight_ = 0;
  std::uint64_t clients_ = 0;
  SumNoise noise_{};
  unsigned ring_bits_ = 32;
  std::size_t size_ = 1;
};

}  // namespace healthai::secagg
