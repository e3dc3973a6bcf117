#pragma once

/// \file
/// Keys in PEM files: reading the text, and wiping it.

#include <openssl/crypto.h>

#include <cstddef>
#include <span>
#include <string>

#include "healthai/core/error.hpp"
#include "healthai/serialization/detail/os_file.hpp"

namespace healthai::detail {

/// Text that is a secret: overwritten when it goes.
struct SecretText {
  std::string text{};
  SecretText() = default;
  SecretText(const SecretText&) = delete;
  SecretText& operator=(const SecretText&) = delete;
  ~SecretText() { OPENSSL_cleanse(text.data(), text.size()); }
};

/// \throws Error (`file`), (`crypto`) if it is too long to be a key
inline void read_key_file(const std::string& path, std::string& text) {
  InputFile file(path);
  if (file.size() > 65536) throw Error(error::crypto, path + ": a key file is not longer than 65536 bytes");
  text.resize(static_cast<std::size_t>(file.size()));
  file.read(std::as_writable_bytes(std::span(text)));
}

/// For OpenSSL's readers of PEM: never asks on the terminal.
inline int no_passphrase(char*, int, int, void*) {
  return -1;
}

}  // namespace healthai::detail
