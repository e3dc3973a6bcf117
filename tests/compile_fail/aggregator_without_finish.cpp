// An aggregator whose state cannot finish is no Aggregator, and the compiler's message names what is missing.
// EXPECT: constraints not satisfied|does not satisfy
// EXPECT: finish
#include "healthai/aggregation/concept.hpp"

struct FirstUpdateWins {
  template <class Scalar>
  struct State {
    void add(healthai::Update<Scalar>&& update) { result = std::move(update.values); }
#ifndef HEALTHAI_COMPILE_FAIL
    healthai::Parameters<Scalar> finish() {
      return std::move(result);
    }
#endif
    healthai::Parameters<Scalar> result{};
  };
  template <class Scalar>
  State<Scalar> begin(const healthai::Layout&) const {
    return {};
  }
};

template <healthai::Aggregator<double> A>
void use(const A&) {}

int main() {
  use(FirstUpdateWins{});
}
