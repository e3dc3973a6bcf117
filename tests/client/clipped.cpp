#include "healthai/client/clipped.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <stop_token>
#include <tuple>
#include <vector>

#include "client/wrapping.hpp"
#include "healthai/client/control_variates.hpp"
#include "healthai/compression/compressed.hpp"
#include "healthai/compression/top_k.hpp"
#include "healthai/core/norm.hpp"
#include "healthai/serialization/archive.hpp"

namespace client_clipped_test {

using namespace healthai;

namespace {

static_assert(Client<Clipped<wrapping::MoveOnly>, double>);
static_assert(detail::HasState<Clipped<wrapping::MoveOnly>>);

/// Sends what it is told to.
struct Sender {
  using Scalar = double;
  TrainReply<double> reply{};
  TrainReply<double> train(const TrainRequest<double>&, std::stop_token) { return reply; }
  static EvaluateReply evaluate(const EvaluateRequest<double>&, std::stop_token) { return {7, {}}; }
};
static_assert(Client<Clipped<Sender>, double> && !detail::HasState<Clipped<Sender>>);

TrainReply<double> reply_of(std::vector<double> update, std::vector<double> extra = {}) {
  TrainReply<double> reply;
  reply.update = Parameters<double>(Layout{{"w", {update.size()}}}, update);
  if (!extra.empty()) {
    reply.extra.push_back({"c", true, Parameters<double>(Layout{{"c", {extra.size()}}}, extra)});
  }
  reply.num_examples = 3;
  return reply;
}

}  // namespace

TEST_CASE(
    "a client that is clipped: what it is around is forwarded, and nothing said that was not asked for") {
  const Layout layout{{"w", {4}}};  // MoveOnly sends ones: of length 2
  const auto request = wrapping::train_at(layout, {0, 0, 0, 0});
  Clipped client{wrapping::MoveOnly{}, {.bound = 1}};
  CHECK(client.bound() == 1);
  CHECK(client.honours() == ObjectiveParts{.proximal = true, .linear_correction = true, .update_clip = true});
  auto reply = client.train(request, {});
  CHECK(norm(reply.update) <= 1);
  CHECK(norm(reply.update) == doctest::Approx(1).epsilon(1e-13));
  CHECK(reply.num_examples == 2);
  CHECK(reply.local_steps == 4);
  CHECK(reply.metrics.empty());
  CHECK(client.evaluate(wrapping::evaluate_at(layout, {5, 0, 0, 0}), {}).metrics["first"] == 5);
  for (const double bound : {1.0, 2.0}) {
    Clipped telling{wrapping::MoveOnly{}, {.bound = bound, .report_share = true}};
    reply = telling.train(request, {});
    CHECK(reply.metrics["clipped"] == (bound < 2 ? 1 : 0));
  }
  // Its state is the inner client's.
  const auto bytes = to_bytes(client);
  Clipped other{wrapping::MoveOnly{}, {.bound = 1}};
  SpanSource source(bytes);
  BinaryReader reader(source);
  reader >> other;
  reader.finish();
  CHECK(*other.inner().calls == 1);
  // By tensor, and around a client that sends another vector.
  Clipped by_tensor{wrapping::MoveOnly{}, {.per_layer = {0.5}}};
  CHECK(norm(by_tensor.train(request, {}).update) == doctest::Approx(0.5).epsilon(1e-13));
  CHECK_THROWS_WITH_AS(
      static_cast<void>(Clipped(Sender{reply_of({1}, {1})}, {.per_layer = {1}}).train(request, {})),
      doctest::Contains("one bound for all"), Error);
  LocalObjective<double> objective;
  objective.control_variates = true;
  objective.linear_correction = Parameters<double>(layout);
  Clipped with_memory{ControlVariates{wrapping::MoveOnly{}}, {.bound = 1}};
  reply = with_memory.train(wrapping::train_at(layout, {0, 0, 0, 0}, objective), {});
  REQUIRE(reply.extra.size() == 1);
  CHECK(std::hypot(norm(reply.update), norm(reply.extra[0].values)) == doctest::Approx(1).epsilon(1e-13));
  // Compressed goes around it.
  Compressed compressed{Clipped{wrapping::MoveOnly{}, {.bound = 1}}, TopK{.share = 1}};
  CHECK(compressed.train(request, {}).compressed.has_value());
  Clipped wrong{Compressed{wrapping::MoveOnly{}, TopK{.share = 1}}, {.bound = 1}};
  CHECK_THROWS_AS(static_cast<void>(wrong.train(request, {})), Error);
}

TEST_CASE("a bound that is asked for: the shorter of the two holds, and whether it was enough is told") {
  const Layout layout{{"w", {4}}};  // MoveOnly sends ones: of length 2
  const auto trained = [&layout](double own, double asked) {
    LocalObjective<double> objective;
    objective.update_clip = asked;
    return Clipped{wrapping::MoveOnly{}, {.bound = own}}.train(
        wrapping::train_at(layout, {0, 0, 0, 0}, objective), {});
  };
  for (const auto& [own, asked, length, within] : {std::tuple{5.0, 1.0, 1.0, -0.5},
                                                   {5.0, 2.0, 2.0, 0.5},
                                                   {5.0, 9.0, 2.0, 0.5},
                                                   {1.0, 9.0, 1.0, 0.5},
                                                   {0.5, 1.0, 0.5, -0.5}}) {
    const auto reply = trained(own, asked);
    CHECK(norm(reply.update) <= length);
    CHECK(norm(reply.update) == doctest::Approx(length).epsilon(1e-13));
    REQUIRE(reply.extra_scalars.size() == 1);
    CHECK(reply.extra_scalars[0].name == "clip/within");
    CHECK(reply.extra_scalars[0].value == within);
  }
  for (const double bad : {0.0, -1.0, std::nan("")})
    CHECK_THROWS_WITH_AS(static_cast<void>(trained(1, bad)), doctest::Contains("must be positive"), Error);
  CHECK(Clipped{wrapping::MoveOnly{}, {.bound = 1}}
            .train(wrapping::train_at(layout, {0, 0, 0, 0}), {})
            .extra_scalars.empty());
  // With bounds by tensor, or inside what adds a vector, it is not honoured.
  CHECK_FALSE(Clipped{wrapping::MoveOnly{}, {.per_layer = {1}}}.honours().update_clip);
  CHECK_FALSE(ControlVariates{Clipped{wrapping::MoveOnly{}}}.honours().update_clip);
  CHECK(Clipped{ControlVariates{wrapping::MoveOnly{}}}.honours().update_clip);
}

TEST_CASE("what is not finite does not leave, and impossible bounds are refused") {
  const auto request = wrapping::train_at(Layout{{"w", {1}}}, {0});
  for (const double bad : {std::nan(""), HUGE_VAL, -HUGE_VAL}) {
    Clipped client(Sender{reply_of({bad})});
    CHECK_THROWS_WITH_AS(static_cast<void>(client.train(request, {})), doctest::Contains("NaN or infinity"),
                         Error);
    CHECK_THROWS_AS(Clipped(Sender{}, {.bound = bad}), Error);
  }
  CHECK_THROWS_AS(Clipped(Sender{}, {.bound = 0}), Error);
  CHECK_THROWS_AS(Clipped(Sender{}, {.per_layer = {1, 0}}), Error);
  Clipped client(Sender{reply_of({1})}, {.per_layer = {3, 4}});
  CHECK(client.bound() == 5);
  CHECK_THROWS_WITH_AS(static_cast<void>(client.train(request, {})), doctest::Contains("2 bounds"), Error);
}

}  // namespace client_clipped_test
