// A rule that has to see each update cannot stand where only sums are known.
// EXPECT: constraints not satisfied|does not satisfy
// EXPECT: merge
#include "healthai/aggregation/concept.hpp"

struct Rule {
  template <class Scalar>
  struct State {
    void add(healthai::Update<Scalar>&& update) { result = std::move(update.values); }
    healthai::Parameters<Scalar> finish() { return std::move(result); }
#ifndef HEALTHAI_COMPILE_FAIL
    void merge(State&&) {}
    void add_sum(std::span<const double>, double) {}
#endif
    healthai::Parameters<Scalar> result{};
  };
  template <class Scalar>
  State<Scalar> begin(const healthai::Layout&) const {
    return {};
  }
};
static_assert(healthai::Aggregator<Rule, double>);

template <healthai::AdditiveAggregator<double> A>
void sum(const A&) {}

int main() {
  sum(Rule{});
}
