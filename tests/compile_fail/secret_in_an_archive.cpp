// A key that is serialised by accident is on a disk, or under way, in the clear.
// EXPECT: a Secret is not serialised by accident: seal its bytes
#include "healthai/crypto/random_bytes.hpp"
#include "healthai/crypto/secret.hpp"
#include "healthai/serialization/archive.hpp"

struct State {
  healthai::Secret<32> key{};
  int round = 0;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
#ifdef HEALTHAI_COMPILE_FAIL
    archive& key;
#endif
    archive& round;
  }
};

int main() {
  const State state{healthai::random_secret<32>(), 1};
  static_cast<void>(healthai::to_bytes(state));
}
