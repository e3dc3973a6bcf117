// A coordinator that is killed within a secure sum, and started again from its checkpoint and from the sums that it keeps.
#include "healthai/secagg/secure_aggregation.hpp"

#include <doctest/doctest.h>

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>

#include "healthai/secagg/secure_handlers.hpp"
#include "healthai/server/federation.hpp"
#include "healthai/strategy/fedavg.hpp"
#include "healthai/transport/in_process.hpp"
#include "secagg/members.hpp"
#include "test_folder.hpp"

namespace secagg_restart_test {

using namespace secagg_test;

namespace {

constexpr std::size_t n = 5;  // of whom three open a sum
constexpr std::uint64_t rounds = 3;
const Layout layout{{"w", {3}}};

/// What its clients have done, by round.
struct Diary {
  std::array<std::atomic<int>, rounds + 1> trained{};
  std::array<std::atomic<int>, rounds + 1> evaluated{};
  std::function<void()> on_evaluation{};
};

/// Updates that do not depend on the model, and are multiples of 2^-10: rounding to levels and sums of them are exact, so that the secure
/// run must have the bits of the plain one.
struct Site {
  Index number = 0;
  std::uint64_t silent_in = 0;  // round
  std::shared_ptr<Diary> diary{};

  TrainReply<double> train(const TrainRequest<double>& request, std::stop_token) const {
    const std::uint64_t round = request->id.round;
    if (diary) ++diary->trained.at(round);
    if (round == silent_in) throw std::runtime_error("the power is out");
    TrainReply<double> reply;
    reply.update = request->parameters;
    double which = 1;
    for (double& value : reply.update.span())
      value = 0x1p-10 * (31.0 * static_cast<double>(round) - 17.0 * number + 7.0 * which++);
    reply.num_examples = 7.0 + 2.0 * number;
    return reply;
  }
  EvaluateReply evaluate(const EvaluateRequest<double>& request, std::stop_token) const {
    if (diary) ++diary->evaluated.at(request->id.round);
    if (diary && diary->on_evaluation) diary->on_evaluation();
    EvaluateReply reply{7.0 + 2.0 * number, {}};
    reply.metrics.add("loss", 1.0 + number, 2);
    return reply;
  }
};

struct Killed {};

/// The transport of a coordinator that is killed at a step of a secure sum: before the first request of it, or when so many replies have
/// come.
struct Death {
  std::string_view step{};
  std::size_t after = 0;
  std::uint64_t round = 2;
  std::function<void()> kill = [] { throw Killed(); };
};
class Mortal {
 public:
  Mortal(InProcess& inner, Death death) : inner_(&inner), death_(std::move(death)) {}
  [[nodiscard]] std::vector<ClientId> clients() const { return inner_->clients(); }
  [[nodiscard]] Traffic traffic() const { return inner_->traffic(); }
  template <Task T>
  std::vector<RequestId> send(std::span<const ClientId> ids,
                              std::shared_ptr<const typename T::Broadcast> broadcast) {
    here_ = T::name == death_.step && broadcast->id.round == death_.round;
    if (here_ && death_.after == 0) death_.kill();
    auto requests = inner_->template send<T>(ids, std::move(broadcast));
    out_ += requests.size();
    return requests;
  }
  template <Task T>
  [[nodiscard]] std::optional<Delivery<T>> next(Deadline deadline) {
    if (here_ && replies_ == death_.after) {
      while (out_ > 0 && inner_->template next<T>(Deadline::max())) --out_;  // nobody is left to hear these
      death_.kill();
    }
    auto delivery = inner_->template next<T>(deadline);
    if (delivery) --out_;
    if (delivery && here_) ++replies_;
    return delivery;
  }
  template <Task T>
  void stop() {
    inner_->template stop<T>();
  }
  template <Task T>
  void give_up() {
    inner_->template give_up<T>();
  }

