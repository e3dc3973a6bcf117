// Any bytes are an array or an Error whose message is one line, and an array never has more numbers than the file bytes.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "healthai/data/idx.hpp"

namespace {

template <class T>
void read(std::string_view bytes) {
  try {
    if (healthai::parse_idx<T>(bytes, "fuzz").size() > bytes.size()) std::abort();
  } catch (const healthai::Error& e) {
    if (!(e.id() == healthai::error::array_file) || std::strpbrk(e.what(), "\r\n") != nullptr) std::abort();
    if (std::strncmp(e.what(), "fuzz: ", 6) != 0) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  read<double>(bytes);
  read<float>(bytes);
  read<std::int16_t>(bytes);
  read<bool>(bytes);
  return 0;
}
