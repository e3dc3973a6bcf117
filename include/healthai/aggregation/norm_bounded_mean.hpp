#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "healthai/aggregation/concept.hpp"
#include "healthai/aggregation/weighted_mean.hpp"
#include "healthai/core/norm.hpp"
#include "healthai/core/number_text.hpp"

namespace healthai {

/// The weighted mean of updates that are first shortened to a Euclidean length of at most `bound` (Sun, Kairouz, Suresh,
/// McMahan: Can You Really Backdoor Federated Learning?, 2019, section 5): a client can still pull in a wrong direction,
/// but not far. One update at a time, in the memory of one model.
///
/// It bounds what m malicious clients of weight share s can do to s * bound; it does not remove it. Not additive: it needs
/// to see each update (clients that shorten their own are another matter, and additive). For the same reason it has no `add_sum`: a
/// sum that someone else has made cannot be shortened any more, and one long update in it would go in whole. But once
/// updates are shortened it is a sum, so that machines of one coordinator that see some of the updates each can `merge` their states.
struct NormBoundedMean {
  double bound = 1;  ///< > 0, in units of the parameters

  static constexpr std::string_view name = "NormBoundedMean";
  [[nodiscard]] std::string describe() const { return "NormBoundedMean(bound=" + number_text(bound) + ")"; }
  /// Any number does bounded harm, and none is without harm.
  [[nodiscard]] static constexpr std::size_t tolerates(std::size_t /*clients*/) noexcept { return 0; }
  /// \throws Error (`invalid_argument`) unless the bound is positive
  void validate() const {
    if (!(bound > 0) || !is_finite(bound)) {
      throw Error(error::invalid_argument,
                  "NormBoundedMean: bound must be positive, but is " + number_text(bound));
    }
  }

  /// Thread safety: none; one thread at a time.
  template <class Scalar>
  class State {
   public:
    State(double bound, const Layout& layout) : bound_(bound), mean_(layout) {}
    void add(Update<Scalar>&& update) {
      clip_to_norm(update.values, bound_);
      mean_.add(std::move(update));
    }
    void add(const Update<Scalar>& update) { add(Update<Scalar>(update)); }
    /// \throws Error (`invalid_argument`) without updates or when all weights are zero
    [[nodiscard]] Parameters<Scalar> finish() { return mean_.finish(); }
    [[nodiscard]] std::uint64_t count() const noexcept { return mean_.count(); }
    [[nodiscard]] const Layout& layout() const noexcept { return mean_.layout(); }

    // See SumInPieces: among one's own machines, each of which sees whole updates and shortens them, the rest is a sum. There is
    // no `add_sum` or `merge` for sums from elsewhere: whether their updates were shortened could not be seen.

    [[nodiscard]] static constexpr std::size_t piece_bytes(std::size_t count) noexcept {
      return WeightedMean::State<Scalar>::piece_bytes(count);
    }
    void write_piece(std::size_t begin, std::size_t count, std::byte* piece) const {
      mean_.write_piece({}, begin, count, piece);
    }
    static void add_piece(std::byte* piece, const std::byte* other, std::size_t count) noexcept {
      WeightedMean::State<Scalar>::add_piece(piece, other, count);
    }
    [[nodiscard]] Parameters<Scalar> begin_mean(std::span<const double> weights) {
      return mean_.begin_mean(weights);
    }
    void finish_piece(std::size_t begin, std::size_t count, std::byte* piece,
                      Parameters<Scalar>& mean) const {
      mean_.finish_piece(begin, count, piece, mean);
    }

   private:
    double bound_;
    WeightedMean::State<Scalar> mean_;
  };
  /// \throws Error as `validate` does
  template <class Scalar>
  [[nodiscard]] State<Scalar> begin(const Layout& layout) const {
    validate();
    return State<Scalar>(bound, layout);
  }

  friend bool operator==(const NormBoundedMean&, const NormBoundedMean&) = default;
};

}  // namespace healthai
