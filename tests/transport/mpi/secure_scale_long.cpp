// Secure aggregation over the ranks of a job among many members, with random drop-outs; it takes its time.
#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <stdexcept>

#include "healthai/secagg/serve_secure.hpp"
#include "secagg/drop_outs.hpp"
#include "transport/mpi/sites.hpp"

namespace transport_mpi_secure_scale_long_test {

using namespace mpi_test;
using secagg_steps_test::DropOuts;
using secagg_steps_test::Exact;
using secagg_steps_test::Keys;

namespace {

void require_plain_bits_over_ranks(std::size_t count, const secagg::SecAggOptions& protocol,
                                   const DropOuts& drop_outs) {
  CAPTURE(count);
  const Keys keys(count, true);
  MpiTransport ranks({.threads = 1});
  for (std::size_t i = 0; i < count; ++i) {
    if (!ranks.hosts(i)) continue;
    ranks.add(Keys::name(i),
              secagg_steps_test::watched(secagg::secure_handlers<Train<double>>(
                                             TaskHandlers::of(Exact{i, {}}), keys.member(i, protocol)),
                                         [i, &drop_outs](unsigned step, std::uint64_t round) {
                                           if (drop_outs.silent_in(round, i) == step)
                                             throw std::runtime_error("the power is out");
                                         }));
  }
  if (!ranks.coordinates()) return secagg::serve_secure<Train<double>>(ranks);

  SecureAggregation secure{ranks, keys.members, secagg_steps_test::options(protocol, 4000)};
  REQUIRE(secure.parameters() == secagg::SecAggParameters::of(count, protocol));
  Federation federation{FedAvg{}, secure, {.rounds = drop_outs.rounds()}};
  drop_outs.require_plain_bits(federation.run(Parameters<double>(secagg_steps_test::layout)));
}

void require_plain_bits_over_ranks(std::size_t count, std::uint64_t seed) {
  const std::size_t threshold = secagg::SecAggParameters::of(count, secagg_steps_test::lenient).threshold;
  require_plain_bits_over_ranks(count, secagg_steps_test::lenient, DropOuts(count, threshold, seed));
}

}  // namespace

TEST_CASE("three to fifty members over ranks, as many of whom fall silent at random as may, and one more") {
  for (std::size_t count = 3; count <= 50; ++count) require_plain_bits_over_ranks(count, count);
}

TEST_CASE("a hundred members over ranks, as many of whom fall silent at random as may, and one more") {
  require_plain_bits_over_ranks(100, 3);
}

TEST_CASE("a thousand members over ranks in a sparse graph, of whom fifty fall silent at random") {
  require_plain_bits_over_ranks(1000, secagg_steps_test::sparse, DropOuts::of_sparse_graph(1000, 50, 4));
}

}  // namespace transport_mpi_secure_scale_long_test
