#include "healthai/model/concept.hpp"

#include <doctest/doctest.h>

#include <span>

namespace model_concept_test {

using namespace healthai;

namespace {

/// The smallest model: one parameter, pulled towards 1.
struct Smallest {
  using Scalar = double;
  Layout layout_{{"w", {1}}};
  [[nodiscard]] Layout layout() const { return layout_; }
  [[nodiscard]] std::size_t num_examples() const { return 1; }
  double loss(const Parameters<double>& parameters, std::span<const std::size_t>,
              Parameters<double>& gradient) {
    gradient.data()[0] = parameters.data()[0] - 1;
    return 0.5 * gradient.data()[0] * gradient.data()[0];
  }
  Metrics evaluate(const Parameters<double>&) { return {}; }
};
struct Bounded : Smallest {
  [[nodiscard]] double curvature_bound() const { return 1; }
};
struct Prefetching : Smallest {
  void prefetch(std::span<const std::size_t>) const noexcept {}
};
struct ThrowingPrefetch : Smallest {
  void prefetch(std::span<const std::size_t>) const {}
};
struct WithoutScalar {
  [[nodiscard]] Layout layout() const { return {}; }
};
struct WithoutEvaluate : Smallest {
  Metrics evaluate(const Parameters<double>&) = delete;
};
struct OtherScalar : Smallest {
  using Scalar = float;
};
struct NonConstBound : Smallest {
  double curvature_bound() { return 1; }
};

static_assert(Model<Smallest> && !BoundsCurvature<Smallest>);
static_assert(BoundsCurvature<Bounded>);
static_assert(PrefetchesRows<Prefetching> && !PrefetchesRows<Smallest> && !PrefetchesRows<ThrowingPrefetch>);
static_assert(!Model<int> && !Model<WithoutScalar> && !Model<WithoutEvaluate>);
static_assert(!Model<OtherScalar>);
static_assert(Model<NonConstBound> && !BoundsCurvature<NonConstBound>);

}  // namespace

TEST_CASE("the smallest model does what the concept says") {
  Smallest model;
  Parameters<double> parameters(model.layout());
  Parameters<double> gradient(model.layout());
  CHECK(model.loss(parameters, {}, gradient) == 0.5);
  CHECK(gradient.data()[0] == -1);
}

}  // namespace model_concept_test
