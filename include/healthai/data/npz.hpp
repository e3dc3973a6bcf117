#pragma once

/// \file
/// Needs libzip: link `healthai::npz` (find_package(healthai COMPONENTS npz)).

#include <zip.h>
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/data/detail/read_file.hpp"
#include "healthai/data/detail/text.hpp"
#include "healthai/data/npy.hpp"

namespace healthai {

/// How far compressed data are trusted.
struct NpzOptions {
  std::uint64_t max_bytes = std::uint64_t{4}
                            << 30U;  ///< of one array: a small archive can be made to expand a thousandfold
};

/// The arrays of an .npz file, as numpy.savez and numpy.savez_compressed write it: a zip archive of .npy files, stored
/// or deflated. Opening it reads the list of names only.
///
///     NpzFile scans("scans.npz");
///     const xt::xarray<float> images = scans.read<float>("images");
///
/// Holds the file open. One thread at a time.
class NpzFile {
 public:
  /// \throws Error (`file`) if the operating system cannot open it; (`array_file`) if it is no zip archive, or has no
  /// array, or one twice.
  explicit NpzFile(const std::string& path, const NpzOptions& options = {})
      : NpzFile(nullptr, path, options) {}
  /// An archive in memory. `source_name` is what messages call it. \throws Error (`array_file`)
  [[nodiscard]] static NpzFile from_bytes(std::string bytes, const std::string& source_name,
                                          const NpzOptions& options = {}) {
    return {std::make_unique<std::string>(std::move(bytes)), source_name, options};
  }

  /// The arrays' names, without ".npy", in the order of the file; what else is in the archive is not listed.
  [[nodiscard]] const std::vector<std::string>& names() const noexcept { return names_; }

  /// The array called `name`; its checksum is checked. See `parse_npy` for what T may be.
  /// \throws Error (`unknown_name`) with the names that there are; (`archive_limit`) for more than `max_bytes`;
  /// (`array_file`) for damaged, encrypted or otherwise compressed data, and as `parse_npy` does.
  template <ArrayNumber T>
  [[nodiscard]] xt::xarray<T> read(const std::string& name) {
    const auto found = std::find(names_.begin(), names_.end(), name);
    if (found == names_.end()) {
      throw Error(error::unknown_name, where() + ": no array " + detail::quoted(name) +
                                           "; there are: " + detail::quoted_list(names_));
    }
    const std::string bytes = inflated(entries_[static_cast<std::size_t>(found - names_.begin())], name);
    return parse_npy<T>(bytes, where(name));
  }

 private:
  static constexpr const char* kind = "a zip archive of NumPy arrays (.npz)";
  struct Discard {
    void operator()(zip_t* archive) const noexcept { zip_discard(archive); }
    void operator()(zip_file_t* file) const noexcept { zip_fclose(file); }
  };

  NpzFile(std::unique_ptr<std::string> bytes, const std::string& source, const NpzOptions& options)
      : bytes_(std::move(bytes)), source_(source), options_(options) {
    open();
    const auto count =
        static_cast<zip_uint64_t>((std::max)(zip_int64_t{0}, zip_get_num_entries(archive_.get(), 0)));
    for (zip_uint64_t i = 0; i < count; ++i) {
      const char* const raw = zip_get_name(archive_.get(), i, ZIP_FL_ENC_RAW);
      std::string name = raw == nullptr ? "" : raw;
      constexpr std::string_view ending = ".npy";
      if (name.size() < ending.size() || !std::string_view(name).ends_with(ending)) continue;
      name.resize(name.size() - ending.size());
      names_.push_back(std::move(name));
      entries_.push_back(i);
    }
    if (names_.empty()) fail(where() + ": expected " + kind + ", got one without any");
    std::vector<std::string> sorted = names_;
    std::sort(sorted.begin(), sorted.end());
    const auto twice = std::adjacent_find(sorted.begin(), sorted.end());
    if (twice != sorted.end())
      fail(where() + ": expected each array once, got " + detail::quoted(*twice) + " twice");
  }

  [[nodiscard]] std::string where() const { return detail::escaped(source_); }
  [[nodiscard]] std::string where(const std::string& name) const {
    return where() + ", array " + detail::quoted(name);
  }
  [[noreturn]] static void fail(const std::string& message) { throw Error(error::array_file, message); }

