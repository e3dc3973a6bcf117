// The socket transport on the loopback, beside the same bytes moved by bare Asio. Coordinator, nodes and baselines share one
// machine, so what is measured is the processor time that all of them need together.
#include <benchmark/benchmark.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "healthai/aggregation/weighted_mean.hpp"
#include "healthai/core/training.hpp"
#include "healthai/serialization/encoded_message.hpp"
#include "healthai/serialization/frame.hpp"
#include "healthai/transport/socket/client.hpp"
#include "healthai/transport/socket/server.hpp"
#include "transport/socket/certificates.hpp"
#include "transport/socket/crowd.hpp"

namespace {

using namespace healthai;
using namespace std::chrono_literals;
namespace asio = boost::asio;
using Tcp = asio::ip::tcp;
using socket_test::Crowd;
using socket_test::CrowdProcess;
using socket_test::TestCertificates;

Layout layout_of(std::size_t parameters) {
  return Layout{{"x", {parameters}}};
}

std::vector<std::string> names_of(std::size_t clients) {
  std::vector<std::string> names;
  for (std::size_t c = 0; c < clients; ++c) names.push_back("site" + std::to_string(1000 + c));
  return names;
}

/// A node that takes a model in and answers with an update that is there already, the same for all nodes.
template <class Scalar>
class Answers final : public Service {
 public:
  Answers(std::string id, std::shared_ptr<const EncodedMessage> reply)
      : id_(std::move(id)), reply_(std::move(reply)) {}
  [[nodiscard]] const ClientId& id() const noexcept override { return id_; }
  [[nodiscard]] std::vector<std::string> tasks() const override { return {std::string(Train<Scalar>::name)}; }
  [[nodiscard]] std::unique_ptr<ServiceRequest> open(std::string_view /*task*/) override {
    return std::make_unique<Request>(*this);
  }

 private:
  class Request final : public ServiceRequest {
   public:
    explicit Request(Answers& node) : node_(node) {}
    [[nodiscard]] std::vector<std::span<std::byte>> take_head(std::span<const std::byte> head,
                                                              std::uint64_t array_bytes) override {
      return decode_head(head, array_bytes, node_.model_);
    }
    [[nodiscard]] std::shared_ptr<const EncodedMessage> answer(std::stop_token /*stop*/) override {
      return node_.reply_;
    }

   private:
    Answers& node_;
  };
  ClientId id_;
  std::shared_ptr<const EncodedMessage> reply_;
  TrainBroadcast<Scalar> model_;  // the same memory every time; requests come one after the other
};

template <class Scalar>
std::shared_ptr<const EncodedMessage> reply_of(std::size_t parameters) {
  auto reply = std::make_shared<TrainReply<Scalar>>();
  reply->update = Parameters<Scalar>(layout_of(parameters));
  reply->update.flat().setConstant(Scalar(0.5));
  reply->num_examples = 100;
  return encode(std::shared_ptr<const TrainReply<Scalar>>(std::move(reply)));
}
template <class Scalar>
std::shared_ptr<const TrainBroadcast<Scalar>> broadcast_of(std::size_t parameters) {
  auto broadcast = std::make_shared<TrainBroadcast<Scalar>>();
  broadcast->parameters = Parameters<Scalar>(layout_of(parameters));
  broadcast->parameters.flat().setConstant(Scalar(0.25));
  return broadcast;
}

/// A coordinator and its nodes, each in a thread.
template <class Scalar>
class Network {
 public:
  Network(std::size_t clients, std::size_t parameters, bool encrypted) {
    const std::vector<std::string> names = names_of(clients);
    SocketServerOptions options;
    if (encrypted) {
      certificates_.emplace();
      options.tls = certificates_->coordinator();
      options.roster = Roster::read(certificates_->roster(names));
      options.address = "127.0.0.1";
    } else {
      options.plaintext = true;
    }
    server_.emplace(options);
    const auto reply = reply_of<Scalar>(parameters);
    for (const std::string& name : names) {
      SocketClientOptions to;
      to.host = "127.0.0.1";
      to.port = server_->port();
      to.plaintext = !encrypted;
      if (encrypted) to.tls = certificates_->site(name);
      nodes_.emplace_back([name, reply, to](std::stop_token stop) {
        Answers<Scalar> service(name, reply);
        serve(service, to, std::move(stop));
      });
    }
    ready_ = server_->wait_for_clients(clients, 30s);
  }
  ~Network() { server_->finish(); }

