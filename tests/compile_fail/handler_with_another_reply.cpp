// What answers a task must answer with that task's reply.
// EXPECT: a handler for task T is called as handler
// EXPECT: returns T::Reply
#include "healthai/client/task_handlers.hpp"

using namespace healthai;

int main() {
  TaskHandlers handlers;
  handlers.offer<CurvatureBound>([](const Request<CurvatureBound::Broadcast>&, std::stop_token) {
#ifndef HEALTHAI_COMPILE_FAIL
    return CurvatureReply{10, 0.25};
#else
    return 0.25;
#endif
  });
}
