#include "healthai/secagg/parameters.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>
#include <cmath>
#include <cstddef>
#include <string>
#include <vector>

#include "healthai/serialization/archive.hpp"
#include "refusals.hpp"

namespace secagg_parameters_test {

using namespace healthai;
using namespace healthai::secagg;
using refusals_test::refuses;

namespace {

void is_refused(std::size_t clients, const SecAggOptions& options, const char* what) {
  refuses([&] { static_cast<void>(SecAggParameters::of(clients, options)); }, error::invalid_argument, what);
}

}  // namespace

// The published table is tests/conformance/secagg_graph.json.

TEST_CASE("secagg parameters: ten clients, one of them corrupt") {
  const auto ten = SecAggParameters::of(10, {});
  CHECK(ten == SecAggParameters{10, 1, 9, 6, 4});
  CHECK(ten.full());
  CHECK(ten.holders() == 10);

  CHECK(from_bytes<SecAggParameters>(to_bytes(ten)) == ten);
}

TEST_CASE("secagg parameters: full graphs by hand") {
  CHECK(SecAggParameters::of(3, {.corrupt = 0}) == SecAggParameters{3, 0, 2, 3, 0});
  CHECK(SecAggParameters::of(3, {.corrupt = 0.3}) == SecAggParameters{3, 1, 2, 3, 0});
  CHECK(SecAggParameters::of(4, {.corrupt = 0}) == SecAggParameters{4, 0, 3, 3, 1});
  CHECK(SecAggParameters::of(5, {.corrupt = 0.2}) == SecAggParameters{5, 1, 4, 4, 1});
  CHECK(SecAggParameters::of(5, {.corrupt = 0.21}) == SecAggParameters{5, 2, 4, 4, 1});  // c + 2
  // 0.07 * 100 is a little more than 7 in doubles, 0.29 * 100 a little less than 29.
  CHECK(SecAggParameters::of(100, {.corrupt = 0.07}).corrupt == 7);
  CHECK(SecAggParameters::of(100, {.corrupt = 0.29}).corrupt == 29);
  // At 200 everyone is everyone's neighbour, at 201 only an active coordinator demands it.
  CHECK(SecAggParameters::of(200, {.adversary = Adversary::semi_honest}).full());
  const auto sparse = SecAggParameters::of(201, {.adversary = Adversary::semi_honest});
  CHECK(!sparse.full());
  CHECK(sparse.holders() == sparse.degree);
  CHECK(sparse.dropouts == 10);
  CHECK(SecAggParameters::of(201, {}) == SecAggParameters{201, 21, 200, 112, 89});
  CHECK(SecAggParameters::of(10000, {}).full());
}

TEST_CASE("secagg parameters: the sparse graph of a large roster") {
  const SecAggOptions options{.adversary = Adversary::semi_malicious, .corrupt = 0.05, .dropout = 0.05};
  CHECK(SecAggParameters::of(1000, options) == SecAggParameters{1000, 50, 52, 37, 50});
}

TEST_CASE("secagg parameters: no two sets of survivors, and two honest clients in every sum") {
  CHECK(rc::check([] {
    const auto n = *rc::gen::inRange<std::uint64_t>(3, 400);
    const double corrupt = *rc::gen::inRange(0, 60) / 100.0;
    SecAggParameters got;
    try {
      got = SecAggParameters::of(n, {.corrupt = corrupt, .dropout = 0});
    } catch (const Error&) {
      const auto c = static_cast<std::uint64_t>(std::ceil(corrupt * static_cast<double>(n) - 1e-9));
      RC_ASSERT((n + c) / 2 + 1 > n || c + 2 > n);  // only then
      return;
    }
    // Two sets of t share no honest client only if 2 (t - c) <= n - c.
    RC_ASSERT(2 * (got.threshold - got.corrupt) > n - got.corrupt);
    RC_ASSERT(got.threshold >= got.corrupt + 2);
    RC_ASSERT(got.threshold + got.dropouts == n);
  }));
}

TEST_CASE("secagg parameters: what is refused") {
  is_refused(0, {}, "at least 3 clients, but the roster has 0");
  is_refused(1, {}, "at least 3 clients");
  is_refused(2, {}, "each of two learns");
  is_refused(10, {.corrupt = 1}, "corrupt clients must be in [0, 1), but is 1");
  is_refused(10, {.corrupt = -0.1}, "corrupt clients");
  is_refused(10, {.corrupt = std::nan("")}, "corrupt clients");
  is_refused(10, {.dropout = 1.5}, "drop out must be in [0, 1)");
  is_refused(10, {.dropout = 0.5}, "6 must stay, so that 4 may drop out; a share of 0.5 is 5");
  CHECK(SecAggParameters::of(10, {.dropout = 0.4}).dropouts == 4);
  is_refused(3, {.corrupt = 0.6}, "4 must stay, so that it is impossible");
  is_refused(300, {.adversary = Adversary::semi_honest, .corrupt = 0.5, .dropout = 0.5}, "at most 0.9");
  refuses([] { static_cast<void>(sparse_graph(1000, 0.1, 0.1, Adversary::active)); }, error::invalid_argument,
          "everyone");
  // Where the shares may just be.
  CHECK(sparse_graph(10000, 0.5, 0.25, Adversary::semi_honest).degree > 0);
  refuses([] { static_cast<void>(sparse_graph(10000, 0.5, 0.25, Adversary::semi_malicious)); },
          error::invalid_argument, "twice the share");
  // Too few: that would be the full graph.
  refuses([] { static_cast<void>(sparse_graph(3, 0, 0, Adversary::semi_honest)); }, error::invalid_argument,
          "no sparse graph of 3 clients");
  refuses([] { static_cast<void>(sparse_graph(0, 0, 0, Adversary::semi_honest)); }, error::invalid_argument,
          "of 0 clients");
}

}  // namespace secagg_parameters_test
