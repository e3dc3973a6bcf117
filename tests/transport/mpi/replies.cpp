#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <healthai/aggregation/median.hpp>
#include <healthai/simulation.hpp>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <variant>

#include "transport/mpi/sites.hpp"

namespace transport_mpi_replies_test {

using namespace mpi_test;

namespace {

/// A task that is not training.
struct Square {
  struct Broadcast {
    Parameters<double> values{};
    template <class Archive>
    void serialize(Archive& archive, unsigned) {
      archive& values;
    }
  };
  struct Reply {
    Parameters<double> squares{};
    template <class Archive>
    void serialize(Archive& archive, unsigned) {
      archive& squares;
    }
  };
  static constexpr std::string_view name = "test.square";
  static std::size_t bytes(const Broadcast& broadcast) { return broadcast.values.size_bytes(); }
  static std::size_t bytes(const Reply& reply) { return reply.squares.size_bytes(); }
};

TaskHandlers squares(std::size_t number) {
  TaskHandlers handlers;
  handlers.offer<Square>([number](const Request<Square::Broadcast>& request, std::stop_token) {
    if (number == 5) throw Error(error::refused, "client site5 does not square");
    Square::Reply reply{request->values};
    reply.squares.flat() = request->values.flat().array().square().matrix() * static_cast<double>(number);
    return reply;
  });
  return handlers;
}

/// Counts its rounds, and replies the count.
struct Counter {
  std::uint64_t rounds = 0;
  TrainReply<double> train(const TrainRequest<double>& request, std::stop_token) {
    TrainReply<double> reply;
    reply.update = Parameters<double>(request->parameters.layout());
    reply.update.flat().setConstant(static_cast<double>(++rounds));
    reply.num_examples = 1;
    reply.local_steps = 1;
    return reply;
  }
  EvaluateReply evaluate(const EvaluateRequest<double>&, std::stop_token) { return {}; }
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& rounds;
  }
};

}  // namespace

TEST_CASE("Replies of any task come in the order of requests, whatever rank they come from") {
  MpiTransport ranks({.threads = 2});
  constexpr std::size_t count = 30;
  for (std::size_t i = 0; i < count; ++i) {
    if (ranks.hosts(i)) ranks.add(name(i), squares(i));
  }
  if (!ranks.coordinates()) return ranks.serve<Square>();
  auto broadcast = std::make_shared<Square::Broadcast>();
  broadcast->values = Parameters<double>(layout);
  for (std::size_t k = 0; k < layout.size(); ++k) broadcast->values.data()[k] = static_cast<double>(k);
  std::vector<ClientId> ids = ranks.clients();
  CHECK(ids.size() == count);
  std::reverse(ids.begin(), ids.end());
  ids.insert(ids.begin() + 7, ClientId("nobody"));
  const std::vector<RequestId> requests = ranks.send<Square>(ids, broadcast);
  REQUIRE(requests.size() == ids.size());
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const auto delivery = ranks.next<Square>(Deadline::max());
    REQUIRE(delivery);
    CHECK(delivery->request == requests[i]);
    CHECK(delivery->client == ids[i]);
    if (ids[i] == ClientId("nobody")) {
      CHECK(std::get<Failure>(delivery->result).message == "there is no client nobody");
    } else if (ids[i] == name(5)) {
      CHECK(std::get<Failure>(delivery->result) ==
            Failure{name(5), "refused", "client site5 does not square"});
    } else {
      const double number = std::stod(ids[i].str().substr(4));
      CHECK(std::get<Square::Reply>(delivery->result).squares.data()[100] == 10000 * number);
    }
  }
  CHECK(!ranks.next<Square>(Clock::now()));
  CHECK(ranks.traffic().sent == ids.size() * layout.size() * sizeof(double));
  CHECK(ranks.traffic().received == (count - 1) * layout.size() * sizeof(double));
}

