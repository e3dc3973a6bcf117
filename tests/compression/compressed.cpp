#include "healthai/compression/compressed.hpp"

#include "support.hpp"

#include <cstdio>
#include <memory>

#include "../client/wrapping.hpp"
#include "../quadratic.hpp"
#include "healthai/client/control_variates.hpp"
#include "healthai/client/local_trainer.hpp"
#include "healthai/compression.hpp"
#include "healthai/server/federation.hpp"
#include "healthai/simulation/attacked.hpp"
#include "healthai/strategy/fedavg.hpp"
#include "healthai/strategy/scaffold.hpp"
#include "healthai/transport/in_process.hpp"

namespace compression_compressed_test {

using namespace healthai;
using wrapping::train_at;

namespace {

using Trainer = LocalTrainer<Quadratic<double>>;
static_assert(Client<Compressed<Trainer, TopK>, double> && BoundsItsCurvature<Compressed<Trainer, TopK>>);
static_assert(Client<Compressed<LocalTrainer<Quadratic<float>>, Qsgd>, float>);
static_assert(!BoundsItsCurvature<Compressed<wrapping::MoveOnly, Sign>>);

/// A client whose next reply the test writes.
struct Scripted {
  using Scalar = double;
  std::shared_ptr<TrainReply<double>> next;
  TrainReply<double> train(const TrainRequest<double>&, std::stop_token) { return *next; }
  EvaluateReply evaluate(const EvaluateRequest<double>&, std::stop_token) { return {1, {}}; }
};
const Layout two = Quadratic<double>::layout_for(2);

std::shared_ptr<TrainReply<double>> script(double first, double second, double rows = 10) {
  auto reply = std::make_shared<TrainReply<double>>();
  reply->update = Parameters<double>(two, std::vector<double>{first, second});
  reply->num_examples = rows;
  reply->local_steps = 1;
  return reply;
}
std::vector<double> numbers(const Parameters<double>& parameters) {
  return {parameters.data(), parameters.data() + parameters.size()};
}
using Numbers = std::vector<double>;

/// `hospitals` quadratics of curvature 1, with these targets and as many rows.
template <class Wrap>
InProcess with_targets(const std::vector<Numbers>& targets, double rate, Wrap wrap) {
  InProcess clients({.threads = 2});
  for (std::size_t k = 0; k < targets.size(); ++k) {
    const Numbers curvature(targets[k].size(), 1.0);
    clients.add("c" + std::to_string(k), wrap(Trainer(Quadratic<double>{curvature, targets[k], 10},
                                                      {.learning_rate = rate, .local_steps = 1})));
  }
  return clients;
}
Outcome<double> run(InProcess& clients, std::size_t size, FederationOptions options) {
  return Federation{FedAvg{}, clients, options}.run(Parameters<double>(Quadratic<double>::layout_for(size)));
}

}  // namespace

TEST_CASE("what is lost in one round follows later") {
  auto next = script(5, 1);
  Compressed client{Scripted{next}, TopK{.count = 1}};
  CHECK(client.remembered_error().size() == 0);
  const auto sent = [&] {
    const auto reply = client.train(train_at(two, {0, 0}), {});
    CHECK(reply.update.size() == 0);
    CHECK(reply.num_examples == next->num_examples);
    return numbers(decode<double>(reply.compressed.value(), two));
  };
  CHECK(sent() == Numbers{5, 0});
  CHECK(numbers(client.remembered_error()) == Numbers{0, 1});
  *next = *script(-1, 1);
  CHECK(sent() == Numbers{0, 2});
  CHECK(numbers(client.remembered_error()) == Numbers{-1, 0});
  // Twice the rows weigh twice as much: half of what was lost is as much as before.
  *next = *script(0, 0.25, 20);
  CHECK(sent() == Numbers{-0.5, 0});
  CHECK(numbers(client.remembered_error()) == Numbers{0, 0.25});
}

TEST_CASE("nothing is lost of the sum of rows times updates, whatever the compressor") {
  const auto check = [](auto compressor) {
    CHECK(rc::check([&] {
      auto next = script(0, 0);
      Compressed client{Scripted{next}, compressor};
      Numbers sum(2), received(2);
      for (std::uint64_t round = 1; round <= 20; ++round) {
        *next = *script(*rc::gen::inRange(-100, 100), *rc::gen::inRange(-100, 100), *rc::gen::inRange(1, 50));
        const auto reply = client.train(train_at(two, {0, 0}, {}, round), {});
        const auto update = decode<double>(reply.compressed.value(), two);
        for (std::size_t i = 0; i < 2; ++i) {
          sum[i] += reply.num_examples * next->update.data()[i];
          received[i] += reply.num_examples * update.data()[i];
        }
      }
      for (std::size_t i = 0; i < 2; ++i) {
        const double lost = next->num_examples * client.remembered_error().data()[i];
        RC_ASSERT(std::abs(received[i] + lost - sum[i]) < 1e-7);
      }
    }));
  };
  check(TopK{.count = 1});
  check(RandomK{.count = 1});
  check(Qsgd{.levels = 3, .bucket = 2});
  check(Sign{});
  check(Float16{});
  check(BFloat16{});
  check(Int8{});
}

TEST_CASE("without error feedback nothing is remembered") {
  auto next = script(5, 1);
  Compressed client{Scripted{next}, TopK{.count = 1}, {.error_feedback = false}};
  for (int i = 0; i < 2; ++i) {
    const auto reply = client.train(train_at(two, {0, 0}), {});
    CHECK(numbers(decode<double>(reply.compressed.value(), two)) == Numbers{5, 0});
    CHECK(client.remembered_error().size() == 0);
  }
}

TEST_CASE("what the coordinator is bound to reject is sent as it is and changes nothing") {
  auto next = script(5, 1);
  Compressed client{Scripted{next}, TopK{.count = 1}};
  static_cast<void>(client.train(train_at(two, {0, 0}), {}));
  const auto check = [&] {
    CHECK_FALSE(client.train(train_at(two, {0, 0}), {}).compressed);
    CHECK(numbers(client.remembered_error()) == Numbers{0, 1});
  };
  *next = *script(std::numeric_limits<double>::quiet_NaN(), 1);
  check();
  for (const double rows : {0.0, -1.0, std::numeric_limits<double>::infinity()}) {
    *next = *script(1, 1, rows);
    check();
  }
  *next = *script(1, 1);
  next->partial = true;
  next->local_steps = 0;
  check();
  *next = *script(1, 1);
  next->update = Parameters<double>(Quadratic<double>::layout_for(3));
  CHECK_THROWS_AS(static_cast<void>(client.train(train_at(two, {0, 0}), {})), Error);
}

TEST_CASE("error feedback with a compressor that may lose more than there is, is refused") {
  const Scripted inner{script(1, 1)};
  CHECK_THROWS_WITH_AS(Compressed(inner, RandomK{.unbiased_scaling = true}),
                       doctest::Contains("error_feedback = false"), Error);
  CHECK_THROWS_AS(Compressed(inner, Qsgd{.levels = 1}), Error);
  CHECK_NOTHROW(Compressed(inner, Qsgd{.levels = 1}, {.error_feedback = false}));
  CHECK_THROWS_AS(Compressed(inner, TopK{.share = 2}), Error);
}

TEST_CASE("clients keep the same coordinates only if the compressor is additive") {
  const auto bytes_of = [](auto compressor, ClientId id, std::uint64_t round) {
    auto reply = std::make_shared<TrainReply<double>>();
    const Layout layout = Quadratic<double>::layout_for(100);
    reply->update = Parameters<double>(layout);
    reply->update.flat().setLinSpaced(1.0, 2.0);
    reply->num_examples = 1;
    reply->local_steps = 1;
    Compressed client{Scripted{reply}, compressor};
    auto request = train_at(layout, Numbers(100), {}, round);
    request.client = std::move(id);
    return client.train(request, {}).compressed.value().bytes;
  };
  CHECK(bytes_of(RandomK{.share = 0.1}, "a", 1) == bytes_of(RandomK{.share = 0.1}, "b", 1));
  CHECK(bytes_of(RandomK{.share = 0.1}, "a", 1) != bytes_of(RandomK{.share = 0.1}, "a", 2));
  CHECK(bytes_of(Qsgd{}, "a", 1) == bytes_of(Qsgd{}, "a", 1));
  CHECK(bytes_of(Qsgd{}, "a", 1) != bytes_of(Qsgd{}, "b", 1));
}

TEST_CASE("the inner client's state and abilities pass through") {
  Compressed client{wrapping::MoveOnly{}, TopK{.count = 1}};
  CHECK(client.honours() == ObjectiveParts{.proximal = true, .linear_correction = true});
  static_cast<void>(client.train(train_at(two, {0, 0}), {}));
  TaskHandlers handlers = TaskHandlers::of(std::move(client));
  REQUIRE(handlers.stateful());
  Compressed other{wrapping::MoveOnly{}, TopK{.count = 1}};
  const auto bytes = handlers.state();
  SpanSource source(bytes);
  BinaryReader reader(source);
  reader >> other;
  reader.finish();
  CHECK(numbers(other.remembered_error()) == Numbers{0, 1});
  CHECK(*other.inner().calls == 1);
  CHECK(other.evaluate(wrapping::evaluate_at(two, {3, 4}), {}).metrics["first"] == 3);
}

TEST_CASE("two hospitals that disagree: top-1 stalls, error feedback leads to the optimum") {
  // The first coordinates cancel, always are the larger ones, and hide the second, in which both agree.
  const std::vector<Numbers> targets{{10, 1}, {-10, 1}};
  const auto end = [&](double rate, std::uint64_t rounds, bool feedback) {
    InProcess clients = with_targets(targets, rate, [feedback](auto client) {
      return Compressed{std::move(client), TopK{.count = 1}, {.error_feedback = feedback}};
    });
    return numbers(run(clients, 2, {.rounds = rounds}).parameters);
  };
  CHECK(end(0.1, 500, false) == Numbers{0, 0});
  // What is remembered stays in proportion to the rate, and with it the distance to the optimum, (0, 1).
  for (const double rate : {0.04, 0.01}) {
    const auto at = end(rate, static_cast<std::uint64_t>(20 / rate), true);
    CHECK(std::hypot(at[0], at[1] - 1) < 12 * rate);
  }
}

TEST_CASE("hospitals that agree: every compressor reaches the optimum, however coarse") {
  const std::vector<Numbers> targets{{3, -1, 0.5, 8}, {3, -1, 0.5, 8}};
  const auto check = [&](auto compressor, bool feedback, double tolerance) {
    InProcess clients = with_targets(targets, 0.1, [&](auto client) {
      return Compressed{std::move(client), compressor, {.error_feedback = feedback}};
    });
    const auto at = numbers(run(clients, 4, {.rounds = 1500, .seed = 2}).parameters);
    CHECK(std::sqrt(compressing::squared_distance(at, targets[0])) < tolerance);
  };
  check(TopK{.count = 1}, true, 1e-9);
  check(RandomK{.count = 1}, true, 1e-9);
  check(RandomK{.count = 2, .unbiased_scaling = true}, false, 1e-9);
  check(Qsgd{.levels = 3, .bucket = 4}, true, 1e-9);
  check(Qsgd{.levels = 2, .bucket = 4}, false, 1e-9);
  check(Sign{}, true, 1e-9);
  check(Float16{}, true, 1e-6);  // what is below 2^-25 waits until it has added up
  check(BFloat16{}, true, 1e-9);
  check(Int8{}, true, 1e-9);
}

TEST_CASE("where nothing is lost the bits are those of an uncompressed run") {
  const std::vector<Numbers> targets{{10, 1, 3}, {-10, 1, 0.1}, {1.0 / 3, 2, 7}};
  InProcess plain = with_targets(targets, 0.1, [](auto client) { return client; });
  InProcess all = with_targets(targets, 0.1, [](auto client) {
    return Compressed{std::move(client), TopK{.share = 1}};
  });
  InProcess mixed({.threads = 2});  // one compresses, the others do not
  for (std::size_t k = 0; k < 3; ++k) {
    Trainer trainer(Quadratic<double>{{1, 1, 1}, targets[k], 10}, {.learning_rate = 0.1, .local_steps = 1});
    if (k == 1) {
      mixed.add("c1", Compressed{trainer, RandomK{.share = 1}});
    } else {
      mixed.add("c" + std::to_string(k), trainer);
    }
  }
  const auto expected = numbers(run(plain, 3, {.rounds = 20}).parameters);
  CHECK(numbers(run(all, 3, {.rounds = 20}).parameters) == expected);
  CHECK(numbers(run(mixed, 3, {.rounds = 20}).parameters) == expected);
}

TEST_CASE("control variates travel beside a compressed update") {
  const auto end = [](auto wrap) {
    InProcess clients = with_targets({{10, 1}, {-10, 1}}, 0.1, wrap);
    Federation federation{Scaffold{}, clients, {.rounds = 30}};
    const auto outcome = federation.run(Parameters<double>(two));
    const RoundReport& report = outcome.history.front();
    CHECK(report.participants.size() == 2);
    CHECK(report.bytes_up_uncompressed == 2 * 2 * 16);  // two hospitals, two vectors of two doubles
    return numbers(outcome.parameters);
  };
  const auto plain = end([](auto client) { return ControlVariates{std::move(client)}; });
  CHECK(end([](auto client) {
          return Compressed{ControlVariates{std::move(client)}, TopK{.share = 1}};
        }) == plain);
}

TEST_CASE("the report says what was sent and what would have been") {
  // In 1000 coordinates, ten that are not 0, every hundredth: nine indices after 99 others, the first after none.
  Numbers target(1000);
  for (std::size_t i = 0; i < 1000; i += 100) target[i] = 1;
  const std::vector<Numbers> targets{target, target, target};
  const auto first_report = [&](auto wrap) {
    InProcess clients = with_targets(targets, 0.1, wrap);
    auto outcome = run(clients, 1000, {.rounds = 1});
    CHECK(outcome.history.at(0).bytes_down == 3 * 8000);
    return outcome.history.at(0);
  };
  const auto check = [&](auto compressor, std::uint64_t bytes) {
    const RoundReport report = first_report([&](auto client) {
      return Compressed{std::move(client), compressor};
    });
    CHECK(report.bytes_up == 3 * bytes);
    CHECK(report.bytes_up_uncompressed == 3 * 8000);
    CHECK(from_bytes<RoundReport>(to_bytes(report)).bytes_up_uncompressed == 3 * 8000);
  };
  const RoundReport plain = first_report([](auto client) { return client; });
  CHECK(plain.bytes_up == 3 * 8000);
  CHECK(plain.bytes_up_uncompressed == 3 * 8000);
  check(TopK{.share = 0.01}, 8 + 10 * (8 + 1));
  check(RandomK{.share = 0.01}, 8 + 8 + 10 * 8);
  check(Qsgd{}, 12 + 2 * 8 + 1000);
  check(Sign{}, 8 + 2 * 8 + 125);
  check(Float16{}, 2000);
  check(BFloat16{}, 2000);
  check(Int8{}, 8 + 2 * 8 + 1000);
}

TEST_CASE("a run that is interrupted goes on with the same bits") {
  const std::string file = "/tmp/healthai_compressed_test.ckpt";
  const std::vector<Numbers> targets{{10, 1, 3, -4}, {-10, 1, 0.1, 5}, {1.0 / 3, 2, 7, 0}};
  const auto check = [&](auto compressor, bool feedback) {
    std::remove(file.c_str());
    const auto end = [&](std::uint64_t rounds, bool resumed) {
      InProcess clients = with_targets(targets, 0.1, [&](auto client) {
        return Compressed{std::move(client), compressor, {.error_feedback = feedback}};
      });
      FederationOptions options{.rounds = rounds, .seed = 9};
      if (resumed) options.checkpoint = file;
      options.resume = resumed;
      return numbers(run(clients, 4, options).parameters);
    };
    const auto through = end(11, false);
    CHECK(end(4, true) != through);
    CHECK(end(7, true) != through);
    CHECK(end(11, true) == through);
    std::remove(file.c_str());
  };
  check(TopK{.count = 1}, true);
  check(RandomK{.count = 1}, true);
  check(Qsgd{.levels = 3, .bucket = 4}, true);
  check(Qsgd{.levels = 3, .bucket = 4}, false);
  check(Sign{.bucket = 2}, true);
  check(Int8{}, true);
}

TEST_CASE("a client that sends rubbish is named, and the round goes on without it") {
  struct Rubbish {
    CompressedUpdate compressed;
    bool both = false;
    TrainReply<double> train(const TrainRequest<double>&, std::stop_token) {
      TrainReply<double> reply = *script(1, 1);
      if (!both) reply.update = {};
      reply.compressed = compressed;
      return reply;
    }
    EvaluateReply evaluate(const EvaluateRequest<double>&, std::stop_token) { return {1, {}}; }
  };
  const auto bytes = [](std::size_t count, unsigned value) {
    return std::vector<std::byte>(count, static_cast<std::byte>(value));
  };
  const std::uint64_t own = two.fingerprint();
  InProcess clients;
  clients.add("a-short", Rubbish{{"float16", own, bytes(3, 0)}});
  clients.add("b-both", Rubbish{{"float16", own, bytes(4, 0)}, true});
  clients.add("c-infinite",
              Rubbish{{"float16", own, {std::byte{0}, std::byte{0x7C}, std::byte{0}, std::byte{0x7C}}}});
  clients.add("d-nan", Rubbish{{"float16", own, bytes(4, 0xFF)}});
  clients.add("e-other", Rubbish{{"float16", own + 1, bytes(4, 0)}});
  clients.add("f-zip", Rubbish{{"zip", own, bytes(4, 0)}});
  clients.add("g-huge", Rubbish{{"top_k", own, bytes(1000, 0xFF)}});
  clients.add("h-good", Rubbish{{"float16", own, bytes(4, 0x3C)}});
  const auto outcome = run(clients, 2, {.rounds = 1});
  const RoundReport& report = outcome.history.at(0);
  CHECK(report.participants == std::vector<ClientId>{"h-good"});
  std::string failures;
  for (const Failure& failure : report.failures) {
    failures += failure.client.str() + " " + failure.error + "; ";
    CHECK(failure.message.find(failure.client.str()) != std::string::npos);
  }
  CHECK(failures ==
        "a-short archive_truncated; b-both invalid_reply; c-infinite not_finite; d-nan not_finite; "
        "e-other layout_mismatch; f-zip unknown_name; g-huge archive_limit; ");
  CHECK(report.updated);
}

TEST_CASE("simulated attackers compress too, or see what others compress") {
  const auto updates = [](const Attack& attack) {
    InProcess clients = with_targets({{8, 1}, {-16, 2}}, 0.5, [](auto client) {
      return Compressed{std::move(client), TopK{.share = 1}};
    });
    Attacked attacked(clients, attack, {"c1"});
    Federation federation{FedAvg{}, attacked, {.rounds = 1}};
    return numbers(federation.run(Parameters<double>(two)).parameters);
  };
  CHECK(updates(SignFlip{.scale = 1}) == Numbers{(4.0 + 8) / 2, (0.5 - 1) / 2});
  CHECK(updates(InnerProductManipulation{.epsilon = 0.5}) == Numbers{(4.0 - 2) / 2, (0.5 - 0.25) / 2});
}

}  // namespace compression_compressed_test
