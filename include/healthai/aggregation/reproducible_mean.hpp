#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "healthai/aggregation/concept.hpp"
#include "healthai/aggregation/detail/mean_support.hpp"
#include "healthai/aggregation/detail/reproducible_sum.hpp"
#include "healthai/core/error.hpp"
#include "healthai/core/layout.hpp"
#include "healthai/core/parameters.hpp"
#include "healthai/core/serialize_numbers.hpp"

namespace healthai {

/// The weighted mean Σ w_k u_k / Σ w_k with the same bits whatever the order of the updates and whatever the grouping into
/// batches and partial states: for networks where replies are folded in as they arrive. WeightedMean is several times
/// faster; use it where the order is fixed.
///
/// How. Every coordinate keeps a window of three digits of 32 bits on a fixed grid, anchored at the largest term seen;
/// terms are cut into digits and added as integers, which is associative (detail/digit_window.hpp has the details; the
/// idea is that of Ahrens, Demmel, Nguyen: Algorithms for Efficient Reproducible Floating Point Summation, ACM TOMS 46(3),
/// 2020). The sum of the weights is kept in the same way.
///
/// Not exact, but close. Let M = max |w_k u_k| in a coordinate and n the number of updates. With ε = 2^-53,
///
///     |result - exact mean|  <=  ( n 2^-64 M  +  ε Σ |w_k u_k| ) / Σ w_k  +  5 units in the last place of the result.
///
/// - ε Σ|w u|: each product is rounded once to 53 bits. For float with whole weights up to 2^29 it is exact and this
///   term is absent. (No rule that takes products in double is without it.)
/// - n 2^-64 M: let a be the digit of the leading bit of M, so M >= 2^(32a) units of the grid. Of each term, less than one unit of
///   the lowest digit kept, 2^(32(a-2)) <= 2^-64 M, is dropped.
/// - The rest: the sum of the products and that of the weights are each converted to double once (1/2 unit each; the
///   weights' own dropped digits are n 2^-64 relative at most), divided (1/2), and rounded to Scalar; a quotient below
///   the normal range is rounded once more.
///
/// Products are formed with an unbounded exponent, so that w·u beyond the range of double, or far below it, is no matter as
/// long as the mean fits. At most 2^31 updates. Memory: 28 bytes a parameter.
struct ReproducibleMean {
  static constexpr std::string_view name = "ReproducibleMean";

  /// The windows of one round. Thread safety: none; one thread at a time.
  template <class Scalar>
  class State {
   public:
    /// No updates yet. `spare`: memory for the result, such as that of a mean no longer needed; used if its layout fits.
    /// \throws std::bad_alloc
    explicit State(Layout layout, Parameters<Scalar> spare = {})
        : layout_(std::move(layout)),
          high_(layout_.size()),
          middle_(layout_.size()),
          low_(layout_.size()),
          anchor_(layout_.size()),
          spare_(std::move(spare)) {}
    State() : State(Layout()) {}  ///< of the empty layout; only a placeholder for deserialisation

    /// Forgets all updates and keeps the memory of the windows, for another round with the same layout.
    /// `spare`: as in the constructor.
    void restart(Parameters<Scalar> spare = {}) {
      stale_ = true;
      weight_ = {};
      count_ = 0;
      if (spare.layout() == layout_) spare_ = std::move(spare);
    }

    /// Adds one update. The buffer of the first is kept, to hold the result.
    /// \throws Error (`overflow`) beyond 2^31 updates
    void add(Update<Scalar>&& update) {
      add_batch({&update, 1});
      if (!(spare_.layout() == layout_)) spare_ = std::move(update.values);
    }
    /// Adds one update and leaves it alone.
    void add(const Update<Scalar>& update) { add_batch({&update, 1}); }

    /// Adds many updates, faster than one by one. \throws Error (`overflow`) beyond 2^31 updates
    void add_batch(std::span<const Update<Scalar>> updates) {
      const detail::TermList<Scalar> list(updates);
      std::vector<detail::SplitWeight> weights;
      weights.reserve(updates.size());
      for (const Update<Scalar>& update : updates) weights.push_back(detail::SplitWeight::of(update.weight));
      require_room(updates.size());
      add_terms(list.terms(), weights.data());
      for (const Update<Scalar>& update : updates) weight_.add(update.weight);
    }

    /// Adds the windows of another state. \throws Error (`layout_mismatch`), (`overflow`) beyond 2^31 updates
    void merge(State&& other) {
      require_layout(layout_, other.layout_, "merging a partial reproducible mean");
      require_room(other.count_);
      clear_if_stale(0, layout_.size());
      other.clear_if_stale(0, layout_.size());
      stale_ = false;
      detail::reproducible_merge(arrays(), other.arrays(), layout_.size());
      detail::reproducible_merge(weight_.arrays(), other.weight_.arrays(), 1);
    }