TEST_CASE("What is given up is delivered as a failure, and the clients can be asked again") {
  MpiTransport ranks({.threads = 2});
  for (std::size_t i = 0; i < 6; ++i) {
    TaskHandlers slow;
    slow.offer<Square>([](const Request<Square::Broadcast>& request, std::stop_token stop) {
      while (request->values.size() == 1 && !stop.stop_requested())
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      return Square::Reply{};
    });
    if (ranks.hosts(i)) ranks.add(name(i), slow);
  }
  if (!ranks.coordinates()) return ranks.serve<Square>();
  const auto ask = [&](std::size_t size) {
    auto broadcast = std::make_shared<Square::Broadcast>();
    broadcast->values = Parameters<double>(Layout({{"x", {size}}}));
    return ranks.send<Square>(ranks.clients(), std::move(broadcast));
  };
  const auto requests = ask(1);
  CHECK(!ranks.next<Square>(Clock::now() + std::chrono::milliseconds(50)));
  ranks.give_up<Square>(std::span<const RequestId>(&requests[4], 1));
  ranks.give_up<Square>();
  for (int i = 0; i < 6; ++i) {
    const auto delivery = ranks.next<Square>(Deadline::max());
    REQUIRE(delivery);
    CHECK(std::get<Failure>(delivery->result).error == "deadline");
  }
  // Those who heed their stop token are free again before long.
  int replies = 0;
  for (int attempt = 0; attempt < 100 && replies < 6; ++attempt) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    ask(2);
    replies = 0;
    for (int i = 0; i < 6; ++i) {
      const auto delivery = ranks.next<Square>(Deadline::max());
      REQUIRE(delivery);
      replies += std::holds_alternative<Square::Reply>(delivery->result) ? 1 : 0;
    }
  }
  CHECK(replies == 6);
}

TEST_CASE("A buffered federation in virtual time has the bits of one process") {
  const auto options = [] {
    FederationOptions made{.rounds = 12, .seed = 3};
    made.schedule = Buffered{.size = 3, .concurrency = 8};
    return made;
  };
  const auto clock = [] { return VirtualClock({.client_deviation = 1, .drop_out = 0.1}, 5); };
  MpiTransport ranks({.threads = 1});
  add_sites(ranks, 20);
  if (!ranks.coordinates()) return ranks.serve(FedAvg{}, layout);
  InProcess here({.threads = 1});
  add_sites(here, 20);
  SimulatedTime there(ranks, clock());
  SimulatedTime expected(here, clock());
  Federation federation{FedAvg{}, there, options()};
  Federation alone{FedAvg{}, expected, options()};
  const auto outcome = federation.run(Parameters<double>(layout));
  CHECK(same_bits(outcome.parameters, alone.run(Parameters<double>(layout)).parameters));
  CHECK(there.clock().now() == expected.clock().now());
}

TEST_CASE("States of clients of all ranks are in the checkpoint, and come back") {
  const std::string path =
      (std::filesystem::temp_directory_path() / ("healthai_mpi_states_" + std::to_string(::getpid())))
          .string();
  const auto run = [&](std::uint64_t count, double expected) {
    MpiTransport ranks({.threads = 1});
    for (std::size_t i = 0; i < 7; ++i) {
      if (ranks.hosts(i)) ranks.add(name(i), Counter{});
    }
    if (!ranks.coordinates()) return ranks.serve(FedAvg{}, layout);
    Federation federation{FedAvg{}, ranks, {.rounds = count, .checkpoint = path, .resume = true}};
    const auto outcome = federation.run(Parameters<double>(layout));
    CHECK(outcome.parameters.data()[0] == expected);
    CHECK(ranks.client_states().size() == 7);
  };
  run(2, 1 + 2);
  run(4, 1 + 2 + 3 + 4);
  std::filesystem::remove(path);
}

TEST_CASE("Ranks other than 0 do not coordinate, and rank 0 does not serve") {
  MpiTransport ranks({.threads = 1});
  add_sites(ranks, 3);
  if (!ranks.coordinates()) {
    CHECK_THROWS_WITH_AS(static_cast<void>(ranks.clients()),
                         doctest::Contains("was used like the coordinator"), Error);
    return ranks.serve(FedAvg{}, layout);
  }
  CHECK_THROWS_WITH_AS(ranks.serve(FedAvg{}, layout), doctest::Contains("rank 0 coordinates"), Error);
}

TEST_CASE("MPI is initialised once: a second session leaves it alone") {
  { const MpiSession again; }
  const MpiSession session;
  CHECK(session.size() >= 1);
  CHECK(session.rank() < session.size());
}

}  // namespace transport_mpi_replies_test
