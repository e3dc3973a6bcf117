// What implementations of secure aggregation are known to get wrong, and this one must not: weights in the clear, seeds of which most
// is thrown away, numbers that are clipped or wrap in silence, rounds that are lost with the first drop-out.
#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "healthai/secagg/mask.hpp"
#include "healthai/secagg/secure_aggregation.hpp"
#include "healthai/secagg/secure_handlers.hpp"
#include "healthai/serialization/encoded_message.hpp"
#include "healthai/server/federation.hpp"
#include "healthai/strategy/fedavg.hpp"
#include "healthai/transport/in_process.hpp"
#include "secagg/members.hpp"

namespace secagg_known_faults_test {

using namespace secagg_test;

namespace {

/// Everything that clients answer, as it goes over the wire, and clients that do not answer some step.
class Wire {
 public:
  explicit Wire(InProcess& line) : line_(&line) {}
  std::map<std::string, std::vector<std::byte>> said{};  ///< by one client
  std::string of{"site00001"};
  std::map<ClientId, std::string> silent_at{};  ///< name of the step whose answer is lost

  [[nodiscard]] std::vector<ClientId> clients() const { return line_->clients(); }
  [[nodiscard]] Traffic traffic() const { return line_->traffic(); }
  template <Task T>
  std::vector<RequestId> send(std::span<const ClientId> ids,
                              std::shared_ptr<const typename T::Broadcast> broadcast) {
    return line_->send<T>(ids, std::move(broadcast));
  }
  template <Task T>
  [[nodiscard]] std::optional<Delivery<T>> next(Deadline deadline) {
    auto delivery = line_->next<T>(deadline);
    if (!delivery) return delivery;
    if (const auto* reply = std::get_if<typename T::Reply>(&delivery->result);
        reply && delivery->client.str() == of) {
      const auto message = encode(std::make_shared<const typename T::Reply>(*reply));
      std::vector<std::byte>& bytes = said[std::string(T::name)];
      bytes.assign(message->head.begin(), message->head.end());
      for (const std::span<const std::byte> array : message->arrays)
        bytes.insert(bytes.end(), array.begin(), array.end());
    }
    const auto silent = silent_at.find(delivery->client);
    if (silent != silent_at.end() && silent->second == T::name)
      delivery->result = Failure{delivery->client, "disconnected", "the line is down"};
    return delivery;
  }
  template <Task T>
  void stop() {
    line_->stop<T>();
  }
  template <Task T>
  void give_up() {
    line_->give_up<T>();
  }

