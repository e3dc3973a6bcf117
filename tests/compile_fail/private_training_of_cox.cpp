// Cox's partial likelihood has no gradient of a patient that could be clipped, so no privacy for a patient.
// EXPECT: DP-SGD needs the gradient of each row
// EXPECT: partial likelihood is not a sum over patients
#include "healthai/client/private_trainer.hpp"
#include "healthai/model/cox.hpp"
#include "healthai/model/logistic.hpp"

using namespace healthai;
#ifdef HEALTHAI_COMPILE_FAIL
using Trained = CoxModel<double>;
#else
using Trained = LogisticModel<double>;
#endif

void train(PrivateTrainer<Trained, TestNoise>& client, const TrainRequest<double>& request) {
  static_cast<void>(client.train(request, {}));
}

int main() {}
