#pragma once

#include <string>

#include "folders.hpp"
#include "run_example.hpp"

/// Runs the built example NAME on so many ranks of this machine, as whoever runs the test. One that hangs is ended.
inline ProgramResult run_on_ranks(int ranks, const std::string& name, const std::string& arguments = {}) {
  return run_command("OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 timeout 120 mpirun -n " +
                     std::to_string(ranks) +
                     " $(! mpirun --version | grep -q 'Open MPI' || echo --oversubscribe --bind-to none "
                     "--mca btl self,vader) "
                     "\"" +
                     examples_folder() + "/" + name + "\" " + arguments);
}

/// How often it is there.
inline std::size_t count_of(const std::string& what, const std::string& text) {
  std::size_t count = 0;
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++count;
  return count;
}
