#include "healthai/data/detail/read_file.hpp"

#include <doctest/doctest.h>
#include <cstdio>
#include <filesystem>
#include <string>

#include "../csv_text.hpp"

namespace data_detail_read_file_test {

using csv_test::message_of;
using healthai::detail::read_file;

TEST_CASE("read file: all bytes, whatever they are and however many") {
  const auto path = (std::filesystem::temp_directory_path() / "healthai-read-file-test").string();
  for (const unsigned wanted : {0U, 1U, 65535U, 65536U, 65537U, 200000U}) {
    const std::size_t size = wanted;
    std::string bytes(size, '\0');
    for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * 7 % 256);
    std::FILE* const file = std::fopen(path.c_str(), "wb");
    REQUIRE(file != nullptr);
    REQUIRE(std::fwrite(bytes.data(), 1, size, file) == size);
    std::fclose(file);
    CHECK(read_file(path, "a file") == bytes);
  }
  std::filesystem::remove(path);
}

TEST_CASE("read file: what the operating system refuses is told") {
  const auto folder = std::filesystem::temp_directory_path().string();
  CHECK(
      message_of(healthai::error::file, [&] { (void)read_file(folder + "/no-such-file", "a test file"); }) ==
      folder +
          "/no-such-file: expected a test file, but it cannot be opened (No such file or directory); check "
          "the "
          "path and its permissions");
  CHECK(message_of(healthai::error::file, [&] { (void)read_file(folder, "a test file"); }) ==
        folder +
            ": expected a test file, but it cannot be read (Is a directory); check the path and its "
            "permissions");
}

}  // namespace data_detail_read_file_test
