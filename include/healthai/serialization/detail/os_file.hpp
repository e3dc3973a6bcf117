#pragma once

/// \file
/// The only header that calls the operating system about files. On Windows it makes do with the C library, which cannot
/// replace a file in one step: there, a power cut at the wrong moment may leave only the temporary file.

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "healthai/core/error.hpp"

#if defined(_WIN32)
#include <io.h>
#include <process.h>
#include <sys/stat.h>

#include <cstdio>
#else
#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cstdio>
#endif

namespace healthai::detail {

/// \throws Error (`file`): "PATH: cannot OPERATION: the system's reason"
[[noreturn]] inline void throw_file_error(const std::string& path, const std::string& operation, int code) {
  throw Error(error::file, path + ": cannot " + operation + ": " + std::generic_category().message(code));
}
[[noreturn]] inline void throw_not_regular(const std::string& path) {
  throw Error(error::file,
              path + ": expected a regular file, but this is a folder or a device: give another path");
}
[[noreturn]] inline void throw_file_shrank(const std::string& path) {
  throw Error(error::archive_truncated, path + ": the file became shorter while it was read");
}

/// Up to one block is handed to the system at a time (some systems refuse more than 2 GiB).
inline constexpr std::size_t largest_io = std::size_t{1} << 30U;

#if !defined(_WIN32)

/// Owns a file descriptor.
class Descriptor {
 public:
  explicit Descriptor(int fd = -1) noexcept : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  [[nodiscard]] int get() const noexcept { return fd_; }
  [[nodiscard]] bool valid() const noexcept { return fd_ >= 0; }

 private:
  int fd_;
};

/// A regular file that is read from any position. \throws Error (`file`)
class InputFile {
 public:
  explicit InputFile(const std::string& path) : path_(path) {
    // O_NONBLOCK: opening a pipe must not wait for its other end. It means nothing for a regular file.
    do {
      fd_ = Descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    } while (!fd_.valid() && errno == EINTR);
    struct stat info {};
    if (!fd_.valid() || ::fstat(fd_.get(), &info) != 0) throw_file_error(path, "open the file", errno);
    if (!S_ISREG(info.st_mode)) throw_not_regular(path);
    size_ = static_cast<std::uint64_t>(info.st_size);
  }
  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  /// In bytes, when it was opened.
  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }
  void seek(std::uint64_t offset) {
    if (::lseek(fd_.get(), static_cast<off_t>(offset), SEEK_SET) < 0)
      throw_file_error(path_, "seek in it", errno);
  }
  /// Fills the whole span. \throws Error (`file`, `archive_truncated`)
  void read(std::span<std::byte> bytes) {
    while (!bytes.empty()) {
      const std::size_t want = bytes.size() < largest_io ? bytes.size() : largest_io;
      const ssize_t got = ::read(fd_.get(), bytes.data(), want);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) throw_file_error(path_, "read it", errno);
      if (got == 0) throw_file_shrank(path_);
      bytes = bytes.subspan(static_cast<std::size_t>(got));
    }
  }

 private:
  std::string path_;
  Descriptor fd_;
  std::uint64_t size_ = 0;
};