  [[nodiscard]] bool ready() const { return ready_; }
  [[nodiscard]] SocketServer& server() { return *server_; }

 private:
  std::optional<TestCertificates> certificates_;
  std::optional<SocketServer> server_;
  bool ready_ = false;
  std::vector<std::jthread> nodes_;
};

void broadcast_and_sum(benchmark::State& state, bool encrypted) {
  const auto clients = static_cast<std::size_t>(state.range(0));
  const auto parameters = static_cast<std::size_t>(state.range(1));
  Network<float> network(clients, parameters, encrypted);
  if (!network.ready()) return state.SkipWithError("the nodes are not there");
  SocketServer& server = network.server();
  const std::vector<ClientId> ids = server.clients();
  const auto broadcast = broadcast_of<float>(parameters);
  auto sums = WeightedMean{.threads = 0}.begin<float>(layout_of(parameters));
  Parameters<float> mean;
  const auto round = [&] {
    sums.restart();
    server.send<Train<float>>(ids, broadcast);
    for (std::size_t c = 0; c < clients; ++c) {
      auto delivery = server.next<Train<float>>(Deadline::max());
      auto* const reply = std::get_if<TrainReply<float>>(&delivery->result);
      if (reply == nullptr) throw Error(error::connection, std::get<Failure>(delivery->result).message);
      Update<float> update{std::move(reply->update), reply->num_examples};
      if (c + 1 < clients) {
        sums.add(std::as_const(update));
      } else {
        mean = sums.finish(std::move(update));
      }
    }
    benchmark::DoNotOptimize(mean.data());
  };
  round();  // memory and TCP's windows grow to their size
  for (auto _ : state) round();
  state.SetBytesProcessed(
      static_cast<std::int64_t>(state.iterations() * 2 * clients * parameters * sizeof(float)));
}

void round_trip(benchmark::State& state) {
  const auto parameters = static_cast<std::size_t>(state.range(0));
  Network<double> network(1, parameters, false);
  if (!network.ready()) return state.SkipWithError("the node is not there");
  SocketServer& server = network.server();
  const std::vector<ClientId> ids = server.clients();
  const auto broadcast = broadcast_of<double>(parameters);
  for (auto _ : state) {
    server.send<Train<double>>(ids, broadcast);
    auto delivery = server.next<Train<double>>(Deadline::max());
    if (!std::holds_alternative<TrainReply<double>>(delivery->result)) return state.SkipWithError("no reply");
    benchmark::DoNotOptimize(delivery);
  }
}

/// A round of ten among so many who are connected and have nothing to do, all with TLS and in processes of their own.
void round_of_ten(benchmark::State& state) {
  constexpr std::size_t busy = 10;
  const auto idle = static_cast<std::size_t>(state.range(0));
  const auto parameters = static_cast<std::size_t>(state.range(1));
  TestCertificates certificates;
  const std::vector<std::string> names = names_of(busy + idle);
  std::vector<Crowd::Place> places;
  for (const std::string& name : names) places.push_back({name, certificates.site(name)});
  SocketServerOptions options;
  options.tls = certificates.coordinator();
  options.roster = Roster::read(certificates.roster(names));
  options.address = "127.0.0.1";
  const auto crowd_of = [&](std::size_t begin, std::size_t count) {
    return [&places, parameters, begin, count](std::uint16_t port) {
      const auto first = places.begin() + static_cast<std::ptrdiff_t>(begin);
      return std::make_unique<Crowd>(port, std::vector(first, first + static_cast<std::ptrdiff_t>(count)),
                                     std::string(Train<double>::name), reply_of<double>(parameters));
    };
  };
  const CrowdProcess workers(crowd_of(0, busy));
  const CrowdProcess others(crowd_of(busy, idle));
  SocketServer server{options};
  workers.begin(server.port());
  if (!server.wait_for_clients(busy, 30s)) return state.SkipWithError("the nodes are not there");
  others.begin(server.port());
  if (!server.wait_for_clients(busy + idle, 120s)) return state.SkipWithError("the nodes are not there");
  const std::vector<ClientId> ids(names.begin(), names.begin() + busy);
  const auto broadcast = broadcast_of<double>(parameters);
  for (auto _ : state) {
    server.send<Train<double>>(ids, broadcast);
    for (std::size_t c = 0; c < busy; ++c) {
      auto delivery = server.next<Train<double>>(Deadline::max());
      if (!std::holds_alternative<TrainReply<double>>(delivery->result))
        return state.SkipWithError("no reply");
      benchmark::DoNotOptimize(delivery);
    }
  }
  server.finish();
}

// Baselines.

/// Both ends of a TCP connection; with TLS after the handshake.
template <class Stream>
struct Ends {
  std::unique_ptr<Stream> coordinator;
  std::unique_ptr<Stream> node;
};

class TlsContexts {
 public:
  TlsContexts()
      : server_(server_tls(certificates_.coordinator())), client_(client_tls(certificates_.site("site"))) {}
  asio::ssl::context& server() { return server_; }
  asio::ssl::context& client() { return client_; }

