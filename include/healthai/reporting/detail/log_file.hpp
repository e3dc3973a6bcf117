#pragma once

#include <sys/stat.h>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "healthai/core/error.hpp"

namespace healthai::detail {

/// A text file that grows line by line and that a resumed run can cut back: what the CSV and the JSON log stand on.
/// Every operation throws Error (`file`) with the path and the system's reason. Movable, not copyable; not
/// thread-safe; two objects must not write the same path.
class LogFile {
 public:
  explicit LogFile(std::string path) : path_(std::move(path)) {
    if (path_.empty())
      throw Error(error::invalid_argument, "the path of a file is needed, but \"\" was given");
  }

  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] bool is_open() const noexcept { return file_ != nullptr; }

  /// The whole text, or "" when there is no such file. Refuses what is not a regular file (a folder, a device, a
  /// pipe): a log is read back and replaced, which would block there, or destroy it.
  [[nodiscard]] std::string read() const {
    struct stat status {};
    if (stat(path_.c_str(), &status) != 0) {
      if (errno == ENOENT) return {};
      fail("look at");
    }
    if ((status.st_mode & S_IFMT) != S_IFREG) {
      throw Error(error::file, "\"" + path_ + "\" is not a regular file; choose another path");
    }
    const Handle file(std::fopen(path_.c_str(), "rb"));
    if (!file) fail("read");
    std::string text;
    char block[16384];
    while (const std::size_t got = std::fread(block, 1, sizeof block, file.get())) text.append(block, got);
    if (std::ferror(file.get()) != 0) fail("read");
    return text;
  }

  /// Makes `text` the whole content and leaves the file open for `append`. The text is written beside the file and
  /// then takes its name, so that a run killed meanwhile leaves either the old log or the new one.
  void replace(std::string_view text) {
    file_.reset();
    const std::string beside = path_ + ".new";
    Handle file(std::fopen(beside.c_str(), "wb"));
    if (!file) fail("write");
    const bool written = std::fwrite(text.data(), 1, text.size(), file.get()) == text.size();
    if (std::fclose(file.release()) != 0 || !written) {
      const int reason = errno;
      std::remove(beside.c_str());
      errno = reason;
      fail("write");
    }
#ifdef _WIN32
    std::remove(path_.c_str());  // there, rename does not replace
#endif
    if (std::rename(beside.c_str(), path_.c_str()) != 0) fail("replace");
    file_.reset(std::fopen(path_.c_str(), "ab"));
    if (!file_) fail("append to");
  }

  /// Adds `text`, handed to the operating system before this returns, so that it survives the end of the process.
  /// After a failure the file is closed: its last line may be torn.
  void append(std::string_view text) {
    if (std::fwrite(text.data(), 1, text.size(), file_.get()) == text.size() &&
        std::fflush(file_.get()) == 0) {
      return;
    }
    const int reason = errno;
    file_.reset();
    errno = reason;
    fail("append to");
  }

 private:
  struct Close {
    void operator()(std::FILE* file) const noexcept { std::fclose(file); }
  };
  using Handle = std::unique_ptr<std::FILE, Close>;

  [[noreturn]] void fail(std::string_view operation) const {
    throw Error(error::file, "cannot " + std::string(operation) + " \"" + path_ +
                                 "\": " + std::strerror(errno) +
                                 "; create its folder, free the disk or choose another path");
  }

  std::string path_;
  Handle file_{};
};

}  // namespace healthai::detail
