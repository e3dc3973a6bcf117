#include "healthai/client/personal_layers.hpp"

#include <doctest/doctest.h>

#include <string>

#include "healthai/client/control_variates.hpp"
#include "healthai/client/local_trainer.hpp"
#include "healthai/server/federation.hpp"
#include "healthai/strategy/fedavg.hpp"
#include "healthai/strategy/scaffold.hpp"
#include "healthai/transport/in_process.hpp"
#include "wrapping.hpp"

namespace client_personal_layers_test {

using namespace healthai;

namespace {

/// f = 1/2 (body - 1)^2 + 1/2 (head - own)^2: the clients agree on the body, and each has a head of its own.
struct BodyAndHead {
  using Scalar = double;
  double own = 0;
  [[nodiscard]] static Layout layout() { return Layout{{"body", {1}}, {"head", {1}}}; }
  [[nodiscard]] static std::size_t num_examples() { return 4; }
  double loss(const Parameters<double>& at, std::span<const std::size_t>, Parameters<double>& g) const {
    g.data()[0] = at.data()[0] - 1;
    g.data()[1] = at.data()[1] - own;
    return 0.5 * g.flat().squaredNorm();
  }
  [[nodiscard]] Metrics evaluate(const Parameters<double>& at) const {
    Parameters<double> g(layout());
    Metrics metrics;
    metrics.add("loss", 4 * loss(at, {}, g), 4);
    return metrics;
  }
};

PersonalLayers<LocalTrainer<BodyAndHead>> client_with(double own) {
  return {LocalTrainer(BodyAndHead{own}, {.learning_rate = 0.3, .local_steps = 2}), {"head"}};
}
static_assert(Client<PersonalLayers<LocalTrainer<BodyAndHead>>, double>);

}  // namespace

TEST_CASE("the global layers never change, and each client fits its own") {
  Parameters<double> initial(BodyAndHead::layout());
  initial.data()[1] = 0.625;
  InProcess clients;
  clients.add("a", client_with(-5));
  clients.add("b", client_with(9));
  Federation federation{FedAvg{}, clients, {.rounds = 60, .evaluation = {.every = 60}}};
  const auto outcome = federation.run(initial);
  CHECK(outcome.parameters.data()[0] == doctest::Approx(1).epsilon(1e-12));
  CHECK(outcome.parameters.data()[1] == 0.625);
  CHECK(outcome.history.back().evaluation->clients["loss"] < 1e-20);  // each with its own head
}

TEST_CASE("its own values are put in, kept, and survive as state") {
  auto client = client_with(2);
  const Layout layout = BodyAndHead::layout();
  double head = 10;
  for (const double from_server : {10.0, -77.0}) {  // only the first counts
    const auto reply = client.train(wrapping::train_at(layout, {0, from_server}), {});
    CHECK(reply.update.data()[1] == 0);
    head = 2 + (head - 2) * 0.7 * 0.7;
    REQUIRE(client.values().size() == 1);
    CHECK(client.values()[0].at(0) == doctest::Approx(head).epsilon(1e-14));
  }
  const auto bytes = to_bytes(client);
  auto other = client_with(2);
  SpanSource source(bytes);
  BinaryReader reader(source);
  reader >> other;
  reader.finish();
  CHECK(other.values() == client.values());
  CHECK(other.evaluate(wrapping::evaluate_at(layout, {1, 0}), {}).metrics["loss"] ==
        doctest::Approx(0.5 * (head - 2) * (head - 2)).epsilon(1e-13));
}

TEST_CASE("inside control variates it works; around them it refuses") {
  InProcess clients;
  clients.add("a", ControlVariates{client_with(-5)});
  clients.add("b", ControlVariates{client_with(9)});
  clients.add("wrong", PersonalLayers{ControlVariates{LocalTrainer(BodyAndHead{1})}, {"head"}});
  Federation federation{Scaffold{}, clients, {.rounds = 200}};
  const auto outcome = federation.run(Parameters<double>(BodyAndHead::layout()));
  CHECK(outcome.parameters.data()[0] == doctest::Approx(1).epsilon(1e-12));
  CHECK(outcome.parameters.data()[1] == 0);
  REQUIRE(outcome.history.at(0).failures.size() == 1);
  CHECK(outcome.history.at(0).failures[0].client == "wrong");
  CHECK(outcome.history.at(0).failures[0].error == "refused");
}

TEST_CASE("extra vectors lose the personal layers too") {
  struct Talks : wrapping::MoveOnly {
    TrainReply<double> train(const TrainRequest<double>& request, std::stop_token stop) {
      auto reply = MoveOnly::train(request, stop);
      reply.extra.push_back({"more", true, reply.update});
      return reply;
    }
  };
  PersonalLayers client{Talks{}, {"head"}};
  const auto reply = client.train(wrapping::train_at(BodyAndHead::layout(), {0, 0}), {});
  CHECK(reply.extra.at(0).values.data()[0] == 1);
  CHECK(reply.extra.at(0).values.data()[1] == 0);
}

TEST_CASE("names must be given, and be the model's") {
  CHECK_THROWS_AS((PersonalLayers{wrapping::MoveOnly{}, std::vector<std::string>{}}), Error);
  PersonalLayers client{wrapping::MoveOnly{}, {"tail"}};
  CHECK_THROWS_WITH_AS(static_cast<void>(client.train(wrapping::train_at(BodyAndHead::layout(), {0, 0}), {})),
                       doctest::Contains("tail"), Error);
  CHECK(*client.inner().calls == 0);
}

}  // namespace client_personal_layers_test
