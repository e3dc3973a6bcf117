// Secure aggregation over the ranks of a job: the sums of one process, bit for bit, whoever falls silent in whichever step.
#include <doctest/doctest.h>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "healthai/secagg/serve_secure.hpp"
#include "secagg/steps.hpp"
#include "transport/mpi/sites.hpp"

namespace transport_mpi_secure_sums_test {

using namespace mpi_test;
using secagg_steps_test::Exact;
using secagg_steps_test::Keys;

static_assert(SecureAggregation<MpiTransport>::confidentiality() == Confidentiality::simulated);

namespace {

constexpr std::size_t count = 11;  // six open a sum

/// In which step of a round a member throws; 0: in none.
unsigned throws_in(std::uint64_t round, std::size_t member) {
  if (round >= 2 && round <= 6 && member == 2 * (round - 2)) return static_cast<unsigned>(round - 1);
  if (round == 7 && member % 2 == 1) return static_cast<unsigned>(member / 2 + 1);  // five, one in each step
  if (round == 8 && member < 6) return 2 + member % 2;                              // one too many
  return 0;
}
/// Those who have handed in a vector are in the sum, whatever they do then.
bool in_the_sum(std::uint64_t round, std::size_t member) {
  const unsigned step = throws_in(round, member);
  return step == 0 || step > 3;
}

}  // namespace

TEST_CASE("FedAvg over secure sums has the bits of the plain one, with drop-outs in every step") {
  const Keys keys(count, true);
  const Layout& layout = secagg_steps_test::layout;
  MpiTransport ranks({.threads = 2});
  for (std::size_t i = 0; i < count; ++i) {
    if (!ranks.hosts(i)) continue;
    ranks.add(Keys::name(i), secagg_steps_test::watched(secagg::secure_handlers<Train<double>>(
                                                            TaskHandlers::of(Exact{i, {}}), keys.member(i)),
                                                        [i](unsigned step, std::uint64_t round) {
                                                          if (throws_in(round, i) == step)
                                                            throw std::runtime_error("the power is out");
                                                        }));
  }
  if (!ranks.coordinates()) return secagg::serve_secure<Train<double>>(ranks);

  SecureAggregation secure{ranks, keys.members, secagg_steps_test::options()};
  REQUIRE(secure.parameters().threshold == 6);
  Federation federation{FedAvg{}, secure, {.rounds = 9}};
  const auto masked = federation.run(Parameters<double>(layout));

  InProcess here({.threads = 1});
  for (std::size_t i = 0; i < count; ++i) {
    Exact client{i, {8}};
    for (std::uint64_t round = 1; round <= 9; ++round) {
      if (!in_the_sum(round, i)) client.absent.insert(round);
    }
    here.add(Keys::name(i), client);
  }
  Federation plain{FedAvg{}, here, {.rounds = 9}};
  const auto expected = plain.run(Parameters<double>(layout));
  REQUIRE(masked.history.size() == 9);
  CHECK(same_bits(masked.parameters, expected.parameters));
  CHECK(masked.parameters.flat().norm() > 1);
  for (std::size_t r = 0; r < 9; ++r) {
    INFO("round " << r + 1);
    CHECK(masked.history[r].participants == expected.history[r].participants);
    CHECK(masked.history[r].num_examples == expected.history[r].num_examples);
    CHECK(masked.history[r].failures.size() == expected.history[r].failures.size());
  }
  CHECK(masked.history[6].participants.size() == 8);
  CHECK(masked.history[6].failures[0] ==
        Failure{Keys::name(1), "client_failed", "client m01 threw: the power is out"});
  // Six of eleven were lost: no sum, no change, and everybody hears why.
  const RoundReport& lost = masked.history[7];
  CHECK_FALSE(lost.updated);
  REQUIRE(lost.failures.size() == count);
  CHECK(lost.failures[10].error == "below_quorum");
  CHECK(lost.failures[10].message ==
        "secure aggregation: only 5 of 11 members handed in a vector, and 6 are needed to open a sum");
}

}  // namespace transport_mpi_secure_sums_test
