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
#include <direct.h>
#include <fcntl.h>
#include <io.h>
#include <process.h>
#include <share.h>
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

/// Whether there is anything of that name; what cannot be opened counts, so that opening it says why.
[[nodiscard]] inline bool file_exists(const std::string& path) noexcept {
  errno = 0;
  if (std::FILE* file = std::fopen(path.c_str(), "rb")) {
    std::fclose(file);
    return true;
  }
  return errno != ENOENT;
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

/// Puts a file, or a folder, on disk. 0, or -1 with errno.
[[nodiscard]] inline int flush_to_disk(int fd) noexcept {
#if defined(F_FULLFSYNC)  // macOS: fsync alone stops at the drive's cache
  if (::fcntl(fd, F_FULLFSYNC) == 0) return 0;
#endif
  int result = 0;
  do {
    result = ::fsync(fd);
  } while (result != 0 && errno == EINTR);
  return result;
}
/// The folder that holds `path`.
[[nodiscard]] inline std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash + 1);
}
/// Puts the names in the folder of `path` on disk. \throws Error (`file`)
inline void flush_folder_of(const std::string& path, const char* consequence) {
  const Descriptor folder(::open(folder_of(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  // Some file systems cannot flush a folder, and say so with EINVAL.
  if (!folder.valid() || (flush_to_disk(folder.get()) != 0 && errno != EINVAL)) {
    throw_file_error(path, std::string("flush its folder") + consequence, errno);
  }
}
/// Whether others than its owner may read or write the file. \throws Error (`file`)
[[nodiscard]] inline bool open_to_others(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) throw_file_error(path, "look at it", errno);
  return (info.st_mode & (S_IRWXG | S_IRWXO)) != 0;
}
/// Gives `path` the name `to`, on disk too. \throws Error (`file`)
inline void rename_file(const std::string& path, const std::string& to) {
  if (::rename(path.c_str(), to.c_str()) != 0) throw_file_error(path, "rename it to " + to, errno);
  flush_folder_of(path, "");
}
/// Makes sure that there is a folder of that name; a new one is for its owner only. \throws Error (`file`)
inline void make_folder(const std::string& path) {
  if (::mkdir(path.c_str(), S_IRWXU) == 0) return flush_folder_of(path, "");
  struct stat info {};
  const int reason = errno;
  if (reason != EEXIST || ::stat(path.c_str(), &info) != 0) throw_file_error(path, "make the folder", reason);
  if (!S_ISDIR(info.st_mode)) throw_file_error(path, "use it as a folder", ENOTDIR);
}
/// Removes the file, if it is there. \throws Error (`file`)
inline void remove_file(const std::string& path) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) throw_file_error(path, "remove it", errno);
}

/// A file whose lock this process holds as long as the object lives: so that two processes do not write the same things.
/// The file stays, empty. \throws Error (`file`) if somebody else holds it
class FileLock {
 public:
  explicit FileLock(const std::string& path)
      : fd_(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR)) {
    if (!fd_.valid()) throw_file_error(path, "open the lock file", errno);
    int result = 0;
    do {
      result = ::flock(fd_.get(), LOCK_EX | LOCK_NB);
    } while (result != 0 && errno == EINTR);
    if (result == 0) return;
    if (errno == EWOULDBLOCK)
      throw Error(error::file, path + ": another process, or another object, is using this");
    throw_file_error(path, "lock it", errno);
  }

 private:
  Descriptor fd_;
};

