#pragma once

#include <mpi.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/serialization/archive.hpp"
#include "healthai/serialization/encoded_message.hpp"

namespace healthai::detail {

/// \throws Error (`mpi`) for what an MPI function returned
inline void require_mpi(int code, const char* function) {
  if (code == MPI_SUCCESS) return;
  char text[MPI_MAX_ERROR_STRING];
  int length = 0;
  MPI_Error_string(code, text, &length);
  throw Error(error::mpi, std::string(function) + ": " + std::string(text, static_cast<std::size_t>(length)));
}

/// What a message is. Of one kind between two ranks, messages come in the order in which they were sent.
enum class MpiTag : int {
  hello = 1,  ///< rank -> 0: who its clients are
  command,    ///< 0 -> rank
  reply,      ///< rank -> 0: a delivery; its arrays follow
  array,      ///< what belongs to the message before
  folded,     ///< rank -> 0: how a round went there
  go,         ///< 0 -> rank: bring the folds together, or not
  interrupt,  ///< 0 -> rank: the round is called off
  piece,      ///< of a sum, from rank to rank
  slice,      ///< of an update, or of a result, from rank to rank
  state,      ///< of clients
};

/// How to wait for a message while nothing else is to be done: MPI has no call that sleeps. Looks again at once at first, then
/// more and more rarely, so that ranks which share a processor leave it to those who train.
class PatientLook {
 public:
  void pause() {
    if (++looks_ < 200) return std::this_thread::yield();
    std::this_thread::sleep_for(std::chrono::microseconds(looks_ < 1000 ? 20 : 200));
  }
  void reset() noexcept { looks_ = 0; }

 private:
  unsigned looks_ = 0;
};

/// A communicator of the library's own: a duplicate, so that its messages never meet the application's. MPI counts in 32 bits:
/// what is longer goes in several messages.
class Communicator {
 public:
  static constexpr std::size_t longest = std::size_t{1} << 30U;

  /// Every rank of `from` has to do this. \throws Error (`mpi`)
  explicit Communicator(MPI_Comm from) {
    int begun = 0, ended = 0, level = 0;
    MPI_Initialized(&begun);
    MPI_Finalized(&ended);
    if (begun == 0 || ended != 0) {
      throw Error(error::mpi, "MPI is not initialised: put an MpiSession before, or call MPI_Init_thread");
    }
    MPI_Query_thread(&level);
    if (level < MPI_THREAD_FUNNELED) {
      throw Error(error::mpi,
                  "clients train on threads of their own: MPI needs MPI_THREAD_FUNNELED, see MpiSession");
    }
    require_mpi(MPI_Comm_dup(from, &comm_), "MPI_Comm_dup");
    MPI_Comm_set_errhandler(comm_, MPI_ERRORS_RETURN);
    MPI_Comm_rank(comm_, &rank_);
    MPI_Comm_size(comm_, &size_);
  }
  Communicator(const Communicator&) = delete;
  Communicator& operator=(const Communicator&) = delete;
  ~Communicator() {
    int ended = 0;
    MPI_Finalized(&ended);
    if (ended == 0) MPI_Comm_free(&comm_);
  }

  [[nodiscard]] int rank() const noexcept { return rank_; }
  [[nodiscard]] int size() const noexcept { return size_; }
  [[nodiscard]] MPI_Comm get() const noexcept { return comm_; }

