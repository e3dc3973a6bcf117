// An observer whose hook is misspelt would never be called: that is an error, not silence.
// EXPECT: an observer of Federation::run has none of the hooks on_start, on_round and on_end
// EXPECT: server/observer.hpp
#include "healthai/server/federation.hpp"
#include "healthai/strategy/fedavg.hpp"
#include "healthai/transport/in_process.hpp"

using namespace healthai;

struct Watcher {
#ifndef HEALTHAI_COMPILE_FAIL
  void on_round(const RoundReport&) {}
#else
  void on_rounds(const RoundReport&) {}
#endif
};

int main() {
  InProcess hospitals;
  Federation federation{FedAvg{}, hospitals};
  static_cast<void>(federation.run(Parameters<double>(Layout{{"w", {1}}}), Watcher{}));
}
