// Floating point, but of no known size on another machine.
// EXPECT: Parameters<Scalar>: use float
#include "healthai/core/parameters.hpp"

#ifndef HEALTHAI_COMPILE_FAIL
using Scalar = float;
#else
using Scalar = long double;
#endif

int main() {
  const healthai::Parameters<Scalar> parameters(healthai::Layout{{"w", {3}}});
  return static_cast<int>(parameters.size()) - 3;
}
