#pragma once

#include <mpi.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "healthai/aggregation/concept.hpp"
#include "healthai/aggregation/coordinate_slice.hpp"
#include "healthai/core/error.hpp"
#include "healthai/core/layout.hpp"
#include "healthai/core/parameters.hpp"
#include "healthai/transport/mpi/detail/communicator.hpp"

namespace healthai::detail {

/// Does a robust rule on all ranks: each gets a slice of the coordinates of every update, so that no rank holds all updates, and
/// rank 0 gets the slices of the result. See SlicedAggregation. Every rank does this.
///
/// \param own      this rank's updates, in the order in which they are in `owners`
/// \param owners   whose each update is
/// \param weights  of each
/// \param wrong    becomes why there is no result, on rank 0
/// \return the result, on rank 0
template <class Aggregator, class Scalar>
[[nodiscard]] Parameters<Scalar> share_slices(const Communicator& ranks, const Aggregator& aggregator,
                                              const Layout& layout, std::vector<Parameters<Scalar>> own,
                                              const std::vector<std::int32_t>& owners,
                                              const std::vector<double>& weights,
                                              std::optional<Error>& wrong) {
  const auto slice_of = [&](int rank, auto exchange) {
    return CoordinateSlice::share(layout.size(), static_cast<std::size_t>(rank),
                                  static_cast<std::size_t>(ranks.size()), std::move(exchange));
  };
  // What the parts of a slice contribute, from the rank that has it to all others.
  const auto exchange = [&](std::span<double> values, std::size_t each) {
    for (int rank = 0; rank < ranks.size(); ++rank) {
      const CoordinateSlice theirs = slice_of(rank, nullptr);
      const auto numbers =
          values.subspan(theirs.first_part * each, (theirs.last_part - theirs.first_part) * each);
      ranks.broadcast(std::as_writable_bytes(numbers), rank);
    }
  };
  const CoordinateSlice mine = slice_of(ranks.rank(), exchange);
  const Layout slice_layout({{"slice", {mine.length()}}});

  std::vector<Update<Scalar>> updates;
  std::vector<MPI_Request> messages;
  auto next = own.begin();
  for (std::size_t k = 0; k < owners.size(); ++k) {
    updates.push_back({Parameters<Scalar>::uninitialised(slice_layout), weights[k]});
    if (owners[k] != ranks.rank()) {
      ranks.begin_receive(owners[k], MpiTag::slice, std::as_writable_bytes(updates.back().values.span()),
                          messages);
      continue;
    }
    for (int rank = 0; rank < ranks.size(); ++rank) {
      const CoordinateSlice theirs = slice_of(rank, nullptr);
      const auto values = std::as_const(*next).span().subspan(theirs.begin(), theirs.length());
      if (rank == ranks.rank()) {
        std::copy(values.begin(), values.end(), updates.back().values.data());
      } else {
        ranks.begin_send(rank, MpiTag::slice, std::as_bytes(values), messages);
      }
    }
    ++next;
  }
  Communicator::wait(messages);
  own.clear();

  Parameters<Scalar> result;
  std::optional<Error> failed;
  try {
    auto state = aggregator.template begin<Scalar>(slice_layout);
    for (Update<Scalar>& update : updates) state.add(std::move(update));
    result = state.finish(mine);
  } catch (const Error& e) {
    failed = e;
  }
  if (ranks.rank() != 0) {
    ranks.send_value(0, MpiTag::slice, failed ? std::string(failed->what()) : std::string());
    if (!failed) ranks.send(0, MpiTag::slice, std::as_bytes(std::as_const(result).span()));
    return {};
  }
  wrong = std::move(failed);
  Parameters<Scalar> whole = Parameters<Scalar>::uninitialised(layout);
  if (!wrong) std::copy_n(std::as_const(result).data(), result.size(), whole.data());
  for (int rank = 1; rank < ranks.size(); ++rank) {
    const auto what = ranks.receive_value<std::string>(rank, MpiTag::slice);
    if (what.empty()) {
      const CoordinateSlice theirs = slice_of(rank, nullptr);
      ranks.receive(rank, MpiTag::slice,
                    std::as_writable_bytes(whole.span().subspan(theirs.begin(), theirs.length())));
    } else if (!wrong) {
      wrong = Error(error::overflow, what);  // all other errors are everybody's
    }
  }
  return whole;
}

}  // namespace healthai::detail
