#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "folders.hpp"

/// A built example that runs beside the test, with what it says in a file; ended with the object.
class Background {
 public:
  Background(const std::string& example, const std::vector<std::string>& arguments, std::string log)
      : log_(std::move(log)) {
    const std::string program = examples_folder() + "/" + example;
    std::vector<char*> words{const_cast<char*>(program.c_str())};
    for (const std::string& argument : arguments) words.push_back(const_cast<char*>(argument.c_str()));
    words.push_back(nullptr);
    pid_ = ::fork();
    if (pid_ < 0) throw std::runtime_error("cannot start " + program);
    if (pid_ > 0) return;
    const int file = ::open(log_.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    ::dup2(file, 1);
    ::dup2(file, 2);
    ::execv(program.c_str(), words.data());
    ::_exit(127);
  }
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;
  ~Background() { end(); }

  void end() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGTERM);
    ::kill(pid_, SIGCONT);
    ::waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }
  /// SIGSTOP, SIGCONT.
  void signal(int number) const { ::kill(pid_, number); }
  /// Whether it has not ended by itself.
  [[nodiscard]] bool running() {
    if (pid_ > 0 && ::waitpid(pid_, nullptr, WNOHANG) != 0) pid_ = 0;
    return pid_ > 0;
  }
  /// What it has said so far.
  [[nodiscard]] std::string output() const {
    std::ifstream file(log_);
    return {std::istreambuf_iterator<char>(file), {}};
  }

 private:
  std::string log_;
  pid_t pid_ = 0;
};

/// A port of the loopback that nobody has just now.
inline std::uint16_t free_port() {
  const int taken = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  const bool bound = ::bind(taken, reinterpret_cast<const sockaddr*>(&address), size) == 0 &&
                     ::getsockname(taken, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  ::close(taken);
  if (!bound) throw std::runtime_error("no port is free");
  return ntohs(address.sin_port);
}
