// A pointer means nothing on another machine, or after a restart.
// EXPECT: a healthai archive holds no pointers: serialise the object itself
#include "healthai/serialization/archive.hpp"

struct State {
#ifndef HEALTHAI_COMPILE_FAIL
  int age = 0;
#else
  int* age = nullptr;
#endif
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& age;
  }
};

int main() {
  const State state;
  static_cast<void>(healthai::to_bytes(state));
}