    /// Adds Σ w·u and Σ w that someone else has made, as one term of weight 1 each: reproducible as far as they are. They
    /// must be finite. \throws Error (`layout_mismatch`) for another number of parameters, (`overflow`) beyond 2^31 updates
    void add_sum(std::span<const double> weighted_sum, double weight) {
      detail::require_sum_size(layout_, weighted_sum.size());
      require_room(1);
      const double* const values = weighted_sum.data();
      const detail::SplitWeight one = detail::SplitWeight::one();
      add_terms(detail::Terms<double>{&values, nullptr, 1}, &one);
      weight_.add(weight);
    }

    /// The mean. The state is spent afterwards, but for `restart`.
    /// \throws Error (`invalid_argument`) without updates or when all weights are zero, (`overflow`) if the mean does not fit
    /// in Scalar (which a mean of finite updates always does; sums from elsewhere may not).
    [[nodiscard]] Parameters<Scalar> finish() {
      detail::require_mean_exists(count_, weight_.value().fraction);
      Parameters<Scalar> mean = take_result();
      divide(arrays(), 0, mean.size(), mean);
      return mean;
    }

    // Piece by piece, for machines that each have some of the updates (see SumInPieces). A piece is the windows of its
    // coordinates, so that the result has the same bits however the updates are spread.

    [[nodiscard]] static constexpr std::size_t piece_bytes(std::size_t count) noexcept {
      return count * (3 * sizeof(std::int64_t) + sizeof(std::int32_t));
    }
    void write_piece(std::size_t begin, std::size_t count, std::byte* piece) {
      const auto from = arrays().from(begin);
      const auto to = windows_in(piece, count);
      clear_if_stale(begin, count);
      std::copy_n(from.high, count, to.high);
      std::copy_n(from.middle, count, to.middle);
      std::copy_n(from.low, count, to.low);
      std::copy_n(from.anchor, count, to.anchor);
    }
    static void add_piece(std::byte* piece, std::byte* other, std::size_t count) noexcept {
      detail::reproducible_merge(windows_in(piece, count), windows_in(other, count), count);
    }
    [[nodiscard]] Parameters<Scalar> begin_mean(std::span<const double> weights) {
      count_ = 0;
      require_room(weights.size());
      weight_ = {};
      for (const double weight : weights) weight_.add(weight);
      detail::require_mean_exists(count_, weight_.value().fraction);
      return take_result();
    }
    void finish_piece(std::size_t begin, std::size_t count, std::byte* piece,
                      Parameters<Scalar>& mean) const {
      divide(windows_in(piece, count), begin, count, mean);
    }

