#include "healthai/transport/socket/task_service.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "transport/socket/nodes.hpp"

namespace transport_socket_task_service_test {

using namespace healthai;
using namespace socket_test;

namespace {

/// Counts how often it was trained: its state.
struct Counting {
  std::uint64_t seen = 0;
  TrainReply<float> train(const TrainRequest<float>& request, std::stop_token) {
    if (request->seed == 13) throw Error(error::invalid_data, "unlucky");
    ++seen;
    TrainReply<float> reply;
    reply.update = request->parameters;
    reply.num_examples = static_cast<double>(seen);
    return reply;
  }
  EvaluateReply evaluate(const EvaluateRequest<float>&, std::stop_token) {
    return {static_cast<double>(seen), {}};
  }
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& seen;
  }
};

template <class T>
std::unique_ptr<ServiceRequest> ask(TaskService& service, typename T::Broadcast broadcast) {
  const auto message = encode(std::make_shared<const typename T::Broadcast>(std::move(broadcast)));
  auto request = service.open(T::name);
  const auto places = request->take_head(message->head, message->array_bytes());
  for (std::size_t i = 0; i < places.size(); ++i) {
    std::copy(message->arrays[i].begin(), message->arrays[i].end(), places[i].begin());
  }
  return request;
}
double rows(TaskService& service) {
  const auto request = ask<Evaluate<float>>(service, {});
  const auto reply = request->answer({});
  EvaluateReply decoded;
  static_cast<void>(decode_head(reply->head, 0, decoded));
  return decoded.num_examples;
}

}  // namespace

TEST_CASE("A client's tasks are served by their names, and others are named") {
  TaskService service{"north", TaskHandlers::of(Counting{})};
  CHECK(service.tasks() == std::vector<std::string>{"evaluate.f32", "train.f32"});
  CHECK_THROWS_WITH_AS(
      static_cast<void>(service.open("train.f64")),
      "client north does not offer the task \"train.f64\"; it offers: evaluate.f32, train.f32", Error);
}

TEST_CASE("What a discarded or failed request has changed is undone") {
  TaskService service{"north", TaskHandlers::of(Counting{})};
  static_cast<void>(ask<Train<float>>(service, {})->answer({}));
  CHECK(rows(service) == 1);
  const auto second = ask<Train<float>>(service, {});
  static_cast<void>(second->answer({}));
  CHECK(rows(service) == 2);
  second->discarded();
  CHECK(rows(service) == 1);
  CHECK_THROWS_WITH(static_cast<void>(ask<Train<float>>(service, {{}, 13, {}, {}})->answer({})), "unlucky");
  CHECK(rows(service) == 1);
  // Only the latest change can be undone.
  const auto third = ask<Train<float>>(service, {});
  static_cast<void>(third->answer({}));
  static_cast<void>(ask<Train<float>>(service, {})->answer({}));
  third->discarded();
  CHECK(rows(service) == 3);
}

TEST_CASE("A head that is none, or that does not fit its arrays, is an error") {
  TaskService service{"north", TaskHandlers::of(Counting{})};
  const auto message = encode(std::make_shared<const TrainBroadcast<float>>(
      TrainBroadcast<float>{{}, 1, Parameters<float>(Layout{{"w", {100}}}), {}}));
  CHECK(message->array_bytes() == 400);
  const auto take = [&](std::span<const std::byte> head, std::uint64_t arrays) {
    static_cast<void>(service.open("train.f32")->take_head(head, arrays));
  };
  CHECK_NOTHROW(take(message->head, 400));
  CHECK_THROWS_AS(take(message->head, 399), Error);
  CHECK_THROWS_AS(take(message->head, 404), Error);
  CHECK_THROWS_AS(take(std::span(message->head).first(20), 400), Error);
}

}  // namespace transport_socket_task_service_test
