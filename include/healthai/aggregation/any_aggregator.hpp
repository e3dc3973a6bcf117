#pragma once

#include <concepts>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "healthai/aggregation/concept.hpp"
#include "healthai/aggregation/coordinate_slice.hpp"
#include "healthai/aggregation/weighted_mean.hpp"
#include "healthai/core/error.hpp"

namespace healthai {

/// An Aggregator chosen at run time, by a command line say; where the rule is known when the program is compiled, name
/// its type instead: that is faster, and lets the compiler check what the rule can be combined with.
///
///     AnyAggregator<double> rule = WeightedMean{};
///     if (robust) rule = Median{};
///     Federation federation{BasicFedAvg{.aggregator = rule}, hospitals};
///
/// Takes any copyable Aggregator for `Scalar`. It counts as not additive, whatever is inside: what cannot be known at
/// compile time is not promised, so it does not compile over a transport that can only sum.
/// Updates are added one at a time, by an indirect call each. Copies share the rule, which nobody changes.
/// Thread safety: reading is safe; a state belongs to one thread.
template <class Scalar_>
class AnyAggregator {
  using Scalar = Scalar_;
  struct SomeState {
    virtual ~SomeState() = default;
    virtual void add(Update<Scalar>&& update) = 0;
    virtual Parameters<Scalar> finish() = 0;
    virtual Parameters<Scalar> finish(const CoordinateSlice& slice) = 0;
    // Of a sum in pieces.
    [[nodiscard]] virtual std::size_t piece_bytes(std::size_t count) const = 0;
    virtual void write_piece(std::size_t begin, std::size_t count, std::byte* piece) = 0;
    virtual void add_piece(std::byte* piece, std::byte* other, std::size_t count) const = 0;
    [[nodiscard]] virtual Parameters<Scalar> begin_mean(std::span<const double> weights) = 0;
    virtual void finish_piece(std::size_t begin, std::size_t count, std::byte* piece,
                              Parameters<Scalar>& mean) const = 0;
  };
  struct SomeRule {
    virtual ~SomeRule() = default;
    [[nodiscard]] virtual std::string describe() const = 0;
    virtual void validate() const = 0;
    [[nodiscard]] virtual bool additive() const noexcept = 0;
    [[nodiscard]] virtual Sharing how_shared() const noexcept = 0;
    [[nodiscard]] virtual std::unique_ptr<SomeState> begin(const Layout& layout) const = 0;
  };

  template <class Rule>
  static constexpr Sharing sharing = sharing_of<typename Rule::template State<Scalar>, Scalar>;
  template <class Rule>
  static constexpr bool adds_up = sharing<Rule> == Sharing::pieces;
  [[noreturn]] static void cannot() {
    throw Error(error::invalid_argument,
                "AnyAggregator: the rule inside is not shared in this way, see its `sharing`");
  }

  template <class Rule>
  struct StateOf final : SomeState {
    explicit StateOf(typename Rule::template State<Scalar> begun) : state(std::move(begun)) {}
    void add(Update<Scalar>&& update) override { state.add(std::move(update)); }
    Parameters<Scalar> finish() override { return state.finish(); }
    Parameters<Scalar> finish(const CoordinateSlice& slice) override {
      if constexpr (sharing<Rule> == Sharing::slices) return state.finish(slice);
      cannot();
    }

