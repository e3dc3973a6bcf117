#pragma once

#include <mpi.h>

#include <cstdio>
#include <optional>
#include <string>

#include "healthai/core/error.hpp"
#include "healthai/transport/mpi/session.hpp"

namespace mpi_ranks {

/// Does what every rank does alike, such as reading the data. What goes wrong on all of them is said once, by rank 0; what goes
/// wrong elsewhere only, such as a file that one machine does not have, ends the job.
/// \return the exit status, if it went wrong
template <class Work>
[[nodiscard]] std::optional<int> fails_alike(const healthai::MpiSession& mpi, const char* program,
                                             Work work) {
  int status = 0;
  std::string problem;
  try {
    work();
  } catch (const healthai::Error& e) {
    status = 2;
    problem = e.what();
  }
  int first = status;
  MPI_Bcast(&first, 1, MPI_INT, 0, MPI_COMM_WORLD);
  if (first == 0 && status != 0) mpi.abort(problem);
  if (first != 0 && mpi.rank() == 0) std::fprintf(stderr, "%s: %s\n", program, problem.c_str());
  return first != 0 ? std::optional(first) : std::nullopt;
}

}  // namespace mpi_ranks
