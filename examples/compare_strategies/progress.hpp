#pragma once

#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>

namespace compare {

/// Tells a person on standard error how far many runs are: on a terminal one line, redrawn; elsewhere a line a run.
class Progress {
 public:
  Progress(std::size_t runs, std::uint64_t rounds) : runs_(runs), rounds_(rounds) {}

  void begin(const std::string& name, std::uint64_t seed) {
    ++run_;
    what_ = name + ", seed " + std::to_string(seed);
    if (!terminal_) std::fprintf(stderr, "[%zu/%zu] %s\n", run_, runs_, what_.c_str());
  }
  void round(std::uint64_t round) {
    const auto now = std::chrono::steady_clock::now();
    if (!terminal_ || now - drawn_ < std::chrono::milliseconds(100)) return;
    drawn_ = now;
    std::fprintf(stderr, "\r\033[K[%zu/%zu] %.60s: round %llu/%llu", run_, runs_, what_.c_str(),
                 static_cast<unsigned long long>(round), static_cast<unsigned long long>(rounds_));
  }
  void end() const {
    if (terminal_) std::fprintf(stderr, "\r\033[K");
  }

 private:
  std::size_t runs_;
  std::uint64_t rounds_;
  std::size_t run_ = 0;
  std::string what_{};
  bool terminal_ = isatty(2) != 0;
  std::chrono::steady_clock::time_point drawn_{};
};

}  // namespace compare
