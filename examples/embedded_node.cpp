// A hospital's application that has an event loop and threads of its own takes part in a federation.
//
//     bash examples/run.sh embedded_node
//
// For the demonstration the coordinator and a second hospital run in this process too, connected over the loopback.
#include <cstdio>
#include <exception>
#include <future>
#include <memory>
#include <string>
#include <thread>

#include "embedded_node/application.hpp"
#include "healthai/client/node/node.hpp"
#include "healthai/healthai.hpp"
#include "healthai/transport/socket/client.hpp"
#include "healthai/transport/socket/server.hpp"

using namespace healthai;
using application::EventLoop;
using application::MeanDose;

namespace {

// [client]
/// Takes part from construction to destruction, or until leave(); what happens is shown by the application's own loop.
class Participation {
 public:
  Participation(EventLoop& loop, MeanDose client, NodeOptions options, SocketClientOptions coordinator)
      : loop_(loop), node_("north", TaskHandlers::of(std::move(client)), std::move(options)) {
    coordinator.on_event = [this](const SocketEvent& event) { show(event.message); };
    thread_ = std::jthread([this, coordinator](std::stop_token stop) {
      try {
        show(serve(node_, coordinator, stop) == ServeEnd::finished ? "the study is over"
                                                                   : "we left the study");
      } catch (const Error& e) {
        show(e.what());  // it makes no sense to try again: certificates, versions, names
      }
    });
  }
  void leave() { thread_.request_stop(); }

 private:
  void show(const std::string& line) {  // on a thread of the connection: post, and return at once
    loop_.post([line] { EventLoop::show(line); });
  }
  EventLoop& loop_;
  Node node_;
  std::jthread thread_;  // the last member: it is gone before what it uses
};
// [/client]

// [executor]
/// The same on a thread that the application lends, until the study is over or `stop` is requested.
std::future<ServeEnd> serve_on(const Executor& executor, Node& node, SocketClientOptions coordinator,
                               std::stop_token stop) {
  const auto end = std::make_shared<std::promise<ServeEnd>>();
  executor([end, &node, coordinator, stop] {
    try {
      end->set_value(serve(node, coordinator, stop));
    } catch (...) {
      end->set_exception(std::current_exception());
    }
  });
  return end->get_future();
}
// [/executor]

/// What a hospital would write into a file of its own.
NodeOptions hospital(std::size_t rows) {
  NodeOptions options;
  options.policy = Policy::parse(R"({
    "tasks": {"train.f64": {"requests_per_day": 100}},
    "rounds_per_run": 10, "largest_model": 1, "minimum_cohort": 2, "columns": ["dose"],
    "require_secure_aggregation": false, "require_dp": false
  })");
  options.facts = {.rows = rows, .columns = {"dose"}, .mods = {}, .batch = {}};
  options.coordinator = "localhost";
  return options;
}

/// Elsewhere: the coordinator.
void coordinate(SocketServer& hospitals, EventLoop& loop) {
  std::string result = "nobody came";
  if (hospitals.wait_for_clients(2, std::chrono::seconds(30))) {
    Federation federation{FedAvg{}, hospitals, {.rounds = 3, .quorum = 2}};
    const auto outcome = federation.run(Parameters<double>(Layout{{"mean", {}}}));
    result = "mean dose " + std::to_string(outcome.parameters.data()[0]) + " Gy";
  }
  hospitals.finish();
  loop.post([result] { EventLoop::show("the coordinator tells: " + result); });
}

}  // namespace

int main() {
  try {
    EventLoop loop;
    SocketServer hospitals{{.plaintext = true}};  // in earnest: certificates and a roster
    SocketClientOptions to_coordinator;
    to_coordinator.host = "localhost";
    to_coordinator.port = hospitals.port();
    to_coordinator.plaintext = true;

    Participation north(loop, MeanDose{{60, 66, 70}}, hospital(3), to_coordinator);
    Node south("south", TaskHandlers::of(MeanDose{{50, 54}}), hospital(2));
    application::Pool pool;
    std::stop_source closing;
    std::future<ServeEnd> south_ends =
        serve_on([&pool](std::function<void()> work) { pool.post(std::move(work)); }, south, to_coordinator,
                 closing.get_token());

    const std::jthread coordinator([&] {
      coordinate(hospitals, loop);
      const bool finished = south_ends.get() == ServeEnd::finished;
      loop.post([finished] { EventLoop::show(finished ? "south has heard that it is over" : "south left"); });
      loop.quit();
    });
    loop.run();  // the application goes on as ever
  } catch (const std::exception& e) {
    std::fprintf(stderr, "embedded_node: %s\n", e.what());
    return 2;
  }
  return 0;
}