 private:
  TestCertificates certificates_;
  asio::ssl::context server_;
  asio::ssl::context client_;
};

/// Connects; each end is used by the thread that runs its io_context.
template <class Stream>
Ends<Stream> connect(asio::io_context& at_coordinator, asio::io_context& at_node, TlsContexts* tls) {
  Tcp::acceptor acceptor(at_coordinator, {asio::ip::address_v4::loopback(), 0});
  Tcp::socket there(at_node);
  there.connect(acceptor.local_endpoint());
  Tcp::socket here = acceptor.accept();
  here.set_option(Tcp::no_delay(true));
  there.set_option(Tcp::no_delay(true));
  if constexpr (std::is_same_v<Stream, Tcp::socket>) {
    static_cast<void>(tls);
    return {std::make_unique<Tcp::socket>(std::move(here)), std::make_unique<Tcp::socket>(std::move(there))};
  } else {
    Ends<Stream> ends{std::make_unique<Stream>(std::move(here), tls->server()),
                      std::make_unique<Stream>(std::move(there), tls->client())};
    expect_coordinator(ends.node->native_handle(), "127.0.0.1");
    std::jthread node([&ends] { ends.node->handshake(asio::ssl::stream_base::client); });
    ends.coordinator->handshake(asio::ssl::stream_base::server);
    return ends;
  }
}

/// A thread for each node and one for the coordinator. Every message goes from memory that is there to memory that is there (of
/// the kind that models are in).
template <class Stream>
void bare_broadcast(benchmark::State& state) {
  const auto clients = static_cast<std::size_t>(state.range(0));
  const Layout layout = layout_of(static_cast<std::size_t>(state.range(1)));
  const std::size_t bytes = layout.size() * sizeof(float);
  std::optional<TlsContexts> tls;
  if constexpr (!std::is_same_v<Stream, Tcp::socket>) tls.emplace();

  struct Node {
    asio::io_context io{1};
    Ends<Stream> ends{};
    Parameters<float> model;   // at the node
    Parameters<float> update;  // at the coordinator
    std::jthread thread{};
  };
  asio::io_context io{1};
  const Parameters<float> model(layout);
  std::vector<std::unique_ptr<Node>> nodes;
  for (std::size_t c = 0; c < clients; ++c) {
    nodes.push_back(std::make_unique<Node>());
    Node& node = *nodes.back();
    node.ends = connect<Stream>(io, node.io, tls ? &*tls : nullptr);
    node.model = Parameters<float>(layout);
    node.update = Parameters<float>(layout);
  }
  for (const auto& owned : nodes) {
    Node& node = *owned;
    node.thread = std::jthread([&node, bytes] {
      const std::function<void()> serve_once = [&] {
        asio::async_read(*node.ends.node, asio::buffer(node.model.data(), bytes),
                         [&](const auto& error, std::size_t) {
                           if (error) return;  // it is over
                           asio::async_write(*node.ends.node, asio::buffer(node.model.data(), bytes),
                                             [&](const auto& failed, std::size_t) {
                                               if (!failed) serve_once();
                                             });
                         });
      };
      serve_once();
      node.io.run();
    });
  }
  const auto round = [&] {
    for (const auto& owned : nodes) {
      Node& node = *owned;
      asio::async_write(*node.ends.coordinator, asio::buffer(model.data(), bytes),
                        [&node, bytes](const auto& error, std::size_t) {
                          if (error) return;
                          asio::async_read(*node.ends.coordinator, asio::buffer(node.update.data(), bytes),
                                           [](const auto&, std::size_t) {});
                        });
    }
    io.restart();
    io.run();
  };
  round();  // memory and TCP's windows grow to their size
  for (auto _ : state) round();
  for (const auto& node : nodes) node->ends.coordinator->lowest_layer().close();
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * 2 * clients * bytes));
}

