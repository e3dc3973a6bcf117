#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "healthai/aggregation/concept.hpp"
#include "healthai/aggregation/detail/mean_support.hpp"
#include "healthai/aggregation/detail/weighted_sum.hpp"
#include "healthai/core/error.hpp"
#include "healthai/core/finite.hpp"
#include "healthai/core/layout.hpp"
#include "healthai/core/parameters.hpp"
#include "healthai/core/serialize_numbers.hpp"
#include "healthai/detail/parallel_for.hpp"

namespace healthai {

/// The mean of the updates, weighted by number of examples: Σ w_k u_k / Σ w_k. This is the aggregation step of federated
/// averaging (McMahan, Moore, Ramage, Hampson, Agüera y Arcas: Communication-Efficient Learning of Deep Networks from
/// Decentralized Data, 2017, algorithm 1: w ← Σ (n_k / n) w_k).
///
/// Numerics. Sums are kept in double, whatever Scalar, and added in the order given; each product and each sum is
/// rounded once (no fused multiply-add), so that one update at a time, batches, and every instruction set give the same
/// bits. The order matters to the last bits: see ReproducibleMean where it cannot be fixed. The mean of a single update is
/// that update: exactly for float with whole weights up to 2^29 (the product is exact), and within one unit in the last
/// place for double and for other weights (the product and the quotient are each rounded).
///
/// A weight of 0 adds nothing. Products w·u beyond the range of double are an overflow even where the mean is not
/// (ReproducibleMean takes those).
struct WeightedMean {
  /// How many threads add up large updates; 0: one for each processor. The result is the same for any number. One reads memory
  /// at about half the speed of a machine, and leaves the others to the clients that train meanwhile; a coordinator whose clients
  /// are elsewhere is faster with 0.
  std::size_t threads = 1;

  static constexpr std::string_view name = "WeightedMean";

  /// The sums of one round. Memory: one double a parameter from the first update that is not the last; a mean made by
  /// `finish(updates)` alone needs none.
  /// Thread safety: none; one thread at a time.
  template <class Scalar>
  class State {
   public:
    /// No updates yet. `spare`: memory for the result, such as that of a mean no longer needed; used if its layout fits.
    explicit State(Layout layout, Parameters<Scalar> spare = {}, std::size_t threads = 1)
        : layout_(std::move(layout)), spare_(std::move(spare)), threads_(threads) {}
    State() : State(Layout()) {}  ///< of the empty layout; only a placeholder for deserialisation

    /// Forgets all updates and keeps the memory of the sums, for another round with the same layout.
    /// `spare`: as in the constructor.
    void restart(Parameters<Scalar> spare = {}) {
      weight_ = 0;
      count_ = 0;
      if (spare.layout() == layout_) spare_ = std::move(spare);
    }

    /// Adds one update. The buffer of the first is kept, to hold the result.
    void add(Update<Scalar>&& update) {
      const Scalar* const values = update.values.data();
      add_terms({&values, &update.weight, 1});
      add_weight(update.weight);
      if (!(spare_.layout() == layout_)) spare_ = std::move(update.values);
    }

    /// Adds one update and leaves it alone.
    void add(const Update<Scalar>& update) { add_batch({&update, 1}); }

    /// Adds many updates: the same bits as adding them one by one, at about the speed of reading them.
    void add_batch(std::span<const Update<Scalar>> updates) {
      if (updates.empty()) return;
      const detail::TermList<Scalar> list(updates);
      add_terms(list.terms());
      for (const Update<Scalar>& update : updates) add_weight(update.weight);
    }

    /// Adds the sums of another state. \throws Error (`layout_mismatch`)
    void merge(State&& other) {
      require_layout(layout_, other.layout_, "merging a partial weighted mean");
      if (other.count_ == 0) return;
      if (count_ == 0) {
        std::swap(sum_, other.sum_);
      } else {
        add_values(std::as_const(other.sum_).span());
      }
      weight_ += other.weight_;
      count_ += other.count_;
    }

    /// Adds Σ w·u and Σ w that someone else has made. \throws Error (`layout_mismatch`) for another number of parameters.
    void add_sum(std::span<const double> weighted_sum, double weight) {
      detail::require_sum_size(layout_, weighted_sum.size());
      add_values(weighted_sum);
      add_weight(weight);
    }

    /// The mean. The state is spent afterwards, but for `restart`.
    /// \throws Error (`invalid_argument`) without updates or when all weights are zero, (`overflow`) if the sums or the mean are not finite.
    [[nodiscard]] Parameters<Scalar> finish() { return finish_with({}); }

