#pragma once

#include <mpi.h>

#include <algorithm>
#include <cstddef>
#include <thread>

namespace mpi_ranks {

/// This rank's share of its machine's processors. Every rank does this.
inline std::size_t threads_of_rank() {
  MPI_Comm machine = MPI_COMM_NULL;
  MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &machine);
  int ranks = 1;
  MPI_Comm_size(machine, &ranks);
  MPI_Comm_free(&machine);
  return (std::max)(std::size_t{1}, std::thread::hardware_concurrency() / static_cast<std::size_t>(ranks));
}

}  // namespace mpi_ranks
