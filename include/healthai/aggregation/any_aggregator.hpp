#pragma once

#include <concepts>
#include <memory>
#include <string>
#include <utility>

#include "healthai/aggregation/concept.hpp"
#include "healthai/aggregation/weighted_mean.hpp"

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
  };
  struct SomeRule {
    virtual ~SomeRule() = default;
    [[nodiscard]] virtual std::string describe() const = 0;
    virtual void validate() const = 0;
    [[nodiscard]] virtual std::unique_ptr<SomeState> begin(const Layout& layout) const = 0;
  };

  template <class Rule>
  struct StateOf final : SomeState {
    explicit StateOf(typename Rule::template State<Scalar> begun) : state(std::move(begun)) {}
    void add(Update<Scalar>&& update) override { state.add(std::move(update)); }
    Parameters<Scalar> finish() override { return state.finish(); }
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

  /// The rule's own state, behind an indirect call.
  template <std::same_as<Scalar>>
  class State {
   public:
    void add(Update<Scalar>&& update) { state_->add(std::move(update)); }
    /// \throws Error as the rule's own does
    [[nodiscard]] Parameters<Scalar> finish() { return state_->finish(); }

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
