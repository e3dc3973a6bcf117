// What is printed ends up in a log.
// EXPECT: use of deleted function|overload resolution selected deleted operator
#include <iostream>

#include "healthai/crypto/hex.hpp"
#include "healthai/crypto/random_bytes.hpp"

int main() {
#ifdef HEALTHAI_COMPILE_FAIL
  std::cout << healthai::random_secret<16>();
#else
  std::cout << healthai::hex(healthai::random_bytes<16>());
#endif
}