 private:
  InProcess* inner_;
  Death death_;
  bool here_ = false;
  std::size_t replies_ = 0;
  std::size_t out_ = 0;
};

/// Hospitals that live on while their coordinator is killed and started again.
struct World {
  TestFolder folder{};
  Cohort cohort{n, {.corrupt = 0, .dropout = 0}};
  std::shared_ptr<Diary> diary = std::make_shared<Diary>();
  std::uint64_t silent_in = 0;
  std::vector<TaskHandlers> hospitals{};

  explicit World(std::uint64_t one_is_silent_in = 0) : silent_in(one_is_silent_in) { start_hospitals(); }
  void start_hospitals() {
    hospitals.clear();
    for (Index i = 0; i < n; ++i) {
      SecureMember self{cohort.members->id(i),
                        cohort.keys[i],
                        cohort.members,
                        {},
                        folder.file("joined" + std::to_string(i))};
      self.rules.options = {.corrupt = 0, .dropout = 0};
      hospitals.push_back(secure_handlers<Train<double>, Evaluate<double>>(
          TaskHandlers::of(Site{i, i == 1 ? silent_in : 0, diary}), std::move(self)));
    }
  }
  [[nodiscard]] FederationOptions federation_options() const {
    FederationOptions options{.rounds = rounds, .checkpoint = folder.file("run.ckpt"), .resume = true};
    options.evaluation.every = 1;
    return options;
  }
  [[nodiscard]] SecureAggregationOptions secure_options() const {
    SecureAggregationOptions options;
    options.protocol = {.corrupt = 0, .dropout = 0};
    options.ranges.most_examples = 1000;
    options.ranges.evaluation_numbers = {{"metric/loss/n", 1e4, std::uint64_t{1} << 40U},
                                         ScalarSegment::count("metric/loss/d", 10'000)};
    options.checkpoint_folder = folder.file("sums");
    return options;
  }
  /// One life of the coordinator.
  Outcome<double> live(const Death& death = {}) { return live(death, federation_options()); }
  Outcome<double> live(const Death& death, const FederationOptions& options) {
    InProcess network{{.threads = 2}};
    for (Index i = 0; i < n; ++i) network.add(cohort.members->id(i), hospitals[i]);
    Mortal mortal(network, death);
    SecureAggregation secure{mortal, cohort.members, secure_options()};
    Federation federation{FedAvg{}, secure, options};
    return federation.run(Parameters<double>(layout));
  }
  /// The same run without masks and without death.
  [[nodiscard]] Outcome<double> plain(std::uint64_t nobody_in = 0) const {
    InProcess network{{.threads = 2}};
    for (Index i = 0; i < n; ++i)
      network.add(cohort.members->id(i), Site{i, nobody_in != 0 ? nobody_in : i == 1 ? silent_in : 0, {}});
    FederationOptions options = federation_options();
    options.checkpoint.clear();
    options.resume = false;
    Federation federation{FedAvg{}, network, options};
    return federation.run(Parameters<double>(layout));
  }
  [[nodiscard]] std::size_t kept_sums() const {
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(folder.file("sums")))
      count += entry.path().extension() == ".sum" ? 1U : 0U;
    return count;
  }
};

bool same_bits(const Outcome<double>& a, const Outcome<double>& b) {
  return to_bytes(a.parameters) == to_bytes(b.parameters);
}

const std::string_view train = Advertise<Train<double>>::name;
const std::string_view evaluate = Advertise<Evaluate<double>>::name;

}  // namespace

TEST_CASE("a coordinator that is killed at any step and started again ends with the same bits") {
  const std::vector<Death> deaths{
      {train, 3},         {ShareSecrets::name, 2}, {HandIn::name, 2},  {HandIn::name, 4}, {Confirm::name, 0},
      {Confirm::name, 2}, {Release::name, 2},      {Release::name, 3}, {evaluate, 0},     {evaluate, 2}};
  for (const Death& death : deaths) {
    CAPTURE(death.step);
    CAPTURE(death.after);
    World world(2);  // in which one hospital falls silent before its vector is there
    CHECK_THROWS_AS((void)world.live(death), Killed);
    const bool masked = death.step == Confirm::name || death.step == Release::name || death.step == evaluate;
    CHECK(world.kept_sums() == (masked ? 1 : 0));
    const auto outcome = world.live();
    REQUIRE(outcome.completed_rounds == rounds);
    CHECK(same_bits(outcome, world.plain()));
    CHECK(world.kept_sums() == 0);
    REQUIRE(outcome.history.size() == 2);
    CHECK(outcome.history[0].participants.size() == n - 1);
    REQUIRE(outcome.history[0].failures.size() == 1);
    CHECK(outcome.history[0].failures[0].message == "client site00001 threw: the power is out");
    CHECK(outcome.history[0].evaluation->participants.size() == n);
    // Nobody has trained twice for a round; but the silent one was asked once more where the sum began anew.
    CHECK(world.diary->trained[1] == n);
    CHECK(world.diary->trained[2] >= static_cast<int>(n));
    CHECK(world.diary->trained[2] <= static_cast<int>(n) + 1);
    CHECK(world.diary->trained[3] == n);
  }
}

TEST_CASE("killed again and again within one sum, it asks for the same list each time") {
  World world;
  for (const std::size_t after : {3U, 0U, 2U, 1U}) {
    CHECK_THROWS_AS((void)world.live({Release::name, after}), Killed);
    CHECK_THROWS_AS((void)world.live({Confirm::name, after}), Killed);
    CHECK(world.kept_sums() == 1);
  }
  CHECK(same_bits(world.live(), world.plain()));
  CHECK(world.diary->trained[2] == n);
}

TEST_CASE("rounds since an older checkpoint are neither trained nor summed again") {
  World world;
  FederationOptions options = world.federation_options();
  options.checkpoint_every = 10;
  CHECK_THROWS_AS((void)world.live({Release::name, 2, 3}, options), Killed);
  CHECK(world.kept_sums() == 5);  // two of each round, and one of the third
  CHECK(same_bits(world.live({}, options), world.plain()));
  for (std::size_t round = 1; round <= rounds; ++round) {
    CHECK(world.diary->trained[round] == n);
    CHECK(world.diary->evaluated[round] == n);
  }
  CHECK(world.kept_sums() == 0);
}

TEST_CASE("a coordinator that has lost its sums gets no second one of a round whose shares were released") {
  World world;
  CHECK_THROWS_AS((void)world.live({Release::name, 2}), Killed);
  std::filesystem::remove_all(world.folder.file("sums"));
  SUBCASE("with hospitals that were there all the time") {}
  SUBCASE("with hospitals that were restarted") {
    world.start_hospitals();
  }
  const auto outcome = world.live();
  REQUIRE(outcome.history.size() == 2);
  CHECK_FALSE(outcome.history[0].updated);
  REQUIRE(outcome.history[0].failures.size() == n);
  for (const Failure& failure : outcome.history[0].failures) CHECK(failure.error == "secagg_replay");
  CHECK(same_bits(outcome, world.plain(2)));  // the third round is as ever
}

TEST_CASE("a round that is called off after its sum was masked keeps that sum") {
  for (const bool on_disk : {false, true}) {
    CAPTURE(on_disk);
    World world;
    InProcess network{{.threads = 2}};
    for (Index i = 0; i < n; ++i) network.add(world.cohort.members->id(i), world.hospitals[i]);
    SecureAggregationOptions options = world.secure_options();
    if (!on_disk) options.checkpoint_folder.clear();
    SecureAggregation secure{network, world.cohort.members, options};
    FederationOptions run = world.federation_options();
    run.checkpoint.clear();
    run.resume = false;
    Federation federation{FedAvg{}, secure, run};
    federation.start(Parameters<double>(layout));
    std::stop_source stop;
    CHECK(federation.step().error.empty());
    world.diary->on_evaluation = [&stop] { stop.request_stop(); };
    CHECK(federation.step(stop.get_token()).error == "stopped by the caller");
    world.diary->on_evaluation = {};
    CHECK(federation.completed_rounds() == 1);
    for (int round = 2; round <= 3; ++round) {
      const RoundReport report = federation.step();
      CHECK(report.updated);
      CHECK(report.participants.size() == n);
    }
    CHECK(to_bytes(federation.parameters()) == to_bytes(world.plain().parameters));
    CHECK(world.diary->trained[2] == n);
  }
}

TEST_CASE("the same round with other work is not summed") {
  World world;
  InProcess network{{.threads = 2}};
  for (Index i = 0; i < n; ++i) network.add(world.cohort.members->id(i), world.hospitals[i]);
  SecureAggregation secure{network, world.cohort.members, world.secure_options()};
  const auto sum = [&](double parameter, std::uint32_t attempt) {
    return secure.sum<Train<double>>(
        WeightedMean{}, world.cohort.members->ids(),
        std::make_shared<const TrainBroadcast<double>>(TrainBroadcast<double>{
            {9, 1, attempt}, 0, Parameters<double>(layout, std::vector<double>(3, parameter)), {}}),
        Deadline::max());
  };
  auto first = sum(1, 0);
  auto again = sum(1, 2);
  CHECK(first.contributors.size() == n);
  CHECK(to_bytes(first) == to_bytes(again));
  const auto other = sum(2, 0);
  CHECK(other.contributors.empty());
  REQUIRE(other.failures.size() == n);
  CHECK(other.failures[0].error == "secagg_replay");
  CHECK(world.diary->trained[1] == n);
  secure.settled(9, 1);
  CHECK(sum(1, 0).failures.at(0).error == "secagg_replay");  // the members remember
}

TEST_CASE("a sum that cannot be written down is not opened") {
  World world;
  InProcess network{{.threads = 2}};
  for (Index i = 0; i < n; ++i) network.add(world.cohort.members->id(i), world.hospitals[i]);
  Mortal mortal(network, {Confirm::name, 0, 1});  // it would be killed if it asked anybody
  SecureAggregation secure{mortal, world.cohort.members, world.secure_options()};
  std::filesystem::remove_all(world.folder.file("sums"));
  const auto sum =
      secure.sum<Train<double>>(WeightedMean{}, world.cohort.members->ids(),
                                std::make_shared<const TrainBroadcast<double>>(
                                    TrainBroadcast<double>{{9, 1, 0}, 0, Parameters<double>(layout), {}}),
                                Deadline::max());
  CHECK(sum.contributors.empty());
  REQUIRE(sum.failures.size() == n);
  CHECK(sum.failures[0].error == "file");
}

TEST_CASE("a process that is killed, with all that it has in memory") {
  for (const bool opened : {true, false}) {
    CAPTURE(opened);
    World world;
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      const auto kill_me = [] { ::kill(::getpid(), SIGKILL); };
      (void)world.live(opened ? Death{evaluate, 0, 2, kill_me} : Death{Release::name, 2, 2, kill_me});
      std::_Exit(1);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    REQUIRE(WIFSIGNALED(status));
    REQUIRE(WTERMSIG(status) == SIGKILL);
    world.start_hospitals();
    const auto outcome = world.live();
    REQUIRE(outcome.completed_rounds == rounds);
    CHECK(outcome.history[0].updated == opened);
    // Opened, the sum is on disk. If not, all hospitals have lost their keys too: they have dropped out, and no other sum takes its place.
    CHECK(same_bits(outcome, world.plain(opened ? 0 : 2)));
    CHECK(world.diary->trained[2] == 0);
    if (!opened) {
      CHECK(
          outcome.history[0].failures.at(0).message ==
          "secure aggregation: only 0 of 5 members confirmed the list of survivors, and 3 are needed to open "
          "a sum");
    }
  }
}

}  // namespace secagg_restart_test
