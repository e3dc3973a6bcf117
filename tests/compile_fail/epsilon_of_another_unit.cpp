// What protects a hospital's contribution is not what was promised to patients, and the message names both.
// EXPECT: Epsilon<(healthai::)?Hospitals>
// EXPECT: Epsilon<(healthai::)?Patients>
#include "healthai/privacy/guarantee.hpp"

using namespace healthai;

void tell_patients(const Epsilon<Patients>&) {}

int main() {
#ifdef HEALTHAI_COMPILE_FAIL
  tell_patients(Epsilon<Hospitals>(1, Delta<Hospitals>(1e-5)));
#else
  tell_patients(Epsilon<Patients>(1, Delta<Patients>(1e-5)));
#endif
}