    /// Adds the last updates and finishes: the same bits as `add_batch(last)` and then `finish()`. Faster for large
    /// models, since the sums stay in cache: of memory, only the updates are read and the result is written.
    /// \throws Error as `finish()` does
    [[nodiscard]] Parameters<Scalar> finish(std::span<const Update<Scalar>> last) {
      return finish_with(detail::TermList<Scalar>(last).terms());
    }
    /// The same with one, in whose memory the mean is made unless there is a spare one: so it takes none.
    /// \throws Error as `finish()` does
    [[nodiscard]] Parameters<Scalar> finish(Update<Scalar>&& last) {
      const Scalar* const values = last.values.data();  // where they stay
      if (!(spare_.layout() == layout_)) spare_ = std::move(last.values);
      return finish_with({&values, &last.weight, 1});
    }

    // Piece by piece, for machines that each have some of the updates (see SumInPieces). A piece is one double a coordinate.

    [[nodiscard]] static constexpr std::size_t piece_bytes(std::size_t count) noexcept {
      return count * sizeof(double);
    }
    void write_piece(std::span<const Update<Scalar>> last, std::size_t begin, std::size_t count,
                     std::byte* piece) const {
      auto* const sums = reinterpret_cast<double*>(piece);
      if (count_ > 0) std::copy_n(sum_.data() + begin, count, sums);
      if (count_ == 0 && last.empty()) std::fill_n(sums, count, 0.0);
      if (last.empty()) return;
      const detail::TermList<Scalar> list(last);
      detail::weighted_sum_kernels<Scalar>().add(sums, list.terms(), begin, count, count_ == 0);
    }
    static void add_piece(std::byte* piece, const std::byte* other, std::size_t count) noexcept {
      auto* const sums = reinterpret_cast<double*>(piece);
      const auto* const more = reinterpret_cast<const double*>(other);
      for (std::size_t i = 0; i < count; ++i) sums[i] += more[i];
    }
    [[nodiscard]] Parameters<Scalar> begin_mean(std::span<const double> weights) {
      weight_ = 0;
      for (const double weight : weights) weight_ += weight;
      detail::require_mean_exists(weights.size(), weight_);
      return take_result();
    }
    void finish_piece(std::size_t begin, std::size_t count, std::byte* piece,
                      Parameters<Scalar>& mean) const {
      auto* const sums = reinterpret_cast<double*>(piece);
      if (!detail::weighted_sum_kernels<Scalar>().finish(mean.data() + begin, weight_, sums, {}, begin, count,
                                                         false)) {
        fail(mean, begin);
      }
    }

