#include "healthai/simulation/detail/transport_around.hpp"

#include <doctest/doctest.h>

#include "healthai/transport/in_process.hpp"

namespace simulation_detail_transport_around_test {

using namespace healthai;

namespace {

struct Plain : detail::TransportAround<InProcess> {
  explicit Plain(InProcess& inner) : TransportAround(inner) {}
  template <Task T>
  std::vector<RequestId> send(std::span<const ClientId> ids,
                              std::shared_ptr<const typename T::Broadcast> broadcast) {
    return wrapped().send<T>(ids, std::move(broadcast));
  }
  template <Task T>
  std::optional<Delivery<T>> next(Deadline deadline) {
    return wrapped().next<T>(deadline);
  }
};
static_assert(Transport<Plain, Train<double>> && EndsSingleRequests<Plain, Train<double>>);

}  // namespace

TEST_CASE("what a transport around another does not change is the other's") {
  InProcess hospitals;
  hospitals.add("north", TaskHandlers{});
  const Plain around(hospitals);
  CHECK(around.clients() == hospitals.clients());
  CHECK(around.traffic().sent == hospitals.traffic().sent);
  CHECK(around.client_states() == hospitals.client_states());
}

}  // namespace simulation_detail_transport_around_test
