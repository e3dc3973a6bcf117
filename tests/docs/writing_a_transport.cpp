// The code of docs/how-to-write-a-transport.md.
#include <doctest/doctest.h>

#include <cstring>
#include <deque>
#include <map>

#include "../quadratic.hpp"
#include "healthai/data.hpp"
#include "healthai/healthai.hpp"

namespace docs_writing_a_transport_test {

using namespace healthai;

namespace {

// [transport]
/// Clients in this process, one after the other on the caller's own thread: the smallest transport.
class OneAfterTheOther {
 public:
  template <class C>
  void add(const ClientId& id, C client) {
    clients_[id] = TaskHandlers::of(std::move(client));  // the one place where the client's type is forgotten
  }

  std::vector<ClientId> clients() const {
    std::vector<ClientId> ids;
    for (const auto& [id, client] : clients_) ids.push_back(id);
    return ids;
  }

  template <Task T>
  std::vector<RequestId> send(std::span<const ClientId> ids,
                              std::shared_ptr<const typename T::Broadcast> broadcast) {
    std::vector<RequestId> requests;
    for (const ClientId& id : ids) {
      requests.push_back(++last_request_);
      waiting_.push_back({last_request_, id, T::name, broadcast, false});
      traffic_.sent += T::bytes(*broadcast);
    }
    return requests;
  }

  template <Task T>
  std::optional<Delivery<T>> next(Deadline deadline) {
    for (auto job = waiting_.begin(); job != waiting_.end(); ++job) {
      if (job->task != T::name) continue;
      if (!job->given_up && Clock::now() >= deadline)
        return std::nullopt;  // nothing in time; it is asked again
      const Waiting next = std::move(*job);
      waiting_.erase(job);
      return Delivery<T>{next.request, next.client, answer<T>(next)};
    }
    return std::nullopt;
  }

  // Nobody is at work between two calls of next(), so who has not begun has nothing to hand in.
  template <Task T>
  void stop() {
    give_up<T>();
  }
  template <Task T>
  void give_up() {
    for (Waiting& job : waiting_) job.given_up = job.given_up || job.task == T::name;
  }
  Traffic traffic() const { return traffic_; }

 private:
  struct Waiting {
    RequestId request;
    ClientId client;
    std::string_view task;
    std::shared_ptr<const void> broadcast;  // a T::Broadcast, where T::name is task
    bool given_up;
  };

  // Whatever goes wrong is an answer too: a Failure with a stable id, never an exception.
  template <Task T>
  std::variant<typename T::Reply, Failure> answer(const Waiting& job) {
    const auto failed = [&job](ErrorId id, const std::string& why) {
      return Failure{job.client, std::string(id.name()), "client " + job.client.str() + " " + why};
    };
    if (job.given_up) return failed(error::deadline, "was not asked before the deadline");
    const auto found = clients_.find(job.client);
    if (found == clients_.end()) return failed(error::no_clients, "is not here");
    try {
      const Request<typename T::Broadcast> request{
          std::static_pointer_cast<const typename T::Broadcast>(job.broadcast), job.client};
      typename T::Reply reply = found->second.template handle<T>(request, std::stop_token{});
      traffic_.received += T::bytes(reply);
      return reply;
    } catch (const Error& e) {
      return Failure{job.client, std::string(e.id().name()), e.what()};
    } catch (const std::exception& e) {
      return failed(error::client_failed, std::string("threw: ") + e.what());
    }
  }

  std::map<ClientId, TaskHandlers> clients_;
  std::deque<Waiting> waiting_;
  RequestId last_request_ = 0;
  Traffic traffic_{};
};
static_assert(Transport<OneAfterTheOther, Train<double>> && Transport<OneAfterTheOther, ColumnMoments>);
// [/transport]

struct Refuses {
  TrainReply<double> train(const TrainRequest<double>&, std::stop_token) {
    throw std::runtime_error("no consent");
  }
  EvaluateReply evaluate(const EvaluateRequest<double>&, std::stop_token) { return {1, {}}; }
};

LocalTrainer<Quadratic<double>> trainer(double target) {
  return LocalTrainer(Quadratic<double>{{1, 3}, {target, 2 * target}, 7}, {.learning_rate = 0.2});
}

const Parameters<double> zero(Quadratic<double>::layout_for(2));

}  // namespace

TEST_CASE("the model is that of InProcess, bit for bit") {
  OneAfterTheOther mine;
  InProcess theirs;
  int i = 0;
  for (const char* id : {"a", "b", "c"}) {
    mine.add(id, trainer(++i));
    theirs.add(id, trainer(i));
  }
  Federation a{FedProx{.mu = 0.1}, mine, {.rounds = 5}};
  Federation b{FedProx{.mu = 0.1}, theirs, {.rounds = 5}};
  const auto x = a.run(zero).parameters;
  const auto y = b.run(zero).parameters;
  CHECK(x.data()[0] != 0);
  CHECK(std::memcmp(x.data(), y.data(), x.size_bytes()) == 0);
  CHECK(mine.traffic().sent == theirs.traffic().sent);
  CHECK(mine.traffic().received == theirs.traffic().received);
}

TEST_CASE("what goes wrong is a failure in the report") {
  OneAfterTheOther mine;
  mine.add("good", trainer(1));
  mine.add("strict", Refuses{});
  const RoundReport report = Federation{FedAvg{}, mine, {.rounds = 1}}.run(zero).history.at(0);
  CHECK(report.participants == std::vector<ClientId>{"good"});
  REQUIRE(report.failures.size() == 1);
  CHECK(report.failures[0].message == "client strict threw: no consent");
  CHECK(report.failures[0].error == "client_failed");

  const std::vector<ClientId> ids{"good", "absent"};
  const auto broadcast =
      std::make_shared<const TrainBroadcast<double>>(TrainBroadcast<double>{{}, 0, zero, {}});
  mine.send<Train<double>>(ids, broadcast);
  CHECK_FALSE(mine.next<Train<double>>(Clock::now() - std::chrono::seconds(1)));
  mine.give_up<Train<double>>();
  const auto late = mine.next<Train<double>>(Clock::now() - std::chrono::seconds(1));
  REQUIRE(late);
  CHECK(std::get<Failure>(late->result).error == "deadline");
  mine.stop<Evaluate<double>>();  // another task: leaves these alone
  CHECK(mine.next<Train<double>>(Deadline::max()));
  CHECK_FALSE(mine.next<Train<double>>(Deadline::max()));
  mine.send<Train<double>>(ids, broadcast);
  CHECK(mine.next<Train<double>>(Deadline::max())->client == "good");
  CHECK(std::get<Failure>(mine.next<Train<double>>(Deadline::max())->result).message ==
        "client absent is not here");
}

TEST_CASE("other tasks travel the same way") {
  OneAfterTheOther mine;
  mine.add("a", trainer(1));
  mine.add("b", trainer(2));
  CHECK(federated_learning_rate(mine) == doctest::Approx(1.0 / 3).epsilon(1e-15));
}

}  // namespace docs_writing_a_transport_test
