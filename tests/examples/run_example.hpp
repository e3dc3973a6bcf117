#pragma once

#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <stdexcept>
#include <string>

#include "folders.hpp"

/// What a program said, on standard output and standard error together, and its exit status.
struct ProgramResult {
  std::string output{};
  int status = -1;
  [[nodiscard]] bool says(const std::string& text) const { return output.find(text) != std::string::npos; }
  /// The number that follows the first `text`, spaces skipped. \throws std::runtime_error if there is none
  [[nodiscard]] double number_after(const std::string& text) const {
    const std::size_t at = output.find(text);
    if (at == std::string::npos) throw std::runtime_error("no \"" + text + "\" in: " + output);
    const char* begin = output.c_str() + at + text.size();
    char* end = nullptr;
    const double number = std::strtod(begin, &end);
    if (end == begin) throw std::runtime_error("no number after \"" + text + "\" in: " + output);
    return number;
  }
};

/// Runs a command of the shell, without standard input.
inline ProgramResult run_command(const std::string& command) {
  std::FILE* pipe = popen(("{ " + command + "; } 2>&1 </dev/null").c_str(), "r");
  if (pipe == nullptr) throw std::runtime_error("cannot run " + command);
  ProgramResult result;
  std::array<char, 4096> buffer{};
  for (std::size_t count = 1; count > 0;) {
    count = std::fread(buffer.data(), 1, buffer.size(), pipe);
    result.output.append(buffer.data(), count);
  }
  const int status = pclose(pipe);
  result.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return result;
}

/// Runs the built example NAME with arguments, which the shell reads.
inline ProgramResult run_example(const std::string& name, const std::string& arguments = {}) {
  return run_command("\"" + examples_folder() + "/" + name + "\" " + arguments);
}

/// A new folder that is gone with the object.
class ExampleFolder {
 public:
  ExampleFolder() {
    std::random_device random;
    do {
      path_ = std::filesystem::temp_directory_path() / ("healthai-example-" + std::to_string(random()));
    } while (!std::filesystem::create_directory(path_));
  }
  ExampleFolder(const ExampleFolder&) = delete;
  ExampleFolder& operator=(const ExampleFolder&) = delete;
  ~ExampleFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] std::filesystem::path path(const std::string& name) const { return path_ / name; }
  [[nodiscard]] std::string str() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};
