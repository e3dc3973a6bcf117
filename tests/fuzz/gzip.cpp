// Any bytes are a gzip file or an Error whose message is one line, and nothing is larger than was allowed.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "healthai/data/gzip.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t most = 1 << 20U;
  try {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    if (healthai::gunzip(bytes, "fuzz", {.max_bytes = most}).size() > most) std::abort();
  } catch (const healthai::Error& e) {
    const bool expected = e.id() == healthai::error::array_file || e.id() == healthai::error::archive_limit;
    if (!expected || std::strpbrk(e.what(), "\r\n") != nullptr) std::abort();
    if (std::strncmp(e.what(), "fuzz: ", 6) != 0) std::abort();
  }
  return 0;
}