    [[nodiscard]] std::size_t piece_bytes(std::size_t count) const override {
      if constexpr (adds_up<Rule>) return state.piece_bytes(count);
      cannot();
    }
    void write_piece(std::size_t begin, std::size_t count, std::byte* piece) override {
      if constexpr (requires { state.write_piece(begin, count, piece); }) {
        state.write_piece(begin, count, piece);
      } else if constexpr (adds_up<Rule>) {
        state.write_piece({}, begin, count, piece);
      } else {
        cannot();
      }
    }
    void add_piece(std::byte* piece, std::byte* other, std::size_t count) const override {
      if constexpr (adds_up<Rule>) return state.add_piece(piece, other, count);
      cannot();
    }
    [[nodiscard]] Parameters<Scalar> begin_mean(std::span<const double> weights) override {
      if constexpr (adds_up<Rule>) return state.begin_mean(weights);
      cannot();
    }
    void finish_piece(std::size_t begin, std::size_t count, std::byte* piece,
                      Parameters<Scalar>& mean) const override {
      if constexpr (adds_up<Rule>) return state.finish_piece(begin, count, piece, mean);
      cannot();
    }
    typename Rule::template State<Scalar> state;
  };
  template <class Rule>
  struct RuleOf final : SomeRule {
    explicit RuleOf(Rule some) : rule(std::move(some)) {}
    [[nodiscard]] std::string describe() const override {
      if constexpr (requires {
                      { rule.describe() } -> std::convertible_to<std::string>;
                    }) {
        return std::string(rule.describe());
      } else if constexpr (requires { std::string(Rule::name); }) {
        return std::string(Rule::name);
      } else {
        return "a rule without a name";
      }
    }
    void validate() const override {
      if constexpr (requires { rule.validate(); }) rule.validate();
    }
    [[nodiscard]] bool additive() const noexcept override { return AdditiveAggregator<Rule, Scalar>; }
    [[nodiscard]] Sharing how_shared() const noexcept override { return sharing<Rule>; }
    [[nodiscard]] std::unique_ptr<SomeState> begin(const Layout& layout) const override {
      return std::make_unique<StateOf<Rule>>(rule.template begin<Scalar>(layout));
    }
    Rule rule;
  };

 public:
  /// The weighted mean.
  AnyAggregator() : AnyAggregator(WeightedMean{}) {}
  /// Any rule; not `explicit`, so that `{.aggregator = Median{}}` works.
  template <class Rule>
  requires(!std::same_as<Rule, AnyAggregator>) AnyAggregator(Rule rule) {
    static_assert(Aggregator<Rule, Scalar>,
                  "healthai: AnyAggregator holds an Aggregator: see aggregation/concept.hpp and "
                  "docs/how-to-write-an-aggregator.md");
    rule_ = std::make_shared<const RuleOf<Rule>>(std::move(rule));
  }

  /// What the rule says of itself: its name and hyperparameters.
  [[nodiscard]] std::string describe() const { return rule_->describe(); }
  /// \throws Error (`invalid_argument`) as the rule's own does
  void validate() const { rule_->validate(); }

  /// Whether the rule inside is a sum, so that a round need not keep its updates.
  [[nodiscard]] bool additive() const noexcept { return rule_->additive(); }
  /// How several machines can share the work of the rule inside.
  [[nodiscard]] Sharing how_shared() const noexcept { return rule_->how_shared(); }

  /// The rule's own state, behind an indirect call.
  template <std::same_as<Scalar>>
  class State {
   public:
    void add(Update<Scalar>&& update) { state_->add(std::move(update)); }
    /// \throws Error as the rule's own does
    [[nodiscard]] Parameters<Scalar> finish() { return state_->finish(); }

    // See SlicedAggregation and SumInPieces. All throw Error (`invalid_argument`) unless that is how the rule is shared.
    [[nodiscard]] Parameters<Scalar> finish(const CoordinateSlice& slice) { return state_->finish(slice); }
    [[nodiscard]] std::size_t piece_bytes(std::size_t count) const { return state_->piece_bytes(count); }
    void write_piece(std::size_t begin, std::size_t count, std::byte* piece) {
      state_->write_piece(begin, count, piece);
    }
    void add_piece(std::byte* piece, std::byte* other, std::size_t count) const {
      state_->add_piece(piece, other, count);
    }
    [[nodiscard]] Parameters<Scalar> begin_mean(std::span<const double> weights) {
      return state_->begin_mean(weights);
    }
    void finish_piece(std::size_t begin, std::size_t count, std::byte* piece,
                      Parameters<Scalar>& mean) const {
      state_->finish_piece(begin, count, piece, mean);
    }

   private:
    friend class AnyAggregator;
    explicit State(std::unique_ptr<SomeState> state) : state_(std::move(state)) {}
    std::unique_ptr<SomeState> state_;
  };
  /// \throws Error (`invalid_argument`) for hyperparameters outside their range
  template <std::same_as<Scalar> S>
  [[nodiscard]] State<S> begin(const Layout& layout) const {
    return State<S>(rule_->begin(layout));
  }

 private:
  std::shared_ptr<const SomeRule> rule_;
};

}  // namespace healthai