void bare_ping_pong(benchmark::State& state) {
  const auto parameters = static_cast<std::size_t>(state.range(0));
  const auto frame = [](const EncodedMessage& message) {
    return frame_header_size + message.head.size() + static_cast<std::size_t>(message.array_bytes());
  };
  // The frames of a round: a request and the word that the last reply has been counted, and a reply.
  const std::size_t down =
      frame(*encode(broadcast_of<double>(parameters), std::string(Train<double>::name))) + frame_header_size;
  const std::size_t up = frame(*reply_of<double>(parameters));

  asio::io_context io{1};
  asio::io_context at_node{1};
  Ends<Tcp::socket> ends = connect<Tcp::socket>(io, at_node, nullptr);
  std::vector<std::byte> request(down), request_there(down), reply(up), reply_there(up);
  std::jthread node([&] {
    const std::function<void()> serve_once = [&] {
      asio::async_read(*ends.node, asio::buffer(request_there), [&](const auto& error, std::size_t) {
        if (error) return;
        asio::async_write(*ends.node, asio::buffer(reply_there), [&](const auto& failed, std::size_t) {
          if (!failed) serve_once();
        });
      });
    };
    serve_once();
    at_node.run();
  });
  for (auto _ : state) {
    asio::async_write(*ends.coordinator, asio::buffer(request), [](const auto&, std::size_t) {});
    asio::async_read(*ends.coordinator, asio::buffer(reply), [](const auto&, std::size_t) {});
    io.restart();
    io.run();
  }
  ends.coordinator->close();
}

void large(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"clients", "parameters"})
      ->Args({8, 25'000'000})
      ->UseRealTime()
      ->Iterations(2)
      ->Unit(benchmark::kMillisecond);
}
void rounds(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"idle", "parameters"})->Iterations(300)->UseRealTime()->Unit(benchmark::kMicrosecond);
}
void small(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgName("parameters")->Arg(1000)->UseRealTime()->Unit(benchmark::kMicrosecond);
}

}  // namespace

BENCHMARK_CAPTURE(broadcast_and_sum, plain, false)->Name("socket/broadcast_and_sum")->Apply(large);
BENCHMARK(bare_broadcast<Tcp::socket>)->Name("baseline/asio_loopback")->Apply(large);
BENCHMARK_CAPTURE(broadcast_and_sum, tls, true)->Name("socket_tls/broadcast_and_sum")->Apply(large);
BENCHMARK(bare_broadcast<asio::ssl::stream<Tcp::socket>>)->Name("baseline/asio_tls_loopback")->Apply(large);
BENCHMARK(round_trip)->Name("socket/round_trip")->Apply(small);
BENCHMARK(bare_ping_pong)->Name("baseline/asio_ping_pong")->Apply(small);
BENCHMARK(round_of_ten)->Name("socket/round_among_idle")->Args({2000, 10'000})->Apply(rounds);
BENCHMARK(round_of_ten)->Name("baseline/round_without_idle")->Args({0, 10'000})->Apply(rounds);
