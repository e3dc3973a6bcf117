#include "healthai/server/detail/gather.hpp"

#include <doctest/doctest.h>
#include <cstddef>
#include <memory>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "healthai/core/training.hpp"
#include "healthai/transport/in_process.hpp"

namespace server_detail_gather_test {

using namespace healthai;

namespace {

struct Replies {
  double rows;
  TrainReply<double> train(const TrainRequest<double>&, std::stop_token) {
    if (rows < 0) throw std::runtime_error("no rows");
    TrainReply<double> reply;
    reply.num_examples = rows;
    return reply;
  }
  EvaluateReply evaluate(const EvaluateRequest<double>&, std::stop_token) { return {}; }
};
/// Of each reply, its rows and whether it was said to be the last.
std::vector<std::pair<double, bool>> gathered(const std::vector<double>& rows) {
  InProcess clients({.threads = 1});
  for (std::size_t i = 0; i < rows.size(); ++i) clients.add("site-" + std::to_string(i), Replies{rows[i]});
  std::vector<std::pair<double, bool>> taken;
  const auto failures = healthai::detail::gather<Train<double>>(
      clients, clients.clients(), std::make_shared<const TrainBroadcast<double>>(), {}, std::stop_token{},
      [&](const ClientId&, const TrainReply<double>& reply, bool last) -> std::optional<Failure> {
        taken.emplace_back(reply.num_examples, last);
        return std::nullopt;
      });
  CHECK(failures.has_value());
  return taken;
}

}  // namespace

TEST_CASE("gather: whoever takes replies is told which one is the last, unless a failure comes after it") {
  using Taken = std::vector<std::pair<double, bool>>;
  CHECK(gathered({1, 2, 3}) == Taken{{1, false}, {2, false}, {3, true}});
  CHECK(gathered({1, 2, -1}) == Taken{{1, false}, {2, false}});
  CHECK(gathered({-1, 2}) == Taken{{2, true}});
  CHECK(gathered({}).empty());
}

}  // namespace server_detail_gather_test
