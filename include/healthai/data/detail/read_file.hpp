#pragma once

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <memory>
#include <string>
#include <system_error>

#include "healthai/core/error.hpp"
#include "healthai/data/detail/text.hpp"

namespace healthai::detail {

/// The operating system refused. \param kind what the file should be, "a CSV file". \param what "opened", "read".
/// \throws Error (`file`) always
[[noreturn]] inline void refuse_file(const std::string& path, const char* kind, const char* what, int code) {
  throw Error(error::file, escaped(path) + ": expected " + kind + ", but it cannot be " + what + " (" +
                               std::error_code(code, std::generic_category()).message() +
                               "); check the path and its permissions");
}

using FileHandle = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

/// The file at `path`, open for reading. \throws Error (`file`)
[[nodiscard]] inline FileHandle open_file(const std::string& path, const char* kind) {
  errno = 0;
  FileHandle file(std::fopen(path.c_str(), "rb"), [](std::FILE* f) { return std::fclose(f); });
  if (file == nullptr) refuse_file(path, kind, "opened", errno);
  return file;
}

/// All bytes of the file at `path`, which is called `kind` in messages. Memory follows what has been read.
/// \throws Error (`file`) if the operating system cannot open or read it.
[[nodiscard]] inline std::string read_file(const std::string& path, const char* kind) {
  const FileHandle file = open_file(path, kind);
  std::string bytes;
  std::size_t size = 0;
  for (;;) {
    bytes.resize((std::max)(std::size_t{1} << 16U, 2 * size));
    errno = 0;
    size += std::fread(bytes.data() + size, 1, bytes.size() - size, file.get());
    if (std::ferror(file.get()) != 0) refuse_file(path, kind, "read", errno);
    if (size < bytes.size()) break;  // the end of the file
  }
  bytes.resize(size);
  return bytes;
}

}  // namespace healthai::detail
