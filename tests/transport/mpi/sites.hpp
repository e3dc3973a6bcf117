#pragma once

#include <mpi.h>

#include <cstddef>
#include <healthai/healthai.hpp>
#include <healthai/transport/mpi/transport.hpp>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <vector>

namespace mpi_test {

using namespace healthai;

inline const Layout layout{{{"weights", {3000, 11}}, {"bias", {7}}}};

/// Replies something of its own that depends on the round and on nothing else; number 3 of every ten fails when asked to.
struct Hospital {
  std::size_t number = 0;
  bool fails = false;

  template <class Scalar>
  TrainReply<Scalar> answer(const TrainRequest<Scalar>& request) const {
    if (fails && number % 10 == 3) throw std::runtime_error("no more paper");
    TrainReply<Scalar> reply;
    reply.update = request->parameters;
    Stream stream(request->seed, Purpose::test, request->id.round, request.client.str());
    for (Scalar& value : reply.update.span())
      value = static_cast<Scalar>(static_cast<double>(stream() >> 11U) * 0x1p-53 - 0.5);
    reply.num_examples = static_cast<double>(number + 1);
    reply.local_steps = 1 + number % 3;
    reply.metrics.add("loss", 0.1 * static_cast<double>(number) + 0.01, 1);
    return reply;
  }
  TrainReply<double> train(const TrainRequest<double>& request, std::stop_token /*stop*/) {
    return answer(request);
  }
  TrainReply<float> train(const TrainRequest<float>& request, std::stop_token /*stop*/) {
    return answer(request);
  }
  EvaluateReply evaluate(const EvaluateRequest<double>& request, std::stop_token /*stop*/) {
    EvaluateReply reply;
    reply.num_examples = 1;
    reply.metrics.add("first", request->parameters.flat()[0] * 0.1 * static_cast<double>(number), 1);
    return reply;
  }
  EvaluateReply evaluate(const EvaluateRequest<float>& /*request*/, std::stop_token /*stop*/) { return {}; }
};

inline ClientId name(std::size_t number) {
  return ClientId("site" + std::to_string(number));
}

/// The clients that this rank hosts, of `count`.
inline void add_sites(MpiTransport& ranks, std::size_t count, Hospital like = {}) {
  for (std::size_t i = 0; i < count; ++i) {
    like.number = i;
    if (ranks.hosts(i)) ranks.add(name(i), like);
  }
}
inline void add_sites(InProcess& clients, std::size_t count, Hospital like = {}) {
  for (std::size_t i = 0; i < count; ++i) {
    like.number = i;
    clients.add(name(i), like);
  }
}

inline bool same_bits(const auto& a, const auto& b) {
  return a.layout() == b.layout() && std::equal(a.span().begin(), a.span().end(), b.span().begin());
}

}  // namespace mpi_test
