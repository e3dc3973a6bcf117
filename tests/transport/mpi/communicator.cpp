#include <doctest/doctest.h>
#include <mpi.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <healthai/transport/mpi/detail/add_up.hpp>
#include <healthai/transport/mpi/detail/communicator.hpp>
#include <healthai/transport/mpi/session.hpp>
#include <string>
#include <vector>

namespace transport_mpi_communicator_test {

using namespace healthai;
using healthai::detail::Communicator;
using healthai::detail::MpiTag;

namespace {

/// Sums of doubles that are made when they are asked for, so that there can be more than memory holds.
struct Imagined {
  struct State {
    static std::size_t piece_bytes(std::size_t count) { return count * sizeof(double); }
    static void add_piece(std::byte* piece, const std::byte* other, std::size_t count) {
      auto* const sums = reinterpret_cast<double*>(piece);
      const auto* const more = reinterpret_cast<const double*>(other);
      for (std::size_t i = 0; i < count; ++i) sums[i] += more[i];
    }
  };
  double rank = 0;
  State made{};
  State& state() { return made; }
  void write_piece(std::size_t begin, std::size_t count, std::byte* piece) const {
    auto* const sums = reinterpret_cast<double*>(piece);
    for (std::size_t i = 0; i < count; ++i) sums[i] = static_cast<double>(begin + i) + rank;
  }
};

/// \return whether the sums of all ranks are right, each once, in order
bool adds_up(std::size_t size) {
  const Communicator ranks(MPI_COMM_WORLD);
  Imagined own{.rank = static_cast<double>(ranks.rank())};
  std::size_t next = 0;
  bool right = true;
  const double n = ranks.size();
  detail::add_up(ranks, own, size, [&](std::size_t begin, std::size_t count, std::byte* piece) {
    const auto* const sums = reinterpret_cast<const double*>(piece);
    right &= begin == next;
    next = begin + count;
    for (std::size_t i = 0; i < count; ++i)
      right &= sums[i] == n * static_cast<double>(begin + i) + n * (n - 1) / 2;
  });
  return right && next == (ranks.rank() == 0 ? size : 0);
}

}  // namespace

TEST_CASE("Sums of any length are added up, each coordinate once") {
  for (const std::size_t size : std::vector<std::size_t>{0, 1, 32767, 32768, 32769, 5 * 32768 + 3, 1'000'003})
    CHECK(adds_up(size));
}

TEST_CASE("The library's messages do not meet the application's") {
  const Communicator ranks(MPI_COMM_WORLD);
  if (ranks.size() == 1) return;
  int value = 7;
  if (ranks.rank() == 0) {
    MPI_Request sent;
    MPI_Isend(&value, 1, MPI_INT, 1, static_cast<int>(MpiTag::reply), MPI_COMM_WORLD, &sent);
    ranks.send_value(1, MpiTag::reply, std::string("ours"));
    MPI_Wait(&sent, MPI_STATUS_IGNORE);
  } else if (ranks.rank() == 1) {
    CHECK(ranks.receive_value<std::string>(0, MpiTag::reply) == "ours");
    MPI_Recv(&value, 1, MPI_INT, 0, static_cast<int>(MpiTag::reply), MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    CHECK(value == 7);
  }
}

TEST_CASE("What MPI refuses is an error with its words, and the process lives on") {
  const Communicator ranks(MPI_COMM_WORLD);
  const std::byte nothing{};
  try {
    ranks.send(ranks.size() + 3, MpiTag::reply, {&nothing, 1});
    FAIL("no error");
  } catch (const Error& e) {
    CHECK(e.id() == error::mpi);
    CHECK(std::string(e.what()).find("MPI_Send: ") == 0);
  }
}

}  // namespace transport_mpi_communicator_test