  /// Sends bytes whose number the receiver knows, in pieces where there are many; returns when they may be changed.
  void send(int to, MpiTag tag, std::span<const std::byte> bytes) const {
    each_part(bytes.size(), [&](std::size_t begin, int count) {
      require_mpi(MPI_Send(bytes.data() + begin, count, MPI_BYTE, to, static_cast<int>(tag), comm_),
                  "MPI_Send");
    });
  }
  void receive(int from, MpiTag tag, std::span<std::byte> bytes) const {
    each_part(bytes.size(), [&](std::size_t begin, int count) {
      require_mpi(MPI_Recv(bytes.data() + begin, count, MPI_BYTE, from, static_cast<int>(tag), comm_,
                           MPI_STATUS_IGNORE),
                  "MPI_Recv");
    });
  }
  /// The same without waiting; the bytes must stay until `requests` are done.
  void begin_send(int to, MpiTag tag, std::span<const std::byte> bytes,
                  std::vector<MPI_Request>& requests) const {
    each_part(bytes.size(), [&](std::size_t begin, int count) {
      requests.push_back(MPI_REQUEST_NULL);
      require_mpi(MPI_Isend(bytes.data() + begin, count, MPI_BYTE, to, static_cast<int>(tag), comm_,
                            &requests.back()),
                  "MPI_Isend");
    });
  }
  void begin_receive(int from, MpiTag tag, std::span<std::byte> bytes,
                     std::vector<MPI_Request>& requests) const {
    each_part(bytes.size(), [&](std::size_t begin, int count) {
      requests.push_back(MPI_REQUEST_NULL);
      require_mpi(MPI_Irecv(bytes.data() + begin, count, MPI_BYTE, from, static_cast<int>(tag), comm_,
                            &requests.back()),
                  "MPI_Irecv");
    });
  }
  static void wait(std::vector<MPI_Request>& requests) {
    require_mpi(MPI_Waitall(static_cast<int>(requests.size()), requests.data(), MPI_STATUSES_IGNORE),
                "MPI_Waitall");
    requests.clear();
  }
  /// \return whether all are done
  [[nodiscard]] static bool test(std::vector<MPI_Request>& requests) {
    int done = 0;
    require_mpi(MPI_Testall(static_cast<int>(requests.size()), requests.data(), &done, MPI_STATUSES_IGNORE),
                "MPI_Testall");
    return done != 0;
  }

  /// From rank `root` to all. Every rank has to do this.
  void broadcast(std::span<std::byte> bytes, int root = 0) const {
    each_part(bytes.size(), [&](std::size_t begin, int count) {
      require_mpi(MPI_Bcast(bytes.data() + begin, count, MPI_BYTE, root, comm_), "MPI_Bcast");
    });
  }

  /// A value as one message.
  template <class T>
  void send_value(int to, MpiTag tag, const T& value) const {
    const std::vector<std::byte> bytes = to_bytes(value);
    if (bytes.size() > longest) {
      throw Error(error::mpi, "a message of " + std::to_string(bytes.size()) +
                                  " bytes beside the arrays is longer than the " + std::to_string(longest) +
                                  " that MPI can be trusted with");
    }
    require_mpi(
        MPI_Send(bytes.data(), static_cast<int>(bytes.size()), MPI_BYTE, to, static_cast<int>(tag), comm_),
        "MPI_Send");
  }
  template <class T>
  [[nodiscard]] T receive_value(int from, MpiTag tag) const {
    return from_bytes<T>(receive_message(from, tag));
  }
  /// One message, however long. Waits for it, and leaves the processor to others meanwhile.
  [[nodiscard]] std::vector<std::byte> receive_message(int from, MpiTag tag) const {
    for (PatientLook look; !probe(from, tag);) look.pause();
    MPI_Status status;
    require_mpi(MPI_Probe(from, static_cast<int>(tag), comm_, &status), "MPI_Probe");
    int count = 0;
    MPI_Get_count(&status, MPI_BYTE, &count);
    std::vector<std::byte> bytes(static_cast<std::size_t>(count));
    require_mpi(
        MPI_Recv(bytes.data(), count, MPI_BYTE, from, static_cast<int>(tag), comm_, MPI_STATUS_IGNORE),
        "MPI_Recv");
    return bytes;
  }
  /// Whether there is a message: \return from whom
  [[nodiscard]] std::optional<int> probe(int from, MpiTag tag) const {
    int there = 0;
    MPI_Status status;
    require_mpi(MPI_Iprobe(from, static_cast<int>(tag), comm_, &there, &status), "MPI_Iprobe");
    return there != 0 ? std::optional<int>(status.MPI_SOURCE) : std::nullopt;
  }

 private:
  template <class Use>
  static void each_part(std::size_t size, Use use) {
    for (std::size_t begin = 0; begin < size; begin += longest)
      use(begin, static_cast<int>((std::min)(longest, size - begin)));
  }

  MPI_Comm comm_ = MPI_COMM_NULL;
  int rank_ = 0;
  int size_ = 1;
};

}  // namespace healthai::detail
