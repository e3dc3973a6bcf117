#pragma once

#include <mpi.h>

#include <algorithm>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include "healthai/transport/mpi/detail/communicator.hpp"

namespace healthai::detail {

/// Brings together the sums of all ranks up a binomial tree, piece by piece, several pieces being on their way at once: while one
/// travels the next is made, so that communication and computation overlap. No rank has more of another's sums than a few pieces.
///
/// Every rank does this with its own `sums`, which has `write_piece`, and `state()` a SumInPieces; rank 0 also has `finish(begin, count,
/// piece)`, which gets the sums of all.
template <class Sums, class Finish>
void add_up(const Communicator& ranks, Sums& sums, std::size_t size, Finish finish) {
  constexpr std::size_t piece_size =
      32768;  // coordinates: 256 KiB of doubles, which stay in a processor's own cache
  constexpr std::size_t ahead = 4;
  struct alignas(64) Line {
    std::byte bytes[64];
  };
  const std::size_t piece_bytes = sums.state().piece_bytes(piece_size);
  const auto memory = [&] { return std::vector<Line>((piece_bytes + sizeof(Line) - 1) / sizeof(Line)); };
  const auto bytes_of = [&](std::vector<Line>& lines, std::size_t count) {
    return std::span<std::byte>(lines.front().bytes, sums.state().piece_bytes(count));
  };

  const int rank = ranks.rank();
  std::vector<int> children;
  for (int bit = 1; (rank & bit) == 0 && rank + bit < ranks.size(); bit <<= 1) children.push_back(rank + bit);
  const int parent = rank & (rank - 1);

  struct Piece {
    std::vector<Line> own;
    std::vector<std::vector<Line>> from_children;
    std::vector<MPI_Request> sent, coming;
  };
  std::vector<Piece> pieces(ahead);
  for (Piece& piece : pieces) {
    piece.own = memory();
    for (std::size_t c = 0; c < children.size(); ++c) piece.from_children.push_back(memory());
  }
  const std::size_t count = (size + piece_size - 1) / piece_size;
  const auto size_of = [&](std::size_t p) { return (std::min)(piece_size, size - p * piece_size); };
  const auto expect = [&](std::size_t p) {
    if (p >= count) return;
    Piece& piece = pieces[p % ahead];
    for (std::size_t c = 0; c < children.size(); ++c)
      ranks.begin_receive(children[c], MpiTag::piece, bytes_of(piece.from_children[c], size_of(p)),
                          piece.coming);
  };

  for (std::size_t p = 0; p < ahead; ++p) expect(p);
  for (std::size_t p = 0; p < count; ++p) {
    Piece& piece = pieces[p % ahead];
    Communicator::wait(piece.sent);
    sums.write_piece(p * piece_size, size_of(p), piece.own.front().bytes);
    Communicator::wait(piece.coming);
    for (auto& more : piece.from_children)
      sums.state().add_piece(piece.own.front().bytes, more.front().bytes, size_of(p));
    if (rank == 0) {
      finish(p * piece_size, size_of(p), piece.own.front().bytes);
    } else {
      ranks.begin_send(parent, MpiTag::piece, bytes_of(piece.own, size_of(p)), piece.sent);
    }
    expect(p + ahead);
  }
  for (Piece& piece : pieces) Communicator::wait(piece.sent);
}

}  // namespace healthai::detail
