#pragma once

/// \file
/// Needs zlib: link `healthai::gzip` (find_package(healthai COMPONENTS gzip)).

#include <zlib.h>
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <new>
#include <string>
#include <string_view>

#include "healthai/core/error.hpp"
#include "healthai/data/detail/read_file.hpp"
#include "healthai/data/detail/text.hpp"

namespace healthai {

/// How far compressed data are trusted.
struct GzipOptions {
  std::uint64_t max_bytes = std::uint64_t{4}
                            << 30U;  ///< of what comes out: a small file can be made to expand a thousandfold
};

/// What the bytes of a gzip file (RFC 1952: Deutsch, GZIP file format specification, 1996) hold, all members of it.
/// Checksums and lengths are checked, and memory follows what has come out. `source_name` is what messages call the
/// file. Safe from any thread.
/// \throws Error (`array_file`) for bytes that are not such a file, are damaged, end early, or go on after it;
///   (`archive_limit`) for more than `options.max_bytes`.
[[nodiscard]] inline std::string gunzip(std::string_view bytes, const std::string& source_name,
                                        const GzipOptions& options = {}) {
  const auto fail = [&](const std::string& got) {
    throw Error(error::array_file,
                detail::escaped(source_name) + ": expected a file compressed by gzip, " + got);
  };
  const auto require_limit = [&](std::size_t size) {
    if (size <= options.max_bytes) return;
    throw Error(error::archive_limit, detail::escaped(source_name) + ": expected at most " +
                                          std::to_string(options.max_bytes) +
                                          " bytes after decompression, got more; if they are meant to be so "
                                          "many, raise GzipOptions::max_bytes");
  };
  constexpr int gzip_only = 15 + 16;  // the largest window, and gzip's header rather than zlib's
  z_stream stream{};
  if (inflateInit2(&stream, gzip_only) != Z_OK) throw std::bad_alloc();
  const std::unique_ptr<z_stream, int (*)(z_stream*)> guard(&stream, &inflateEnd);

  std::string result;
  std::size_t size = 0;   // of what has come out
  std::size_t taken = 0;  // of the input
  constexpr std::size_t most = (std::numeric_limits<uInt>::max)();
  for (;;) {
    if (size == result.size()) {
      require_limit(size);
      // One byte above the limit tells what is too long from what is just as long as it may be.
      const std::uint64_t wanted = (std::max)(std::uint64_t{1} << 16U, std::uint64_t{2} * size);
      result.resize(static_cast<std::size_t>(options.max_bytes < wanted ? options.max_bytes + 1 : wanted));
    }
    const std::size_t input = (std::min)(most, bytes.size() - taken);
    const std::size_t output = (std::min)(most, result.size() - size);
    // zlib does not write to its input; it only forgets to say so unless ZLIB_CONST is defined.
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data() + taken));
    stream.avail_in = static_cast<uInt>(input);
    stream.next_out = reinterpret_cast<Bytef*>(result.data() + size);
    stream.avail_out = static_cast<uInt>(output);
    const int status = inflate(&stream, Z_NO_FLUSH);
    taken += input - stream.avail_in;
    size += output - stream.avail_out;
    if (status == Z_MEM_ERROR) throw std::bad_alloc();
    if (status == Z_STREAM_END) {
      if (taken == bytes.size()) break;
      inflateReset(&stream);  // another member
    } else if (status == Z_BUF_ERROR || (status == Z_OK && taken == bytes.size() && size < result.size())) {
      fail("got its first " + std::to_string(bytes.size()) + " bytes; the file was cut off");
    } else if (status != Z_OK) {
      fail("got something else at about byte " + std::to_string(taken) + " (" +
           detail::escaped(stream.msg == nullptr ? "it needs a dictionary" : stream.msg) + ")");
    }
  }
  require_limit(size);
  result.resize(size);
  return result;
}

/// What the gzip file at `path` holds; see `gunzip`. For any of the library's formats:
///
///     const auto images = parse_idx<std::uint8_t>(read_gzip(path), path);
///     const Table table = parse_csv(read_gzip("visits.csv.gz"), "visits.csv.gz");
///
/// \throws Error (`file`) if the operating system cannot open or read it, and those of `gunzip`.
[[nodiscard]] inline std::string read_gzip(const std::string& path, const GzipOptions& options = {}) {
  return gunzip(detail::read_file(path, "a file compressed by gzip"), path, options);
}

}  // namespace healthai
