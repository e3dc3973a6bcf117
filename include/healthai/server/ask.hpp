#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "healthai/core/finite.hpp"
#include "healthai/core/task.hpp"
#include "healthai/server/detail/gather.hpp"
#include "healthai/transport/concept.hpp"

namespace healthai {

/// The sum of one additive task over clients.
struct SummedAnswer {
  Summand<double> total{};  ///< vectors marked as weighted hold the sum of weight * values
  std::vector<ClientId> contributors{};
  std::vector<Failure> failures{};
};

namespace detail {

/// Adds one Summand to a total, in the total's type. \return what is wrong with it, if anything; then nothing was added.
template <class Total, class Scalar>
[[nodiscard]] std::optional<std::string> add_summand(Summand<Total>& total, const Summand<Scalar>& part,
                                                     bool first) {
  if (!is_finite(part.weight) || part.weight < 0) return "a weight that is negative or not finite";
  for (const auto& vector : part.vectors) {
    if (!all_finite(vector.values.span())) return "\"" + vector.name + "\" holds NaN or infinity";
  }
  for (const SummandScalar& scalar : part.scalars) {
    if (!is_finite(scalar.value)) return "\"" + scalar.name + "\" is NaN or infinite";
  }
  if (first) {
    for (const auto& vector : part.vectors) {
      total.vectors.push_back({vector.name, vector.weighted, Parameters<Total>(vector.values.layout())});
    }
    for (const SummandScalar& scalar : part.scalars) total.scalars.push_back({scalar.name, 0});
  }
  bool same = part.vectors.size() == total.vectors.size() && part.scalars.size() == total.scalars.size();
  for (std::size_t i = 0; same && i < part.vectors.size(); ++i) {
    same = part.vectors[i].name == total.vectors[i].name &&
           part.vectors[i].weighted == total.vectors[i].weighted &&
           part.vectors[i].values.layout() == total.vectors[i].values.layout();
  }
  for (std::size_t i = 0; same && i < part.scalars.size(); ++i)
    same = part.scalars[i].name == total.scalars[i].name;
  if (!same) return "other vectors or numbers than the client before it";
  total.weight += part.weight;
  for (std::size_t i = 0; i < part.vectors.size(); ++i) {
    const double factor = part.vectors[i].weighted ? part.weight : 1.0;
    total.vectors[i].values.flat() +=
        static_cast<Total>(factor) * part.vectors[i].values.flat().template cast<Total>();
  }
  for (std::size_t i = 0; i < part.scalars.size(); ++i) total.scalars[i].value += part.scalars[i].value;
  return std::nullopt;
}

}  // namespace detail

/// Asks every client of a transport to do an additive task once, and sums the answers in the order of the clients' ids: the same
/// bits whatever the order of arrival. (So all answers are held until the last has come.) A client that fails, or
/// answers what cannot be summed, is a Failure in the result.
template <AdditiveTask T, Transport<T> TransportType>
[[nodiscard]] SummedAnswer ask(TransportType& transport, typename T::Broadcast broadcast,
                               std::optional<std::chrono::milliseconds> deadline = {}) {
  SummedAnswer answer;
  const std::vector<ClientId> clients = transport.clients();
  std::vector<std::pair<ClientId, Summand<typename T::Scalar>>> parts;
  auto failures = detail::gather<T>(
      transport, clients, std::make_shared<const typename T::Broadcast>(std::move(broadcast)), {deadline, {}},
      std::stop_token{}, [&](const ClientId& client, typename T::Reply reply) -> std::optional<Failure> {
        try {
          parts.emplace_back(client, T::summand(std::move(reply)));
        } catch (const Error& e) {
          return Failure{client, std::string(e.id().name()), "client " + client.str() + ": " + e.what()};
        }
        return std::nullopt;
      });
  answer.failures = std::move(failures).value();
  std::ranges::sort(parts, {}, &decltype(parts)::value_type::first);
  for (const auto& [client, part] : parts) {
    if (const auto wrong = detail::add_summand(answer.total, part, answer.contributors.empty())) {
      answer.failures.push_back(
          {client, std::string(error::invalid_reply.name()), "client " + client.str() + " sent " + *wrong});
    } else {
      answer.contributors.push_back(client);
    }
  }
  std::ranges::sort(answer.failures, {}, &Failure::client);
  return answer;
}

/// As `ask`, where a sum over fewer than all clients would be the wrong number.
/// \throws Error (`no_clients`) without clients, (`below_quorum`) naming everyone who failed and why.
template <AdditiveTask T, Transport<T> TransportType>
[[nodiscard]] Summand<double> ask_everyone(TransportType& transport, typename T::Broadcast broadcast,
                                           std::optional<std::chrono::milliseconds> deadline = {}) {
  SummedAnswer answer = ask<T>(transport, std::move(broadcast), deadline);
  if (!answer.failures.empty()) {
    std::string text = std::string(T::name) + " needs the answer of every client, but " +
                       std::to_string(answer.failures.size()) + " failed";
    for (const Failure& failure : answer.failures) text += "; " + failure.message;
    throw Error(error::below_quorum, text);
  }
  if (answer.contributors.empty())
    throw Error(error::no_clients, std::string(T::name) + ": there is no client to ask");
  return std::move(answer.total);
}

}  // namespace healthai