    /// Σ w·u so far, one double a parameter; zeros before the first update. Valid until the next change of the state.
    [[nodiscard]] std::span<const double> weighted_sum() {
      if (count_ == 0) std::fill_n(sums(), layout_.size(), 0.0);
      return std::as_const(sum_).span();
    }
    /// Σ w so far.
    [[nodiscard]] double weight() const noexcept { return weight_; }
    /// How many updates and sums went in, those of merged states included.
    [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
    [[nodiscard]] const Layout& layout() const noexcept { return layout_; }

    /// A partial mean travels whole, so that nothing is rounded in between.
    /// \throws Error (`archive_corrupt`) on reading sums that are not finite, a negative weight, or one of no updates
    template <class Archive>
    void serialize(Archive& archive, unsigned /*version*/) {
      if constexpr (Archive::is_loading::value) {
        Layout layout;
        archive& layout;
        if constexpr (requires { archive.require(std::size_t{}, sizeof(double)); }) {
          archive.require(layout.size(), sizeof(double));
        }
        *this = State(std::move(layout), {}, threads_);
      } else {
        archive& layout_;
        static_cast<void>(weighted_sum());  // zeros if there is nothing yet
      }
      archive& count_& weight_;
      serialize_numbers(archive, std::span<double>(sums(), layout_.size()));
      if constexpr (Archive::is_loading::value) {
        if (!is_finite(weight_) || weight_ < 0 || !all_finite(std::as_const(sum_).span())) {
          throw Error(
              error::archive_corrupt,
              "a partial weighted mean holds a sum that is not finite or a negative weight; its sender "
              "has to check updates before adding them");
        }
        if (count_ == 0 && weight_ > 0) {
          throw Error(error::archive_corrupt, "a partial weighted mean of no updates holds a weight");
        }
      }
    }

   private:
    /// How many threads are worth their start, for so many vectors.
    [[nodiscard]] std::size_t workers_for(std::size_t vectors) const noexcept {
      constexpr std::size_t least = std::size_t{8} << 20U;  // bytes; a millisecond's work
      return vectors * layout_.size() * sizeof(Scalar) < least ? 1 : detail::worker_count(threads_);
    }
    /// Calls `visit(begin, count, worker)` for the blocks of coordinates, in order if there is one worker.
    template <class Visit>
    void for_each_block(std::size_t workers, Visit visit) const {
      constexpr std::size_t block = detail::weighted_sum_block;
      const std::size_t blocks = (layout_.size() + block - 1) / block;
      detail::parallel_for(workers, blocks, [&](std::size_t i, std::size_t worker) {
        visit(i * block, (std::min)(block, layout_.size() - i * block), worker);
      });
    }
    void add_terms(const detail::Terms<Scalar>& terms) {
      const auto kernels = detail::weighted_sum_kernels<Scalar>();
      double* const sum = sums();
      for_each_block(workers_for(terms.count), [&](std::size_t begin, std::size_t count, std::size_t) {
        kernels.add(sum + begin, terms, begin, count, count_ == 0);
      });
    }
    /// `finish`, with the last terms. The result may be in the memory of one of them: a number is read before it is written.
    Parameters<Scalar> finish_with(const detail::Terms<Scalar>& last) {
      const bool fresh = count_ == 0;
      // If there are no sums yet, those of one block will do for all of a thread.
      struct alignas(64) Block {
        double sums[detail::weighted_sum_block];
      };
      const std::size_t workers = workers_for(last.count);
      const std::unique_ptr<Block[]> blocks(fresh ? new Block[workers] : nullptr);
      for (std::size_t k = 0; k < last.count; ++k) add_weight(last.weights[k]);
      detail::require_mean_exists(count_, weight_);

      Parameters<Scalar> mean = take_result();
      const auto kernels = detail::weighted_sum_kernels<Scalar>();
      std::atomic<std::size_t> bad{
          layout_.size()};  // where the first block with a number that is not finite begins
      for_each_block(workers, [&](std::size_t begin, std::size_t count, std::size_t worker) {
        double* const sum = fresh ? blocks[worker].sums : sum_.data() + begin;
        if (kernels.finish(mean.data() + begin, weight_, sum, last, begin, count, fresh)) return;
        std::size_t before = bad;
        while (begin < before && !bad.compare_exchange_weak(before, begin)) {
        }
      });
      if (bad < layout_.size()) fail(mean, bad);
      return mean;
    }
    void add_values(std::span<const double> values) {
      double* const sum = sums();
      for (std::size_t i = 0; i < values.size(); ++i) sum[i] = (count_ == 0 ? 0.0 : sum[i]) + values[i];
    }
    /// The sums, in memory of their own from now on; not initialised while count_ is 0.
    double* sums() {
      if (!(sum_.layout() == layout_)) sum_ = Parameters<double>::uninitialised(layout_);
      return sum_.data();
    }
    void add_weight(double weight) {
      weight_ += weight;
      ++count_;
    }
    Parameters<Scalar> take_result() {
      if (spare_.layout() == layout_) return std::move(spare_);
      return Parameters<Scalar>::uninitialised(layout_);
    }
    [[noreturn]] void fail(const Parameters<Scalar>& mean, std::size_t begin) const {
      std::size_t i = begin;
      while (all_finite(mean.span().subspan(i, 1))) ++i;
      detail::mean_overflow(
          layout_, i,
          "the weights times the updates must fit in a double, and the mean in the parameters' "
          "type; divide the weights by a common factor, or use ReproducibleMean");
    }

    Layout layout_;
    Parameters<double> sum_;  // empty until the first update, see sums()
    double weight_ = 0;
    std::uint64_t count_ = 0;
    Parameters<Scalar> spare_;
    std::size_t threads_ = 1;
  };

  /// A state without updates, for parameters of this layout. \throws std::bad_alloc
  template <class Scalar>
  [[nodiscard]] State<Scalar> begin(const Layout& layout) const {
    return State<Scalar>(layout, {}, threads);
  }
  /// The same, with memory for the result: that of an earlier mean, say. To get tens of megabytes afresh from the
  /// operating system can take longer than the whole mean.
  template <class Scalar>
  [[nodiscard]] State<Scalar> begin(const Layout& layout, Parameters<Scalar> spare) const {
    return State<Scalar>(layout, std::move(spare), threads);
  }

  friend bool operator==(const WeightedMean&, const WeightedMean&) = default;
};

}  // namespace healthai
