#pragma once

#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

namespace socket_test {

/// This program once more, to run one of the skipped cases "(process) WHAT" of a file: a process that can be killed.
class Process {
 public:
  /// \param more  for the process, a variable of its environment: NAME=VALUE
  Process(const std::string& source, const std::string& what, std::uint16_t port,
          const std::string& more = {}) {
    const std::string filter = "--test-case=(process) " + what;
    const std::string file = "--source-file=*" + source.substr(source.rfind('/'));
    const std::string environment = "HEALTHAI_TEST_PORT=" + std::to_string(port);
    std::vector<char*> arguments;
    for (const char* text : {"/proc/self/exe", "--no-skip", file.c_str(), filter.c_str()})
      arguments.push_back(const_cast<char*>(text));
    arguments.push_back(nullptr);
    char* variables[] = {const_cast<char*>(environment.c_str()),
                         more.empty() ? nullptr : const_cast<char*>(more.c_str()), nullptr};
    posix_spawn_file_actions_t files;
    ::posix_spawn_file_actions_init(&files);
    ::posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
    const int failed = ::posix_spawn(&id_, "/proc/self/exe", &files, nullptr, arguments.data(), variables);
    ::posix_spawn_file_actions_destroy(&files);
    REQUIRE(failed == 0);
  }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  ~Process() { kill(); }
  /// \return whether that is what it died of, now or before
  bool kill() {
    if (id_ == 0) return false;
    ::kill(id_, SIGKILL);
    return wait();
  }
  /// Waits for its end. \return whether it was killed
  bool wait() {
    int status = 0;
    ::waitpid(std::exchange(id_, 0), &status, 0);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
  }

 private:
  pid_t id_ = 0;
};
/// In such a process.
inline std::uint16_t port_of_parent() {
  const char* port = std::getenv("HEALTHAI_TEST_PORT");
  REQUIRE(port != nullptr);
  return static_cast<std::uint16_t>(std::atoi(port));
}

}  // namespace socket_test
