#pragma once

#include <mpi.h>

#include <cstdio>
#include <exception>
#include <string>

#include "healthai/core/error.hpp"

namespace healthai {

/// MPI for as long as this object lives: initialises it, unless the application has, and ends it, if it was this object
/// that began. On the stack of `main`, before any thread is started:
///
///     int main(int argc, char** argv) {
///       return MpiSession::run([&](const MpiSession& mpi) {
///         MpiTransport ranks;
///         ...
///         return 0;
///       });
///     }
///
/// `MPI_THREAD_FUNNELED` is enough: the library calls MPI on one thread only, the one that calls the library.
/// Thread safety: none; the thread that initialised MPI.
class MpiSession {
 public:
  /// \throws Error (`mpi`) if MPI was ended already, or was initialised without support for threads
  MpiSession() {
    int ended = 0, begun = 0;
    MPI_Finalized(&ended);
    if (ended != 0) throw Error(error::mpi, "MpiSession: MPI has been finalised, and cannot begin again");
    MPI_Initialized(&begun);
    int level = MPI_THREAD_SINGLE;
    if (begun != 0) {
      MPI_Query_thread(&level);
    } else {
      MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &level);
      owns_ = true;
    }
    if (level < MPI_THREAD_FUNNELED) {
      if (owns_) MPI_Finalize();
      throw Error(error::mpi,
                  "MpiSession: clients train on threads of their own, so MPI must be initialised with "
                  "MPI_Init_thread(..., MPI_THREAD_FUNNELED, ...) at least, not with MPI_Init");
    }
  }
  MpiSession(const MpiSession&) = delete;
  MpiSession& operator=(const MpiSession&) = delete;
  /// Ends MPI, which waits for the other ranks. When an exception is on its way they may be waiting for this one: then
  /// it ends the whole job instead.
  ~MpiSession() {
    int ended = 0;
    MPI_Finalized(&ended);
    if (ended != 0) return;
    if (std::uncaught_exceptions() > exceptions_) MPI_Abort(MPI_COMM_WORLD, 1);
    if (owns_) MPI_Finalize();
  }

  /// This process among those that were started together, from 0.
  [[nodiscard]] int rank() const {
    int rank = 0;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    return rank;
  }
  [[nodiscard]] int size() const {
    int size = 1;
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    return size;
  }

  /// Ends the processes of all ranks, with this message on standard error.
  [[noreturn]] void abort(const std::string& message) const {
    std::fprintf(stderr, "rank %d of %d: %s\n", rank(), size(), message.c_str());
    std::fflush(stderr);
    MPI_Abort(MPI_COMM_WORLD, 1);
    std::terminate();
  }

  /// Calls `body(session)`, on every rank; \return what it returns, for `main`. An exception on any rank ends the whole job
  /// with its message on standard error: the other ranks would wait for this one for ever.
  template <class Body>
  [[nodiscard]] static int run(Body body) {
    const MpiSession session;
    try {
      return body(session);
    } catch (const std::exception& e) {
      session.abort(e.what());
    }
  }

 private:
  bool owns_ = false;
  int exceptions_ = std::uncaught_exceptions();
};

}  // namespace healthai
