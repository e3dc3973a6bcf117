// Any bytes are a table or an Error whose message is one line; what was a table is the same one after it is written
// as CSV and read again.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "../data/csv_text.hpp"
#include "healthai/data/csv.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    const healthai::Table table = healthai::parse_csv(text, "fuzz");
    const healthai::Table again = healthai::parse_csv(csv_test::csv_text(table), "again");
    if (!csv_test::same(table, again)) std::abort();
  } catch (const healthai::Error& e) {
    if (!(e.id() == healthai::error::csv) || std::strpbrk(e.what(), "\r\n") != nullptr) std::abort();
    if (std::strncmp(e.what(), "fuzz, line ", 11) != 0) std::abort();
  }
  return 0;
}
