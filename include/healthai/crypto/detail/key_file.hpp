#pragma once

/// \file
/// Keys in PEM files: reading their text.

#include <openssl/bio.h>

#include <cstddef>
#include <string>
#include <string_view>

#include "healthai/core/error.hpp"
#include "healthai/crypto/detail/openssl.hpp"
#include "healthai/crypto/secret_bytes.hpp"
#include "healthai/serialization/detail/os_file.hpp"

namespace healthai::detail {

/// \throws Error (`file`), (`crypto`) if it is too long to be a key
[[nodiscard]] inline SecretBytes read_key_file(const std::string& path) {
  InputFile file(path);
  if (file.size() > 65536) throw Error(error::crypto, path + ": a key file is not longer than 65536 bytes");
  SecretBytes text(static_cast<std::size_t>(file.size()));
  file.read(text.writable_bytes());
  return text;
}

/// To read from `text`, which must live as long. \throws Error (`crypto`)
[[nodiscard]] inline Bio memory_bio(std::string_view text) {
  // It takes no null pointer, not even for an empty text.
  Bio bio(BIO_new_mem_buf(text.empty() ? "" : text.data(), static_cast<int>(text.size())));
  if (!bio) throw_crypto_error("cannot read a key");
  return bio;
}

/// For OpenSSL's readers of PEM: never asks on the terminal.
inline int no_passphrase(char*, int, int, void*) {
  return -1;
}

}  // namespace healthai::detail