/// A file that grows at its end, readable by its owner only. Each `append` is on disk, whole, when it returns.
class AppendFile {
 public:
  /// \throws Error (`file`)
  explicit AppendFile(const std::string& path) : path_(path) {
    const bool there = file_exists(path);
    fd_ = Descriptor(
        ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK, S_IRUSR | S_IWUSR));
    struct stat info {};
    if (!fd_.valid() || ::fstat(fd_.get(), &info) != 0) throw_file_error(path, "open it to append", errno);
    if (!S_ISREG(info.st_mode)) throw_not_regular(path);
    size_ = static_cast<std::uint64_t>(info.st_size);
    if (!there) flush_folder_of(path, "");
  }
  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }
  /// \throws Error (`file`), for example on a full disk: then the file is as it was, as far as the system lets it
  void append(std::span<const std::byte> bytes) {
    const std::uint64_t before = size_;
    while (!bytes.empty()) {
      const ssize_t done =
          ::write(fd_.get(), bytes.data(), bytes.size() < largest_io ? bytes.size() : largest_io);
      if (done < 0 && errno == EINTR) continue;
      if (done < 0) take_back(before, "append to it");
      bytes = bytes.subspan(static_cast<std::size_t>(done));
      size_ += static_cast<std::uint64_t>(done);
    }
    if (flush_to_disk(fd_.get()) != 0) take_back(before, "flush what was appended");
  }
  /// Cuts the end off. \throws Error (`file`)
  void truncate(std::uint64_t size) {
    if (::ftruncate(fd_.get(), static_cast<off_t>(size)) != 0 || flush_to_disk(fd_.get()) != 0) {
      throw_file_error(path_, "cut it", errno);
    }
    size_ = size;
  }

 private:
  [[noreturn]] void take_back(std::uint64_t size, const char* operation) {
    const int reason = errno;
    if (::ftruncate(fd_.get(), static_cast<off_t>(size)) == 0) size_ = size;
    throw_file_error(path_, operation, reason);
  }
  std::string path_;
  Descriptor fd_;
  std::uint64_t size_ = 0;
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
    const unsigned others = static_cast<unsigned>(info.st_mode) & (S_IRWXG | S_IRWXO);
    private_ = others == 0 || (info.st_uid == 0 && others == S_IRGRP);
  }
  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  /// In bytes, when it was opened.
  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }
  /// Fit for a secret: only the owner can open it, or it is root's and a group may read it.
  [[nodiscard]] bool is_private() const noexcept { return private_; }
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
  bool private_ = false;
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
    folder_ = folder_of(path);
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
    if (flush_to_disk(fd_.get()) != 0)
      throw_file_error(path_, "flush its new contents (the old file is unchanged)", errno);
    if (::rename(temporary_.c_str(), path_.c_str()) != 0) {
      throw_file_error(path_, "replace it (the old file is unchanged)", errno);
    }
    committed_ = true;
    flush_folder_of(path_, " (the new file is in place)");
  }

 private:
  static constexpr std::string_view suffix = ".tmp";

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

[[nodiscard]] inline bool open_to_others(const std::string& /*path*/) {
  return false;
}  // access lists say that here
inline void rename_file(const std::string& path, const std::string& to) {
  if (std::rename(path.c_str(), to.c_str()) != 0) throw_file_error(path, "rename it to " + to, errno);
}
inline void make_folder(const std::string& path) {
  if (::_mkdir(path.c_str()) != 0 && errno != EEXIST) throw_file_error(path, "make the folder", errno);
}
inline void remove_file(const std::string& path) {
  if (std::remove(path.c_str()) != 0 && errno != ENOENT) throw_file_error(path, "remove it", errno);
}

class FileLock {
 public:
  explicit FileLock(const std::string& path) {
    if (::_sopen_s(&fd_, path.c_str(), _O_RDWR | _O_CREAT, _SH_DENYRW, _S_IREAD | _S_IWRITE) != 0) {
      throw_file_error(path, "lock it (is another process using this?)", errno);
    }
  }
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;
  ~FileLock() { ::_close(fd_); }

 private:
  int fd_ = -1;
};

class AppendFile {
 public:
  explicit AppendFile(const std::string& path) : path_(path), file_(std::fopen(path.c_str(), "ab")) {
    if (file_ == nullptr) throw_file_error(path, "open it to append", errno);
    ::_fseeki64(file_, 0, SEEK_END);
    size_ = static_cast<std::uint64_t>(::_ftelli64(file_));
  }
  AppendFile(const AppendFile&) = delete;
  AppendFile& operator=(const AppendFile&) = delete;
  ~AppendFile() { std::fclose(file_); }
  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }
  void append(std::span<const std::byte> bytes) {
    if (std::fwrite(bytes.data(), 1, bytes.size(), file_) != bytes.size() || std::fflush(file_) != 0 ||
        ::_commit(::_fileno(file_)) != 0) {
      const int reason = errno;
      ::_chsize_s(::_fileno(file_), static_cast<long long>(size_));
      throw_file_error(path_, "append to it", reason);
    }
    size_ += bytes.size();
  }
  void truncate(std::uint64_t size) {
    if (::_chsize_s(::_fileno(file_), static_cast<long long>(size)) != 0)
      throw_file_error(path_, "cut it", errno);
    size_ = size;
  }

 private:
  std::string path_;
  std::FILE* file_;
  std::uint64_t size_ = 0;
};

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
  [[nodiscard]] bool is_private() const noexcept { return true; }  // who may open it is not known here
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
