#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "healthai/client/task_handlers.hpp"
#include "healthai/core/training.hpp"
#include "healthai/crypto/signing_key.hpp"
#include "healthai/secagg/secure_aggregation.hpp"
#include "healthai/secagg/secure_handlers.hpp"

/// Members of secure sums that fall silent in a certain step, and whose sums can be told to the last bit.
namespace secagg_steps_test {

using namespace healthai;

inline const Layout layout{{"w", {5, 7}}};

/// Its update depends on the round and on its number only, and its numbers are whole multiples of 2^-10 between -1 and 1: sums of them with
/// whole weights are exact in double, and on the grid of 2^32 levels between -1 and 1, so that nothing is rounded.
struct Exact {
  std::size_t number = 0;
  std::set<std::uint64_t> absent{};  ///< the rounds in which it throws
  TrainReply<double> train(const TrainRequest<double>& request, std::stop_token) const {
    const std::uint64_t round = request->id.round;
    if (absent.contains(round)) throw std::runtime_error("not in this round");
    TrainReply<double> reply;
    reply.update = request->parameters;
    for (std::size_t j = 0; j < reply.update.size(); ++j)
      reply.update.data()[j] =
          (static_cast<double>((7 * j * j + 13 * number + 29 * round * (number + 2)) % 2001) - 1000) / 1024;
    reply.num_examples = static_cast<double>(10 + 3 * number);
    reply.local_steps = 1;
    reply.metrics.add("loss", 1, 2);
    return reply;
  }
  EvaluateReply evaluate(const EvaluateRequest<double>&, std::stop_token) const {
    EvaluateReply reply{static_cast<double>(10 + 3 * number), {}};
    reply.metrics.add("loss", static_cast<double>(number), 1);
    return reply;
  }
};

/// Without a promise against colluding clients, so that half of the members may drop out.
inline constexpr secagg::SecAggOptions lenient{.corrupt = 0, .dropout = 0};
/// Of a thousand each shares with some fifty only, and one in twenty may drop out.
inline constexpr secagg::SecAggOptions sparse{
    .adversary = secagg::Adversary::semi_honest, .corrupt = 0.05, .dropout = 0.05};
/// \param most_examples  of one member: see Exact
inline SecureAggregationOptions options(const secagg::SecAggOptions& protocol = lenient,
                                        std::uint64_t most_examples = 1000) {
  SecureAggregationOptions options;
  options.protocol = protocol;
  options.ranges.most_examples = most_examples;
  options.ranges.evaluation_numbers = {{"metric/loss/n", 1024, std::uint64_t{1} << 20U},
                                       secagg::ScalarSegment::count("metric/loss/d", 16)};
  return options;
}

/// The handlers of a member, and before each step is answered `before(step, its round)`.
using BeforeStep = std::function<void(unsigned step, std::uint64_t round)>;
inline TaskHandlers watched(const TaskHandlers& inner, BeforeStep before) {
  TaskHandlers handlers;
  handlers.with_state_of(inner);
  const auto watch = [&]<class T>(std::type_identity<T>) {
    handlers.offer<T>([inner, before](const Request<typename T::Broadcast>& request, std::stop_token stop) {
      before(T::secure_step, request->id.round);
      return inner.handle<T>(request, std::move(stop));
    });
  };
  watch(std::type_identity<secagg::Advertise<Train<double>>>());
  watch(std::type_identity<secagg::ShareSecrets>());
  watch(std::type_identity<secagg::HandIn>());
  watch(std::type_identity<secagg::Confirm>());
  watch(std::type_identity<secagg::Release>());
  return handlers;
}

/// Members "m00", "m01", ... with keys.
struct Keys {
  std::vector<SigningKey> own{};
  std::shared_ptr<const secagg::Members> members{};

  /// \param seeds  the same keys in every process that says so
  explicit Keys(std::size_t count, bool seeds = false) {
    std::vector<secagg::Member> list;
    for (std::size_t i = 0; i < count; ++i) {
      Secret<32> seed;
      seed.writable_bytes()[0] = static_cast<std::uint8_t>(i + 1);
      seed.writable_bytes()[1] = static_cast<std::uint8_t>((i + 1) >> 8U);
      own.push_back(seeds ? SigningKey::from_seed(seed) : SigningKey::make());
      list.push_back({name(i), {own.back().public_key()}});
    }
    members = std::make_shared<const secagg::Members>(std::move(list));
  }
  [[nodiscard]] static ClientId name(std::size_t i) {
    return ClientId("m" + std::string(i < 10 ? "0" : "") + std::to_string(i));
  }
  [[nodiscard]] secagg::SecureMember member(std::size_t i,
                                            const secagg::SecAggOptions& protocol = lenient) const {
    return {name(i), own[i], members, {.options = protocol}, {}};
  }
};

}  // namespace secagg_steps_test
