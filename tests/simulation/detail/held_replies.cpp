#include "healthai/simulation/detail/held_replies.hpp"

#include <doctest/doctest.h>

#include "healthai/core/training.hpp"

namespace simulation_detail_held_replies_test {

using namespace healthai;

namespace {
using Asked = Evaluate<double>;
Delivery<Asked> delivery(RequestId request, const char* client, double rows) {
  return {request, client, EvaluateReply{rows, {}}};
}
}  // namespace

TEST_CASE("what came early waits for its turn") {
  detail::HeldReplies<Asked> held;
  CHECK(held.empty());
  CHECK(held.complete());
  held.expect(7);
  held.expect(8);
  held.expect(Delivery<Asked>{99, "c", Failure{"c", "deadline", "late"}});
  CHECK_FALSE(held.empty());
  CHECK_FALSE(held.ready());
  held.put(delivery(8, "b", 2));
  held.put(delivery(5, "stranger", 9));
  CHECK_FALSE(held.ready());
  CHECK_FALSE(held.complete());
  held.put(delivery(7, "a", 1));
  CHECK(held.complete());
  double rows = 0;
  held.for_each_reply([&](const ClientId&, EvaluateReply& reply) { rows = 10 * rows + reply.num_examples; });
  CHECK(rows == 12);
  CHECK(held.take().request == 7);
  CHECK(held.take().client == ClientId("b"));
  CHECK(held.take().request == 99);
  CHECK(held.empty());
  held.expect(1);
  held.put(delivery(1, "a", 1));
  CHECK(held.take().request == 1);
}

}  // namespace simulation_detail_held_replies_test