/// A new file that takes the place of `path` all at once, or not at all. It is written under a name of its own in the
/// same folder, readable by its owner only, and removed again unless `commit` succeeds. The name holds the process id
/// and the time, and the file is locked while it is written; what a killed process left behind has no lock, and the next
/// writer of the same path removes it. \throws Error (`file`) everywhere
class ReplacementFile {
 public:
  explicit ReplacementFile(const std::string& path) : path_(path) {
    struct stat info {};
    if (::stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode)) throw_not_regular(path);
    const std::size_t slash = path.rfind('/');
    folder_ = slash == std::string::npos ? "." : path.substr(0, slash + 1);
    remove_abandoned(slash == std::string::npos ? path : path.substr(slash + 1));
    create();
  }
  ReplacementFile(const ReplacementFile&) = delete;
  ReplacementFile& operator=(const ReplacementFile&) = delete;
  ~ReplacementFile() {
    if (!committed_) ::unlink(temporary_.c_str());
  }

  void write(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
      const std::size_t want = bytes.size() < largest_io ? bytes.size() : largest_io;
      const ssize_t done = ::write(fd_.get(), bytes.data(), want);
      if (done < 0 && errno == EINTR) continue;
      if (done < 0) throw_file_error(path_, "write its new contents (the old file is unchanged)", errno);
      bytes = bytes.subspan(static_cast<std::size_t>(done));
    }
  }

  /// On disk, then under its final name, then that name on disk too. An error of the last step alone leaves the new
  /// file in place, of the others the old one.
  void commit() {
    if (flush(fd_.get()) != 0)
      throw_file_error(path_, "flush its new contents (the old file is unchanged)", errno);
    if (::rename(temporary_.c_str(), path_.c_str()) != 0) {
      throw_file_error(path_, "replace it (the old file is unchanged)", errno);
    }
    committed_ = true;
    const Descriptor folder(::open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    // Some file systems cannot flush a folder, and say so with EINVAL.
    if (!folder.valid() || (flush(folder.get()) != 0 && errno != EINVAL)) {
      throw_file_error(path_, "flush its folder (the new file is in place)", errno);
    }
  }

 private:
  static constexpr std::string_view suffix = ".tmp";

  static int flush(int fd) noexcept {
#if defined(F_FULLFSYNC)  // macOS: fsync alone stops at the drive's cache
    if (::fcntl(fd, F_FULLFSYNC) == 0) return 0;
#endif
    int result = 0;
    do {
      result = ::fsync(fd);
    } while (result != 0 && errno == EINTR);
    return result;
  }

  void create() {
    for (;;) {
      struct timespec now {};
      ::clock_gettime(CLOCK_REALTIME, &now);
      temporary_ = path_ + "." + std::to_string(::getpid()) + "-" + std::to_string(now.tv_sec) + "-" +
                   std::to_string(now.tv_nsec) + std::string(suffix);
      fd_ =
          Descriptor(::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR));
      if (!fd_.valid()) {
        if (errno == EEXIST || errno == EINTR) continue;
        throw_file_error(
            path_, "create a new file beside it (does the folder exist, and may you write there?)", errno);
      }
      // Between these two calls another writer may have taken the file for an abandoned one: then start again. A file
      // system without locks has nobody who could.
      const bool locked = ::flock(fd_.get(), LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK;
      struct stat info {};
      if (locked && ::fstat(fd_.get(), &info) == 0 && info.st_nlink != 0) return;
    }
  }

  /// Removes temporary files of `name` that nobody holds the lock of. What cannot be removed does no harm.
  void remove_abandoned(const std::string& name) const noexcept try {
    DIR* folder = ::opendir(folder_.c_str());
    if (folder == nullptr) return;
    while (const dirent* entry = ::readdir(folder)) {
      if (!is_temporary_of(name, entry->d_name)) continue;
      const std::string path = folder_ + "/" + entry->d_name;
      const Descriptor file(::open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
      if (file.valid() && ::flock(file.get(), LOCK_EX | LOCK_NB) == 0) ::unlink(path.c_str());
    }
    ::closedir(folder);
  } catch (...) {  // out of memory: the next writer tries again
  }

  /// NAME.DIGITS-DIGITS-DIGITS.tmp
  [[nodiscard]] static bool is_temporary_of(std::string_view name, std::string_view entry) noexcept {
    if (entry.size() <= name.size() + 1 + suffix.size() || !entry.starts_with(name) ||
        !entry.ends_with(suffix) || entry[name.size()] != '.') {
      return false;
    }
    entry = entry.substr(name.size() + 1, entry.size() - name.size() - 1 - suffix.size());
    std::size_t dashes = 0;
    for (const char c : entry) {
      if (c == '-') {
        ++dashes;
      } else if (c < '0' || c > '9') {
        return false;
      }
    }
    return dashes == 2;
  }

  std::string path_;
  std::string folder_;
  std::string temporary_;
  Descriptor fd_;
  bool committed_ = false;
};

#else  // Windows

class InputFile {
 public:
  explicit InputFile(const std::string& path) : path_(path), file_(std::fopen(path.c_str(), "rb")) {
    if (file_ == nullptr) throw_file_error(path, "open the file", errno);
    if (::_fseeki64(file_, 0, SEEK_END) != 0) {
      std::fclose(file_);
      throw_not_regular(path);
    }
    size_ = static_cast<std::uint64_t>(::_ftelli64(file_));
    std::rewind(file_);
  }
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;
  ~InputFile() { std::fclose(file_); }
  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }
  void seek(std::uint64_t offset) {
    if (::_fseeki64(file_, static_cast<long long>(offset), SEEK_SET) != 0) {
      throw_file_error(path_, "seek in it", errno);
    }
  }
  void read(std::span<std::byte> bytes) {
    if (std::fread(bytes.data(), 1, bytes.size(), file_) == bytes.size()) return;
    if (std::ferror(file_) != 0) throw_file_error(path_, "read it", errno);
    throw_file_shrank(path_);
  }

 private:
  std::string path_;
  std::FILE* file_;
  std::uint64_t size_ = 0;
};

class ReplacementFile {
 public:
  explicit ReplacementFile(const std::string& path)
      : path_(path), temporary_(path + "." + std::to_string(::_getpid()) + ".tmp") {
    struct _stat64 info {};
    if (::_stat64(path.c_str(), &info) == 0 && (info.st_mode & _S_IFREG) == 0) throw_not_regular(path);
    for (int i = 0; ::_stat64(temporary_.c_str(), &info) == 0; ++i) {
      temporary_ = path + "." + std::to_string(::_getpid()) + "-" + std::to_string(i) + ".tmp";
    }
    file_ = std::fopen(temporary_.c_str(), "wb");
    if (file_ == nullptr) {
      throw_file_error(path_, "create a new file beside it (does the folder exist, and may you write there?)",
                       errno);
    }
  }
  ReplacementFile(const ReplacementFile&) = delete;
  ReplacementFile& operator=(const ReplacementFile&) = delete;
  ~ReplacementFile() {
    if (file_ != nullptr) std::fclose(file_);
    if (!committed_) std::remove(temporary_.c_str());
  }
  void write(std::span<const std::byte> bytes) {
    if (std::fwrite(bytes.data(), 1, bytes.size(), file_) != bytes.size()) {
      throw_file_error(path_, "write its new contents (the old file is unchanged)", errno);
    }
  }
  void commit() {
    if (std::fflush(file_) != 0 || ::_commit(::_fileno(file_)) != 0) {
      throw_file_error(path_, "flush its new contents (the old file is unchanged)", errno);
    }
    std::FILE* const file = std::exchange(file_, nullptr);
    if (std::fclose(file) != 0)
      throw_file_error(path_, "close its new contents (the old file is unchanged)", errno);
    std::remove(path_.c_str());
    if (std::rename(temporary_.c_str(), path_.c_str()) != 0) throw_file_error(path_, "replace it", errno);
    committed_ = true;
  }

 private:
  std::string path_;
  std::string temporary_;
  std::FILE* file_ = nullptr;
  bool committed_ = false;
};

#endif

}  // namespace healthai::detail
