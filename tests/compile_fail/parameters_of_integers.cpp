// Whole numbers are not averaged.
// EXPECT: constraints not satisfied|constraint failure|does not satisfy
// EXPECT: floating_point
#include "healthai/core/parameters.hpp"

#ifndef HEALTHAI_COMPILE_FAIL
using Scalar = double;
#else
using Scalar = int;
#endif

int main() {
  const healthai::Parameters<Scalar> parameters(healthai::Layout{{"w", {3}}});
  return static_cast<int>(parameters.size()) - 3;
}
