// More than 2^31 of everything that is counted: of numbers in a sum, of bytes in a message.
#include <doctest/doctest.h>
#include <mpi.h>

#include <cstddef>
#include <healthai/transport/mpi/detail/add_up.hpp>
#include <healthai/transport/mpi/detail/communicator.hpp>
#include <span>
#include <utility>
#include <vector>

namespace transport_mpi_two_billion_long_test {

using namespace healthai;
using healthai::detail::Communicator;
using healthai::detail::MpiTag;

namespace {
/// Sums that nobody could keep: every number is its own place.
struct Places {
  struct State {
    static std::size_t piece_bytes(std::size_t count) { return count * sizeof(double); }
    static void add_piece(std::byte* piece, const std::byte* other, std::size_t count) {
      for (std::size_t i = 0; i < count; ++i)
        reinterpret_cast<double*>(piece)[i] += reinterpret_cast<const double*>(other)[i];
    }
  };
  State made{};
  State& state() { return made; }
  static void write_piece(std::size_t begin, std::size_t count, std::byte* piece) {
    for (std::size_t i = 0; i < count; ++i)
      reinterpret_cast<double*>(piece)[i] = static_cast<double>(begin + i);
  }
};
}  // namespace

TEST_CASE("A sum of more than 2^31 numbers") {
  const Communicator ranks(MPI_COMM_WORLD);
  if (ranks.size() > 2) return;  // it is the same, and takes longer
  constexpr std::size_t size = (std::size_t{1} << 31U) + 12'345;
  Places own;
  bool right = true;
  std::size_t seen = 0;
  const double n = ranks.size();
  detail::add_up(ranks, own, size, [&](std::size_t begin, std::size_t count, std::byte* piece) {
    const auto* const sums = reinterpret_cast<const double*>(piece);
    for (std::size_t i = 0; i < count; ++i) right &= sums[i] == n * static_cast<double>(begin + i);
    seen += count;
  });
  CHECK(right);
  CHECK(seen == (ranks.rank() == 0 ? size : 0));
}

TEST_CASE("A message of more than 2^31 bytes, to one rank and to all") {
  const Communicator ranks(MPI_COMM_WORLD);
  if (ranks.size() > 2) return;
  constexpr std::size_t size = (std::size_t{1} << 31U) + 100'003;
  std::vector<std::byte> bytes(size);
  const auto mark = [&](std::size_t i) { return static_cast<std::byte>(i % 251); };
  if (ranks.rank() == 0) {
    for (std::size_t i = 0; i < size; ++i) bytes[i] = mark(i);
  }
  const auto check = [&] {
    bool right = true;
    for (std::size_t i = 0; i < size; ++i) right &= std::exchange(bytes[i], std::byte{}) == mark(i);
    CHECK(right);
  };
  if (ranks.size() == 2 && ranks.rank() == 0) ranks.send(1, MpiTag::array, bytes);
  if (ranks.rank() == 1) {
    ranks.receive(0, MpiTag::array, bytes);
    check();
  }
  ranks.broadcast(bytes);
  check();
}

}  // namespace transport_mpi_two_billion_long_test