    /// Σ w so far, rounded to double; infinite if it does not fit.
    [[nodiscard]] double weight() const noexcept {
      return detail::divide(weight_.value(), detail::WideNumber{0x1p62, -62});
    }
    /// How many updates and sums went in, those of merged states included.
    [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
    [[nodiscard]] const Layout& layout() const noexcept { return layout_; }

    /// A partial mean travels whole: digits, not rounded numbers.
    /// \throws Error (`archive_corrupt`) on reading digits that no updates can have
    template <class Archive>
    void serialize(Archive& archive, unsigned /*version*/) {
      if constexpr (Archive::is_loading::value) {
        Layout layout;
        archive& layout;
        if constexpr (requires { archive.require(std::size_t{}, sizeof(double)); }) {
          archive.require(layout.size(), 3 * sizeof(std::int64_t) + sizeof(std::int32_t));
        }
        *this = State(std::move(layout));
      } else {
        archive& layout_;
        clear_if_stale(0, layout_.size());
      }
      archive& count_& weight_.high& weight_.middle& weight_.low& weight_.anchor;
      for (std::vector<std::int64_t>* digits : {&high_, &middle_, &low_}) {
        serialize_numbers(archive, std::span<std::int64_t>(digits->data(), digits->size()));
      }
      serialize_numbers(archive, std::span<std::int32_t>(anchor_.data(), anchor_.size()));
      if constexpr (Archive::is_loading::value) require_possible();
    }

   private:
    [[nodiscard]] detail::DigitArrays arrays() noexcept {
      return {high_.data(), middle_.data(), low_.data(), anchor_.data()};
    }
    [[nodiscard]] Parameters<Scalar> take_result() {
      return spare_.layout() == layout_ ? std::move(spare_) : Parameters<Scalar>::uninitialised(layout_);
    }
    [[nodiscard]] static detail::DigitArrays windows_in(std::byte* piece, std::size_t count) noexcept {
      auto* const digits = reinterpret_cast<std::int64_t*>(piece);
      return {digits, digits + count, digits + 2 * count,
              reinterpret_cast<std::int32_t*>(digits + 3 * count)};
    }
    /// mean[begin + i] from `windows`[i], for i < count.
    void divide(const detail::DigitArrays& windows, std::size_t begin, std::size_t count,
                Parameters<Scalar>& mean) const {
      const detail::WideNumber total = weight_.value();
      constexpr double largest = (std::numeric_limits<Scalar>::max)();
      for (std::size_t i = 0; i < count; ++i) {
        const double value = detail::divide(
            detail::wide_number(windows.high[i], windows.middle[i], windows.low[i], windows.anchor[i]),
            total);
        // A few roundings too many at the end of the range are not an overflow.
        const double magnitude = value < 0 ? -value : value;
        if (magnitude > largest * (1 + 0x1p-50)) {
          detail::mean_overflow(layout_, begin + i,
                                "the weighted sums and weights that were added do not belong together");
        }
        mean.data()[begin + i] = static_cast<Scalar>(std::clamp(value, -largest, largest));
      }
    }
    template <class Number>
    void add_terms(const detail::Terms<Number>& terms, const detail::SplitWeight* weights) {
      constexpr std::size_t block = 1024;  // their windows, 28 KiB, stay in the first-level cache
      const auto add = detail::reproducible_add_kernel<Number>();
      for (std::size_t begin = 0; begin < layout_.size(); begin += block) {
        const std::size_t count = (std::min)(block, layout_.size() - begin);
        clear_if_stale(begin, count);
        add(arrays().from(begin), terms, weights, begin, count);
      }
      stale_ = false;
    }
    void clear_if_stale(std::size_t begin, std::size_t count) noexcept {
      if (!stale_) return;
      const auto windows = arrays().from(begin);
      for (std::int64_t* const digits : {windows.high, windows.middle, windows.low})
        std::fill_n(digits, count, 0);
      std::fill_n(windows.anchor, count, 0);
    }
    void require_room(std::uint64_t more) {
      if (more > detail::reproducible_max_terms - count_) {
        throw Error(error::overflow, "a reproducible mean takes at most 2^31 updates, but " +
                                         std::to_string(more) + " more were added to " +
                                         std::to_string(count_) + "; use several states and add their means");
      }
      count_ += more;
    }
    /// Digits beyond these could overflow later.
    void require_possible() const {
      bool possible = count_ <= detail::reproducible_max_terms;
      const std::int64_t bound = possible ? static_cast<std::int64_t>(count_ * 0xffffffffU) : 0;
      const auto check = [&](std::int64_t digit) { possible &= digit >= -bound && digit <= bound; };
      const auto check_anchor = [&](std::int32_t anchor) {
        possible &= anchor >= 0 && anchor <= (count_ == 0 ? 0 : detail::max_anchor);
      };
      for (const std::int64_t digit : {weight_.high, weight_.middle, weight_.low}) {
        check(digit);
        possible &= digit >= 0;
      }
      check_anchor(weight_.anchor);
      for (const auto* digits : {&high_, &middle_, &low_}) {
        for (const std::int64_t digit : *digits) check(digit);
      }
      for (const std::int32_t anchor : anchor_) check_anchor(anchor);
      if (!possible) {
        throw Error(error::archive_corrupt,
                    "a partial reproducible mean holds digits that " + std::to_string(count_) +
                        " updates cannot have; its sender is broken or of another version");
      }
    }

    Layout layout_;
    std::vector<std::int64_t> high_;
    std::vector<std::int64_t> middle_;
    std::vector<std::int64_t> low_;
    std::vector<std::int32_t> anchor_;
    detail::ReproducibleSum weight_;
    std::uint64_t count_ = 0;
    bool stale_ =
        false;  // the windows are an earlier round's; cleared block by block when they are next needed
    Parameters<Scalar> spare_;
  };

  /// A state without updates, for parameters of this layout. \throws std::bad_alloc
  template <class Scalar>
  [[nodiscard]] State<Scalar> begin(const Layout& layout) const {
    return State<Scalar>(layout);
  }
  /// The same, with memory for the result: that of an earlier mean, say.
  template <class Scalar>
  [[nodiscard]] State<Scalar> begin(const Layout& layout, Parameters<Scalar> spare) const {
    return State<Scalar>(layout, std::move(spare));
  }

  /// Tells a checkpoint that it is not of WeightedMean.
  [[nodiscard]] static std::string describe() { return "ReproducibleMean"; }

  friend bool operator==(const ReproducibleMean&, const ReproducibleMean&) = default;
};

}  // namespace healthai
