// Of Cox's partial likelihood there is no part that is one patient, which could be clipped before patients are added up.
// EXPECT: a sum over patients needs the gradient of each row by itself
// EXPECT: partial likelihood is not a sum over
#include "healthai/model/cox.hpp"
#include "healthai/model/logistic.hpp"
#include "healthai/secagg/patient_gradients.hpp"

using namespace healthai;
#ifdef HEALTHAI_COMPILE_FAIL
using Summed = CoxModel<double>;
#else
using Summed = LogisticModel<double>;
#endif

void sum(secagg::SumsPatientGradients<Summed>& patients,
         const Request<secagg::PatientGradients::Broadcast>& request) {
  static_cast<void>(patients(request, {}));
}

int main() {}
