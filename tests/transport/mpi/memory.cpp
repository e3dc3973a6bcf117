#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>
#include <string>

#include "memory/peak.hpp"
#include "sanitized.hpp"
#include "transport/mpi/sites.hpp"

namespace transport_mpi_memory_test {

using namespace mpi_test;
using memory_test::memory;

namespace {

void forget_peak() {
  std::ofstream("/proc/self/clear_refs") << 5;
}

}  // namespace

TEST_CASE("What a rank needs is a matter of the model, not of the number of its clients") {
  if (sanitized) return;
  const Layout large({{"w", {4'000'000}}});
  const double model = 4'000'000 * sizeof(float);
  const auto needs = [&](std::size_t clients) {
    forget_peak();
    const double before = memory("VmRSS");
    MpiTransport ranks({.threads = 1, .reply_memory = 1});
    add_sites(ranks, clients);
    if (!ranks.coordinates()) {
      ranks.serve<float>(FedAvg{}, large);
    } else {
      Federation<FedAvg, MpiTransport, float> federation{FedAvg{}, ranks, {.rounds = 2}};
      CHECK(federation.run(Parameters<float>(large)).completed_rounds == 2);
    }
    return (memory("VmHWM") - before) / model;
  };
  const int ranks = [] {
    int size = 0;
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    return size;
  }();
  const auto each = static_cast<std::size_t>(ranks);
  static_cast<void>(needs(each));  // what MPI takes for itself, once
  const double few = needs(20 * each);
  const double many = needs(60 * each);
  MESSAGE("models in memory at most: " << few << " with 20 clients a rank, " << many << " with 60");
  // A batch of 4 updates waits to be added (64 MiB), beside the sums, the model and its copies.
  CHECK(many < few + 1);
  CHECK(many < 12);
}

}  // namespace transport_mpi_memory_test
