// Any bytes are an archive of arrays or an Error whose message is one line, and nothing is larger than was allowed.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>

#include "healthai/data/npz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t most = 1 << 20U;
  try {
    healthai::NpzFile file = healthai::NpzFile::from_bytes(
        std::string(reinterpret_cast<const char*>(data), size), "fuzz", {.max_bytes = most});
    for (const std::string& name : file.names()) {
      if (file.read<double>(name).size() > most) std::abort();
    }
  } catch (const healthai::Error& e) {
    const bool expected = e.id() == healthai::error::array_file || e.id() == healthai::error::archive_limit;
    if (!expected || std::strpbrk(e.what(), "\r\n") != nullptr) std::abort();
    if (std::strncmp(e.what(), "fuzz", 4) != 0) std::abort();
  }
  return 0;
}
