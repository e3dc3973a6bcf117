// The smallest application that embeds the library.
#if __has_include(<healthai/healthai.hpp>)
#include <healthai/healthai.hpp>
#else
#include <healthai/core/parameters.hpp>
#endif
#include <healthai/version.hpp>

int main() {
  healthai::Parameters<double> parameters{healthai::Layout{{"weight", {2, 3}}, {"bias", {}}}};
  parameters["weight"](1, 2) = 1;
  return parameters.flat().sum() == 1 && parameters.size() == 7 ? 0 : 1;
}
