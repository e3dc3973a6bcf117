#include "healthai/simulation/attacked.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>

#include "../quadratic.hpp"
#include "healthai/client/local_trainer.hpp"
#include "healthai/server/federation.hpp"
#include "healthai/strategy/fedavg.hpp"
#include "healthai/transport/in_process.hpp"
#include "partitions.hpp"

namespace simulation_attacked_test {

using namespace healthai;
using namespace std::chrono_literals;

namespace {

static_assert(Transport<Attacked<InProcess>, Train<double>> && Transport<Attacked<InProcess>, Train<float>> &&
              Transport<Attacked<InProcess>, Evaluate<double>>);

/// A client that always answers with this update, after a while.
template <class Scalar>
struct Fixed {
  Scalar first = 0;
  Scalar second = 0;
  std::shared_ptr<std::atomic<bool>> released{};  ///< where there is one, the client waits for it
  std::shared_ptr<std::atomic<int>> finished{};   ///< where there is one, the client adds to it at the end
  TrainReply<Scalar> train(const TrainRequest<Scalar>& request, std::stop_token) const {
    while (released && !*released) std::this_thread::sleep_for(1ms);
    if (first != first) throw std::runtime_error("broken");
    Parameters<Scalar> update(request->parameters.layout());
    update.data()[0] = first;
    update.data()[1] = second;
    if (finished) ++*finished;
    return {std::move(update), 3, {}, 1, false};
  }
  EvaluateReply evaluate(const EvaluateRequest<Scalar>&, std::stop_token) const { return {7, {}}; }
};
constexpr double broken = std::numeric_limits<double>::quiet_NaN();

template <class Scalar>
std::shared_ptr<const TrainBroadcast<Scalar>> request(std::uint64_t round = 1) {
  auto broadcast = std::make_shared<TrainBroadcast<Scalar>>();
  broadcast->id = {1, round, 0};
  broadcast->seed = 5;
  broadcast->parameters = Parameters<Scalar>(Layout{{"w", {2}}});
  return broadcast;
}

/// All deliveries of a round: "client first second" or "client error".
template <class Scalar = double, class TransportType>
std::vector<std::string> round_of(TransportType& transport, std::uint64_t round = 1) {
  const auto clients = transport.clients();
  const auto requests = transport.template send<Train<Scalar>>(clients, request<Scalar>(round));
  std::vector<std::string> results;
  for (const RequestId id : requests) {
    const auto delivery = transport.template next<Train<Scalar>>(Deadline::max());
    REQUIRE(delivery);
    CHECK(delivery->request == id);
    if (const auto* failure = std::get_if<Failure>(&delivery->result)) {
      results.push_back(delivery->client.str() + " " + failure->error);
    } else {
      const auto& reply = std::get<TrainReply<Scalar>>(delivery->result);
      CHECK(reply.num_examples == 3);
      results.push_back(delivery->client.str() + " " +
                        number_text(static_cast<double>(reply.update.data()[0])) + " " +
                        number_text(static_cast<double>(reply.update.data()[1])));
    }
  }
  return results;
}

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("sign flip") {
  InProcess clients({.threads = 2});
  clients.add("a", Fixed<double>{1, -2}).add("b", Fixed<double>{4, 8}).add("c", Fixed<double>{broken, 0});
  Attacked attacked(clients, SignFlip{.scale = 0.5}, {"c", "b", "not-there"});
  CHECK(round_of(attacked) == Lines{"a 1 -2", "b -2 -4", "c client_failed"});
}

TEST_CASE("inner product manipulation: -epsilon times the mean of the honest updates") {
  InProcess clients({.threads = 2});
  clients.add("a", Fixed<double>{100, 100}).add("b", Fixed<double>{1, 2}).add("c", Fixed<double>{3, 8});
  clients.add("d", Fixed<double>{broken, 0}).add("e", Fixed<double>{-100, 0});
  Attacked attacked(clients, InnerProductManipulation{.epsilon = 0.5}, {"a", "e"});
  CHECK(round_of(attacked) == Lines{"a -1 -2.5", "b 1 2", "c 3 8", "d client_failed", "e -1 -2.5"});
  CHECK(round_of(attacked, 2).front() == "a -1 -2.5");
}

TEST_CASE("a little is enough: mean less z standard deviations of the attackers' own updates") {
  for (const bool narrow : {false, true}) {
    InProcess clients({.threads = 2});
    if (narrow) {
      clients.add("a", Fixed<float>{1, 10}).add("b", Fixed<float>{50, 60}).add("c", Fixed<float>{5, 10});
    } else {
      clients.add("a", Fixed<double>{1, 10}).add("b", Fixed<double>{50, 60}).add("c", Fixed<double>{5, 10});
    }
    Attacked attacked(clients, ALittleIsEnough{1.5}, {"a", "c"});
    // Means 3 and 10, standard deviations 2 and 0.
    const Lines expected{"a 0 10", "b 50 60", "c 0 10"};
    CHECK((narrow ? round_of<float>(attacked) : round_of<double>(attacked)) == expected);
  }
}

TEST_CASE("a little is enough: z of the clients asked when none is given") {
  InProcess clients({.threads = 2});
  for (int i = 0; i < 10; ++i) clients.add("c" + std::to_string(i), Fixed<double>{static_cast<double>(i), 0});
  Attacked attacked(clients, ALittleIsEnough{}, {"c0", "c1", "c2"});
  const double expected = 1 - ALittleIsEnough::largest_z(10, 3) * std::sqrt(2.0 / 3.0);
  CHECK(round_of(attacked)[0] == "c0 " + number_text(expected) + " 0");
}

TEST_CASE("nothing to learn from: attackers send their honest updates") {
  InProcess clients({.threads = 2});
  clients.add("a", Fixed<double>{1, 2}).add("b", Fixed<double>{broken, 0});
  clients.add("c", Fixed<double>{std::numeric_limits<double>::infinity(), 0});
  Attacked attacked(clients, InnerProductManipulation{}, {"a"});
  CHECK(round_of(attacked)[0] == "a 1 2");
  Attacked alone(clients, ALittleIsEnough{}, {"a"});
  CHECK(round_of(alone)[0] == "a 1 2");
}

TEST_CASE("noise has the deviation asked for, is another in every round, and the same again") {
  InProcess clients({.threads = 2});
  std::vector<ClientId> all;
  for (int i = 0; i < 1000; ++i) {
    all.push_back("c" + std::to_string(i));
    clients.add(all.back(), Fixed<double>{5, 5});
  }
  Attacked attacked(clients, GaussianNoise{2}, all);
  auto requests = attacked.send<Train<double>>(all, request<double>());
  double sum = 0;
  double squares = 0;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const auto delivery = attacked.next<Train<double>>(Deadline::max());
    for (const double value : std::get<TrainReply<double>>(delivery->result).update.span()) {
      sum += value - 5;
      squares += (value - 5) * (value - 5);
    }
  }
  CHECK(std::abs(sum / 2000) < 5 * 2 / std::sqrt(2000.0));
  CHECK(std::sqrt(squares / 2000) == doctest::Approx(2.0).epsilon(0.08));
  CHECK(round_of(attacked, 3) == round_of(attacked, 3));
  CHECK(round_of(attacked, 3) != round_of(attacked, 4));
}

TEST_CASE("the plan chooses its attackers among the clients, and other tasks pass") {
  InProcess clients({.threads = 2});
  for (int i = 0; i < 10; ++i) clients.add("c" + std::to_string(i), Fixed<double>{1, 1});
  Attacked attacked(clients, parse_attack("inner_product:0.3"), 4);
  CHECK(attacked.attackers() == choose_attackers(clients.clients(), 0.3, 4));
  const std::vector<ClientId> one{attacked.attackers()[0]};
  (void)attacked.send<Evaluate<double>>(one, std::make_shared<const EvaluateBroadcast<double>>());
  const auto delivery = attacked.next<Evaluate<double>>(Deadline::max());
  CHECK(std::get<EvaluateReply>(delivery->result).num_examples == 7);
  CHECK(attacked.traffic().sent == clients.traffic().sent);
  CHECK_THROWS_AS(Attacked(clients, SignFlip{-1}, {}), Error);
}

TEST_CASE("a deadline passes, the round is given up, and the next one is whole") {
  InProcess clients({.threads = 2});
  const auto released = std::make_shared<std::atomic<bool>>(false);
  const auto finished = std::make_shared<std::atomic<int>>(0);
  clients.add("a", Fixed<double>{1, 1, {}, finished}).add("b", Fixed<double>{4, 4, released});
  clients.add("c", Fixed<double>{2, 2, {}, finished});
  Attacked attacked(clients, InnerProductManipulation{.epsilon = 1}, {"a"});
  (void)attacked.send<Train<double>>(attacked.clients(), request<double>());
  CHECK_FALSE(attacked.next<Train<double>>(Clock::now() + 1ms));
  while (*finished < 2) CHECK_FALSE(attacked.next<Train<double>>(Clock::now() + 10ms));
  std::this_thread::sleep_for(300ms);  // for their replies to be put down
  attacked.give_up<Train<double>>();
  Lines results;
  for (int i = 0; i < 3; ++i) {
    const auto delivery = attacked.next<Train<double>>(Deadline::max());
    const auto* reply = std::get_if<TrainReply<double>>(&delivery->result);
    results.push_back(delivery->client.str() +
                      (reply ? " " + number_text(reply->update.data()[0]) : " failed"));
  }
  CHECK(results == Lines{"a -2", "b failed", "c 2"});
  *released = true;
  results.clear();
  for (std::uint64_t round = 2; round < 500 && (results.empty() || results[1] != "b 4 4"); ++round) {
    std::this_thread::sleep_for(10ms);  // until its thread is free
    results = round_of(attacked, round);
  }
  CHECK(results == Lines{"a -3 -3", "b 4 4", "c 2 2"});
}

TEST_CASE("federated averaging under attack: the closed form, and the same bits for any number of threads") {
  // Each client's full step of rate 1 goes to its target; the attacker's update is flipped, so the fixed point of
  // mean(t_honest - w) * (n - f) / n - (t_bad - w) f / n = 0 is w = (sum of honest targets - sum of bad) / (n - 2 f).
  const Parameters<double> origin(Quadratic<double>::layout_for(1));
  std::vector<double> bits;
  for (const std::size_t threads : {1U, 3U}) {
    InProcess clients({.threads = threads});
    for (int i = 0; i < 5; ++i) {
      clients.add(
          "c" + std::to_string(i),
          LocalTrainer(Quadratic<double>{{1.0}, {static_cast<double>(i * i)}, 10}, {.learning_rate = 0.5}));
    }
    Attacked attacked(clients, SignFlip{}, {"c1"});
    Federation federation{FedAvg{}, attacked, {.rounds = 120}};
    const auto outcome = federation.run(origin);
    CHECK(outcome.parameters.data()[0] == doctest::Approx((0 + 4 + 9 + 16 - 1) / 3.0).epsilon(1e-9));
    Attacked little(clients, ALittleIsEnough{0.5}, {"c1", "c2"});
    bits.push_back(Federation{FedAvg{}, little, {.rounds = 7}}.run(origin).parameters.data()[0]);
  }
  CHECK(std::memcmp(&bits[0], &bits[1], sizeof(double)) == 0);
}

TEST_CASE("requests of several rounds may be out: each attacker's noise is that of its own request") {
  const auto noises = [](bool overlapping) {
    InProcess clients({.threads = 1});
    clients.add("a", Fixed<double>{0, 0}).add("b", Fixed<double>{0, 0});
    Attacked attacked(clients, GaussianNoise{2}, clients.clients());
    Lines lines;
    const auto deliver = [&] {
      const auto delivery = attacked.next<Train<double>>(Deadline::max());
      lines.push_back(number_text(std::get<TrainReply<double>>(delivery->result).update.data()[0]));
    };
    for (const char* id : {"a", "b"}) {
      const ClientId client(id);
      attacked.send<Train<double>>({&client, 1}, request<double>(id[0] == 'a' ? 1 : 2));
      if (!overlapping) deliver();
    }
    while (lines.size() < 2) deliver();
    return lines;
  };
  CHECK(noises(true) == noises(false));
}

TEST_CASE("an attack on a whole round refuses a second one while the first is out") {
  InProcess clients({.threads = 1});
  clients.add("a", Fixed<double>{1, 1}).add("b", Fixed<double>{2, 2});
  Attacked attacked(clients, ALittleIsEnough{1}, {"a"});
  const std::vector<ClientId> first{"a"}, second{"b"};
  attacked.send<Train<double>>(first, request<double>());
  CHECK_THROWS_WITH_AS(
      attacked.send<Train<double>>(second, request<double>()),
      "attacked: this attack needs the updates of a whole round, and requests of an earlier one "
      "are still out, as under the Buffered schedule; use Synchronous, or an attack that needs its "
      "own update only",
      Error);
  REQUIRE(attacked.next<Train<double>>(Deadline::max()));
  CHECK_NOTHROW(attacked.send<Train<double>>(second, request<double>()));
  REQUIRE(attacked.next<Train<double>>(Deadline::max()));
}

static_assert(EndsSingleRequests<Attacked<InProcess>, Train<double>>);

TEST_CASE("under the buffered schedule an attack on the own update goes on, one on a whole round throws") {
  const auto run = [](Attack attack) {
    InProcess clients({.threads = 1});
    clients.add("a", Fixed<double>{1, 1}).add("b", Fixed<double>{2, 2}).add("c", Fixed<double>{3, 3});
    Attacked attacked(clients, std::move(attack), {"b", "c"});
    Federation federation{FedAvg{}, attacked, {.rounds = 3, .schedule = Buffered{.size = 2}}};
    return federation.run(Parameters<double>(Layout{{"w", {2}}})).parameters.data()[0];
  };
  // Two by two in the order of requests: a and b; c, which is 1 version old, and a, asked again; b, 1 version old, and a.
  const double old = 1 / std::sqrt(2.0);
  CHECK(
      run(SignFlip{}) ==
      doctest::Approx((1 - 2) / 2.0 + (1 - 3 * old) / (1 + old) + (1 - 2 * old) / (1 + old)).epsilon(1e-14));
  CHECK_THROWS_WITH_AS(static_cast<void>(run(ALittleIsEnough{})),
                       doctest::Contains("this attack needs the updates of a whole round"), Error);
}

}  // namespace simulation_attacked_test
