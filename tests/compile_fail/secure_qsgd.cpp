// Whom Qsgd leaves out or rounds depends on the values, so that what is masked would not add up.
// EXPECT: this client compresses its updates in a way that depends on their values
// EXPECT: Leave Compressed out, or take RandomK
#include "healthai/client/control_variates.hpp"
#include "healthai/compression/compressed.hpp"
#include "healthai/compression/qsgd.hpp"
#include "healthai/compression/random_k.hpp"
#include "healthai/secagg/secure_handlers.hpp"

using namespace healthai;

struct Hospital {
  TrainReply<double> train(const TrainRequest<double>&, std::stop_token) const { return {}; }
  EvaluateReply evaluate(const EvaluateRequest<double>&, std::stop_token) const { return {}; }
};

int main() {
#ifndef HEALTHAI_COMPILE_FAIL
  Compressed client{Hospital{}, RandomK{}};
#else
  Compressed client{Hospital{}, Qsgd{}};
#endif
  const SigningKey key = SigningKey::make();
  const TaskHandlers secure = secagg::secure_handlers<Train<double>>(ControlVariates{std::move(client)},
                                                                     {"north", key, nullptr, {}, {}});
}
