#pragma once

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <string>

namespace memory_test {

/// Bytes of this process in memory: `VmRSS` now, `VmHWM` at most.
inline double memory(const std::string& name) {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    if (word != name + ":") continue;
    double kibibytes = 0;
    status >> kibibytes;
    return kibibytes * 1024;
  }
  return 0;
}

/// What `work` needs at most, in bytes. It runs in a process of its own, so that nothing freed earlier is used again unseen; what the
/// kernel counts includes memory that no operator new sees, such as Eigen's.
template <class Work>
double peak(Work work) {
  int ends[2] = {};
  REQUIRE(pipe(ends) == 0);
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const double before = memory("VmRSS");
    work();
    const double bytes = memory("VmHWM") - before;
    _exit(write(ends[1], &bytes, sizeof bytes) == sizeof bytes ? 0 : 1);
  }
  double bytes = 0;
  REQUIRE(read(ends[0], &bytes, sizeof bytes) == sizeof bytes);
  int status = 0;
  waitpid(child, &status, 0);
  close(ends[0]);
  close(ends[1]);
  return bytes;
}

}  // namespace memory_test
