// A class that trains and keeps the result to itself is no Client.
// EXPECT: this class is not a Client
// EXPECT: docs/how-to-write-a-client.md
#include "healthai/transport/in_process.hpp"

using namespace healthai;

struct Hospital {
#ifndef HEALTHAI_COMPILE_FAIL
  TrainReply<double> train(const TrainRequest<double>&, std::stop_token) {
    return {};
  }
#else
  void train(const TrainRequest<double>&, std::stop_token) {}
#endif
  EvaluateReply evaluate(const EvaluateRequest<double>&, std::stop_token) {
    return {};
  }
};

int main() {
  InProcess hospitals;
  hospitals.add("north", Hospital{});
}
