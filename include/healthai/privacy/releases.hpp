#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/core/number_text.hpp"
#include "healthai/privacy/guarantee.hpp"
#include "healthai/privacy/sampled_gaussian.hpp"

namespace healthai {

/// Everything that was, or will be, released about the same data: mechanisms and how often each was used. Epsilons must not be
/// added up; mechanisms can be put together, and an accountant (`RenyiAccountant`, `PrivacyLossAccountant`) says what they come
/// to. Each may be chosen after the results of those before it were seen, but their number and kinds must not be changed so.
/// Thread safety: like a vector.
template <PrivacyUnit Unit>
class Releases {
 public:
  /// One mechanism, used `steps` times.
  struct Entry {
    SampledGaussian
        mechanism{};  ///< as if a unit were added or removed: under `replace` with half the noise multiplier
    std::uint64_t steps = 0;
  };

  explicit Releases(Adjacency adjacency = Adjacency::add_remove) : adjacency_(adjacency) {}

  /// `steps` more uses of `mechanism`. A unit that is replaced by another changes the sum by up to two clips, so that the same
  /// noise is worth half the multiplier; that is accounted for here.
  /// \throws Error (`invalid_argument`) for a mechanism that is not valid, and for sampling under `Adjacency::replace`, where
  /// sampled units are added or removed; (`overflow`) for more steps than 2^53
  void add(SampledGaussian mechanism, std::uint64_t steps = 1) {
    mechanism.validate();
    if (adjacency_ == Adjacency::replace) {
      if (mechanism.sampling_rate != 1) {
        throw Error(error::invalid_argument,
                    "releases: Poisson sampling is accounted for under Adjacency::add_remove only; with a "
                    "sampling rate of " +
                        number_text(mechanism.sampling_rate) + " state the guarantee for " +
                        std::string(Unit::plural) + " added or removed");
      }
      mechanism.noise_multiplier /= 2;
      mechanism.validate();
    }
    if (steps > most_steps - steps_) {
      throw Error(error::overflow, "releases: " + std::to_string(steps) + " more steps after " +
                                       std::to_string(steps_) + " are more than 2^53");
    }
    steps_ += steps;
    if (steps == 0) return;
    for (Entry& entry : entries_) {  // a run of a hundred rounds is one entry
      if (entry.mechanism.noise_multiplier == mechanism.noise_multiplier &&
          entry.mechanism.sampling_rate == mechanism.sampling_rate) {
        entry.steps += steps;
        return;
      }
    }
    entries_.push_back({mechanism, steps});
  }

  [[nodiscard]] Adjacency adjacency() const noexcept { return adjacency_; }
  /// Each different mechanism once.
  [[nodiscard]] std::span<const Entry> entries() const noexcept { return entries_; }
  /// Of all entries together.
  [[nodiscard]] std::uint64_t steps() const noexcept { return steps_; }

 private:
  static constexpr std::uint64_t most_steps = std::uint64_t{1} << 53U;  // what a double can count

  Adjacency adjacency_;
  std::vector<Entry> entries_{};
  std::uint64_t steps_ = 0;
};

}  // namespace healthai