  void open() {
    if (bytes_ == nullptr) (void)detail::open_file(source_, kind);  // for a clear error; libzip's are not
    zip_error_t reason;
    zip_error_init(&reason);
    zip_source_t* const source = bytes_ == nullptr
                                     ? zip_source_file_create(source_.c_str(), 0, 0, &reason)
                                     : zip_source_buffer_create(bytes_->data(), bytes_->size(), 0, &reason);
    if (source != nullptr) {
      archive_.reset(zip_open_from_source(source, ZIP_RDONLY, &reason));
      if (archive_ == nullptr) zip_source_free(source);
    }
    const int code = zip_error_code_zip(&reason);
    const bool system = zip_error_system_type(&reason) == ZIP_ET_SYS && zip_error_code_system(&reason) != 0;
    const std::string text = archive_ == nullptr ? zip_error_strerror(&reason) : "";
    zip_error_fini(&reason);
    if (archive_ != nullptr) return;
    if (code == ZIP_ER_MEMORY) throw std::bad_alloc();
    throw Error(system ? error::file : error::array_file,
                where() + ": expected " + kind + ", but it cannot be read (" +
                    (code == ZIP_ER_NOENT ? "its list of entries is damaged" : detail::escaped(text)) + ")");
  }

  // The bytes of an entry. What the archive says about their number is not believed.
  std::string inflated(zip_uint64_t entry, const std::string& name) {
    zip_stat_t stat;
    zip_stat_init(&stat);
    if (zip_stat_index(archive_.get(), entry, 0, &stat) != 0) fail(where(name) + ": cannot be found again");
    if ((stat.valid & ZIP_STAT_ENCRYPTION_METHOD) != 0 && stat.encryption_method != ZIP_EM_NONE) {
      fail(where(name) + ": expected plain data, got encrypted data");
    }
    if (stat.comp_method != ZIP_CM_STORE && stat.comp_method != ZIP_CM_DEFLATE) {
      fail(where(name) + ": expected data that are stored or deflated, got compression method " +
           std::to_string(stat.comp_method));
    }
    const std::unique_ptr<zip_file_t, Discard> file(zip_fopen_index(archive_.get(), entry, 0));
    if (file == nullptr) {
      fail(where(name) + ": cannot be read (" + detail::escaped(zip_strerror(archive_.get())) + ")");
    }
    std::string bytes;
    std::size_t size = 0;
    for (;;) {
      if (size == bytes.size()) {
        // One byte above the limit tells what is too long from what is just as long as it may be.
        const std::uint64_t wanted = (std::max)(std::uint64_t{1} << 16U, std::uint64_t{2} * size);
        bytes.resize(static_cast<std::size_t>(options_.max_bytes < wanted ? options_.max_bytes + 1 : wanted));
      }
      const zip_int64_t got = zip_fread(file.get(), bytes.data() + size, bytes.size() - size);
      if (got < 0) {
        fail(where(name) + ": the data are damaged (" + detail::escaped(zip_file_strerror(file.get())) + ")");
      }
      if (got == 0) break;
      size += static_cast<std::size_t>(got);
      if (size > options_.max_bytes) {
        throw Error(error::archive_limit,
                    where(name) + ": expected at most " + std::to_string(options_.max_bytes) +
                        " bytes after decompression, got more; if they are meant to be so "
                        "many, raise NpzOptions::max_bytes");
      }
    }
    bytes.resize(size);
    return bytes;
  }

  std::unique_ptr<std::string> bytes_;  // of an archive in memory; where they stand must not change
  std::string source_;
  NpzOptions options_;
  std::unique_ptr<zip_t, Discard> archive_;
  std::vector<std::string> names_;
  std::vector<zip_uint64_t> entries_;  // one for each name
};

/// One array of the .npz file at `path`; see NpzFile, which is for several. \throws Error as NpzFile and `read` do.
template <ArrayNumber T>
[[nodiscard]] xt::xarray<T> read_npz(const std::string& path, const std::string& name,
                                     const NpzOptions& options = {}) {
  return NpzFile(path, options).read<T>(name);
}

}  // namespace healthai