 private:
  InProcess* line_;
};

struct Hospital {
  double value = 0;
  double rows = 1;
  TrainReply<double> train(const TrainRequest<double>& request, std::stop_token) const {
    TrainReply<double> reply;
    reply.update = request->parameters;
    for (double& number : reply.update.span()) number = value;
    reply.num_examples = rows;
    reply.metrics.add("loss", value * rows, rows);
    return reply;
  }
  EvaluateReply evaluate(const EvaluateRequest<double>&, std::stop_token) const { return {rows, {}}; }
};

SecureAggregationOptions options_of() {
  SecureAggregationOptions options;
  options.protocol = {.corrupt = 0, .dropout = 0};
  options.ranges.most_examples = 100'000;
  options.ranges.training_numbers = {{"metric/loss/n", 1e6, std::uint64_t{1} << 40U},
                                     ScalarSegment::count("metric/loss/d", 100'000)};
  return options;
}

template <class Change>
InProcess hospitals_of(const Cohort& cohort, double value, double rows, const Change& change) {
  InProcess hospitals;
  for (Index i = 0; i < cohort.members->size(); ++i) {
    SecureMember self{cohort.members->id(i), cohort.keys[i], cohort.members, {}, {}};
    self.rules.options = {.corrupt = 0, .dropout = 0};
    change(i, self);
    hospitals.add(cohort.members->id(i),
                  secure_handlers<Train<double>>(Hospital{value, rows}, std::move(self)));
  }
  return hospitals;
}
InProcess hospitals_of(const Cohort& cohort, double value, double rows) {
  return hospitals_of(cohort, value, rows, [](Index, SecureMember&) {});
}

const Layout layout{{"w", {4}}};

bool contains(const std::vector<std::byte>& text, const std::vector<std::byte>& part) {
  return std::search(text.begin(), text.end(), part.begin(), part.end()) != text.end();
}
template <class Number>
std::vector<std::byte> bytes_of(Number number) {
  const auto bytes = std::as_bytes(std::span(&number, 1));
  return {bytes.begin(), bytes.end()};
}

}  // namespace

TEST_CASE(
    "number of rows, metrics and updates are in no answer in the clear, and decide no answer's length") {
  const Cohort cohort(4, {.corrupt = 0, .dropout = 0});
  std::map<std::string, std::size_t> lengths;
  for (const double rows : {12345.0, 3.0}) {
    const double value = rows == 3 ? 0.0 : 0.123456789;
    InProcess hospitals = hospitals_of(cohort, value, rows);
    Wire wire(hospitals);
    SecureAggregation secure{wire, cohort.members, options_of()};
    Federation federation{FedAvg{}, secure, {.rounds = 1}};
    const auto outcome = federation.run(Parameters<double>(layout));
    REQUIRE(outcome.history[0].num_examples == 4 * rows);
    CHECK(std::fabs(outcome.parameters.data()[0] - value) < 1e-9);
    REQUIRE(wire.said.size() == 5);
    for (const auto& [name, bytes] : wire.said) {
      const std::string& step = name;
      CAPTURE(step);
      const auto [place, fresh] = lengths.emplace(step, bytes.size());
      CHECK(place->second == bytes.size());
      if (!fresh) continue;
      for (const double number : {rows, value, value * rows}) CHECK_FALSE(contains(bytes, bytes_of(number)));
      CHECK_FALSE(contains(bytes, bytes_of(static_cast<std::uint64_t>(rows))));
      // Nor as the word that is masked: 12345 rows times the level of the update.
      const auto level = FixedPoint(1, std::uint64_t{1} << 32U).nearest(value);
      CHECK_FALSE(contains(bytes, bytes_of(static_cast<std::uint64_t>(rows) * level)));
    }
  }
}

TEST_CASE("every bit of a seed makes another mask: none is folded away") {
  const auto mask_of = [](const std::vector<std::uint8_t>& bytes) {
    std::vector<SignedSeed> seeds(1);
    std::ranges::copy(bytes, seeds[0].seed.writable_bytes().begin());
    std::vector<std::uint64_t> words(4);
    add_masks(words, seeds);
    return words;
  };
  std::vector<std::uint8_t> seed(32, 0x5a);
  std::set<std::vector<std::uint64_t>> masks{mask_of(seed)};
  for (std::size_t bit = 0; bit < 256; ++bit) {
    seed[bit / 8] = static_cast<std::uint8_t>(seed[bit / 8] ^ (1U << bit % 8));
    masks.insert(mask_of(seed));
    seed[bit / 8] = static_cast<std::uint8_t>(seed[bit / 8] ^ (1U << bit % 8));
  }
  CHECK(masks.size() == 257);
}

TEST_CASE("what is clipped is said: by the client to its own log, number for number") {
  const Cohort cohort(4, {.corrupt = 0, .dropout = 0});
  std::vector<std::string> log;
  const auto with_log = [&](double value) {
    log.clear();
    InProcess hospitals = hospitals_of(cohort, value, 5, [&](Index i, SecureMember& self) {
      if (i != 2) return;
      self.on_clipped = [&](std::span<const ClippedSegment> segments) {
        for (const ClippedSegment& one : segments)
          log.push_back(one.name + " " + std::to_string(one.clipped) + " of " + std::to_string(one.of));
      };
    });
    SecureAggregation secure{hospitals, cohort.members, options_of()};
    Federation federation{FedAvg{}, secure, {.rounds = 1}};
    return federation.run(Parameters<double>(layout)).parameters.data()[0];
  };
  CHECK(std::fabs(with_log(0.9) - 0.9) < 1e-9);
  CHECK(log.empty());
  CHECK(std::fabs(with_log(1.5) - 1) < 1e-9);  // and not 1.5 modulo something
  CHECK(log == std::vector<std::string>{"update 4 of 4"});
  CHECK(std::fabs(with_log(-1e300) + 1) < 1e-9);
  CHECK(log == std::vector<std::string>{"update 4 of 4", "metric/loss/n 1 of 1"});
}

TEST_CASE("a client that is lost in whatever step, the first two as well: the round goes on") {
  const Cohort cohort(6, {.corrupt = 0, .dropout = 0});
  const std::string steps[] = {std::string(Advertise<Train<double>>::name), std::string(ShareSecrets::name),
                               std::string(HandIn::name), std::string(Confirm::name),
                               std::string(Release::name)};
  for (std::size_t step = 0; step < 5; ++step) {
    CAPTURE(steps[step]);
    InProcess hospitals = hospitals_of(cohort, 0.25, 10);
    Wire wire(hospitals);
    wire.silent_at = {{cohort.members->id(1), steps[step]}, {cohort.members->id(4), steps[step]}};
    SecureAggregation secure{wire, cohort.members, options_of()};
    Federation federation{FedAvg{}, secure, {.rounds = 1}};
    const auto outcome = federation.run(Parameters<double>(layout));
    CHECK(outcome.history[0].updated);
    const std::size_t in_the_sum = step < 3 ? 4 : 6;  // later they are in it, as their vectors are
    CHECK(outcome.history[0].participants.size() == in_the_sum);
    CHECK(outcome.history[0].num_examples == 10.0 * static_cast<double>(in_the_sum));
    CHECK(outcome.history[0].failures.size() == 6 - in_the_sum);
    CHECK(std::fabs(outcome.parameters.data()[0] - 0.25) < 1e-9);
  }
}

}  // namespace secagg_known_faults_test
