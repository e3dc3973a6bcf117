#include "healthai/serialization/sealed_file.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "healthai/core/parameters.hpp"
#include "healthai/core/random.hpp"
#include "healthai/server/round_report.hpp"

#if !defined(_WIN32)

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test_folder.hpp"

namespace serialization_sealed_file_test {

namespace {

using healthai::read_sealed_file;
using healthai::write_sealed_file;
using Bytes = std::vector<std::uint8_t>;

using Folder = TestFolder;

Bytes raw(const std::string& path) {
  Bytes bytes(std::filesystem::file_size(path));
  REQUIRE(!bytes.empty());
  std::FILE* file = std::fopen(path.c_str(), "rb");
  REQUIRE(file != nullptr);
  CHECK(std::fread(bytes.data(), 1, bytes.size(), file) == bytes.size());
  std::fclose(file);
  return bytes;
}
void put_raw(const std::string& path, const Bytes& bytes) {
  std::FILE* file = std::fopen(path.c_str(), "wb");
  REQUIRE(file != nullptr);
  if (!bytes.empty()) CHECK(std::fwrite(bytes.data(), 1, bytes.size(), file) == bytes.size());
  std::fclose(file);
}
/// Changes one byte in place.
void poke(const std::string& path, std::size_t at, unsigned value) {
  std::FILE* file = std::fopen(path.c_str(), "r+b");
  REQUIRE(file != nullptr);
  CHECK(std::fseek(file, static_cast<long>(at), SEEK_SET) == 0);
  CHECK(std::fputc(static_cast<int>(value), file) != EOF);
  std::fclose(file);
}
/// The id and message of the Error that `f` throws, "" when it throws none.
template <class F>
std::string error_of(F f) {
  try {
    f();
  } catch (const healthai::Error& e) {
    return std::string(e.id().name()) + ": " + e.what();
  }
  return "";
}
template <class T>
std::string error_of_reading(const std::string& path, std::string_view kind = "TEST") {
  return error_of([&] { (void)read_sealed_file<T>(path, kind); });
}
bool begins_with(const std::string& text, const std::string& start) {
  return text.rfind(start, 0) == 0;
}

struct Report {
  healthai::RoundReport round{};
  healthai::Parameters<double> parameters{};
  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& round& parameters;
  }
};
Report small_report() {
  Report report;
  report.round.round = 4;
  report.round.selected = {"a", "b"};
  report.parameters = healthai::Parameters<double>(healthai::Layout{{"w", {2, 2}}});
  report.parameters.data()[3] = 2.5;
  return report;
}

int fickle_calls = 0;
/// Writes another number of bytes each time.
struct Fickle {
  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    ++fickle_calls;
    for (int i = 0; i < fickle_calls; ++i) archive& fickle_calls;
  }
};

}  // namespace

TEST_CASE("a sealed file gives back its value") {
  const Folder folder;
  const std::string path = folder.file("x.ckpt");
  write_sealed_file(path, "TEST", small_report());
  const auto copy = read_sealed_file<Report>(path, "TEST");
  CHECK(copy.round.selected == small_report().round.selected);
  CHECK(copy.parameters.data()[3] == 2.5);
  CHECK(folder.names() == std::set<std::string>{"x.ckpt"});
}

TEST_CASE("the header and the checksum are as documented") {
  const Folder folder;
  write_sealed_file(folder.file("x"), "TEST", std::uint16_t{0x0102});
  const Bytes bytes = raw(folder.file("x"));
  const Bytes header{'H', 'E', 'A', 'L', 'T', 'H', 'A', 'I', 'T', 'E', 'S', 'T', 1,
                     0,   0,   0,   2,   0,   0,   0,   0,   0,   0,   0,   2,   1};
  REQUIRE(bytes.size() == header.size() + 8);
  CHECK(std::equal(header.begin(), header.end(), bytes.begin()));
  // CRC-64/XZ in its plainest form, a bit at a time.
  const auto crc64 = [](const auto& text, std::size_t size) {
    std::uint64_t crc = ~std::uint64_t{0};
    for (std::size_t i = 0; i < size; ++i) {
      crc ^= static_cast<std::uint8_t>(text[i]);
      for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1U) ^ ((crc & 1U) != 0 ? 0xC96C5795D7870F42U : 0U);
    }
    return ~crc;
  };
  CHECK(crc64("123456789", 9) == 0x995DC9BBDF1939FAU);  // the check value published for CRC-64/XZ
  std::uint64_t stored = 0;
  for (std::size_t i = 8; i-- > 0;) stored = stored << 8U | bytes[header.size() + i];
  CHECK(stored == crc64(bytes, header.size()));
}

TEST_CASE("values around and beyond the size of the buffers") {
  const Folder folder;
  const std::size_t block = healthai::detail::seal_block;
  for (const std::size_t size :
       {std::size_t{0}, block - 33, block - 32, block - 31, block, block + 1, 3 * block + 7}) {
    std::pair<Bytes, std::vector<std::string>> value{Bytes(size),
                                                     {"after", std::string(block + 3, 'x'), "end"}};
    for (std::size_t i = 0; i < size; ++i) value.first[i] = static_cast<std::uint8_t>(i * 31 + i / 256);
    write_sealed_file(folder.file("x"), "TEST", value);
    CHECK((read_sealed_file<decltype(value)>(folder.file("x"), "TEST") == value));
  }
}

TEST_CASE("every single-byte change, every cut and every surplus is an Error that names the file") {
  const Folder folder;
  const std::string path = folder.file("x");
  write_sealed_file(path, "TEST", small_report());
  const Bytes good = raw(path);
  for (std::size_t at = 0; at < good.size(); ++at) {
    for (const unsigned flip : {0x01U, 0x80U, 0xffU}) {
      poke(path, at, good[at] ^ flip);
      const std::string error = error_of_reading<Report>(path);
      CAPTURE(at);
      CHECK(begins_with(error, "archive_"));
      CHECK(error.find(path) != std::string::npos);
      if (at >= 24) CHECK(begins_with(error, "archive_corrupt"));  // the checksum, before anything is decoded
    }
    poke(path, at, good[at]);
  }
  CHECK(error_of_reading<Report>(path).empty());
  for (std::size_t size = good.size(); size-- > 0;) {
    std::filesystem::resize_file(path, size);
    CAPTURE(size);
    CHECK(begins_with(error_of_reading<Report>(path), "archive_truncated: " + path));
  }
  Bytes longer = good;
  longer.push_back(0);
  put_raw(path, longer);
  CHECK(begins_with(error_of_reading<Report>(path), "archive_corrupt: " + path));
  put_raw(path, good);
  CHECK(error_of_reading<Report>(path).empty());
}

TEST_CASE("another kind, another type and a newer version say what they are") {
  const Folder folder;
  const std::string path = folder.file("x");
  write_sealed_file(path, "LOGS", std::uint64_t{7});
  CHECK(error_of_reading<std::uint64_t>(path) ==
        "archive_corrupt: " + path + ": expected a file of the kind TEST, but this one is LOGS");
  CHECK(begins_with(error_of_reading<std::uint32_t>(path, "LOGS"), "archive_corrupt: " + path));
  CHECK(begins_with(error_of_reading<std::string>(path, "LOGS"), "archive_limit: " + path));
  Bytes newer = raw(path);
  newer[12] = 2;
  put_raw(path, newer);
  CHECK(begins_with(error_of_reading<std::uint64_t>(path, "LOGS"), "archive_version: " + path));
  put_raw(path, Bytes{'a', ',', 'b', '\n'});
  CHECK(error_of_reading<std::uint64_t>(path, "LOGS").find("not a file of healthai") != std::string::npos);
  CHECK(begins_with(error_of_reading<std::uint64_t>(path, "LONG KIND"), "invalid_argument"));
  CHECK(begins_with(error_of([&] { write_sealed_file(path, "a\nbc", 1); }), "invalid_argument"));
}

TEST_CASE("a lying length in a file with the right checksum asks for no memory") {
  const Folder folder;
  for (const std::uint64_t length : {std::uint64_t{1} << 40U, std::uint64_t{1} << 62U}) {
    write_sealed_file(folder.file("x"), "TEST", length);  // read as a vector: that many elements
    CHECK(begins_with(error_of_reading<std::vector<double>>(folder.file("x")), "archive_limit"));
    CHECK(begins_with(error_of_reading<std::vector<std::string>>(folder.file("x")), "archive_limit"));
  }
}

TEST_CASE("a write that fails leaves the old file and nothing else") {
  const Folder folder;
  const std::string path = folder.file("x");
  write_sealed_file(path, "TEST", std::string("old"));

  CHECK(begins_with(error_of([&] { write_sealed_file(folder.file("no/x"), "TEST", 1); }),
                    "file: " + folder.file("no/x") + ": cannot create"));
  CHECK(begins_with(error_of([&] { write_sealed_file(path, "TEST", Fickle()); }), "invalid_argument"));

  // As on a full disk: the system takes some bytes and refuses the rest.
  struct rlimit before {};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  struct rlimit little = before;
  little.rlim_cur = 300000;
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &little) == 0);
  const std::string error = error_of([&] { write_sealed_file(path, "TEST", std::string(1000000, 'x')); });
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &before) == 0);
  std::signal(SIGXFSZ, handler);
  CHECK(error ==
        "file: " + path + ": cannot write its new contents (the old file is unchanged): File too large");

  CHECK(read_sealed_file<std::string>(path, "TEST") == "old");
  CHECK(folder.names() == std::set<std::string>{"x"});
}

TEST_CASE("killed at any moment, the file is the old one or the new one") {
  const Folder folder;
  const std::string path = folder.file("x");
  using Value = std::vector<std::uint64_t>;
  constexpr std::size_t size = 100000;  // 0.8 MB: several writes each
  const auto begin = std::chrono::steady_clock::now();
  write_sealed_file(path, "TEST", Value(size, 0));
  const std::chrono::duration<double, std::micro> once = std::chrono::steady_clock::now() - begin;
  healthai::Stream random(1, healthai::Purpose::test);
  std::uint64_t last = 0;
  std::size_t changed = 0;
  std::size_t interrupted = 0;
  for (int attempt = 0; attempt < 15; ++attempt) {
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      try {
        for (std::uint64_t value = last + 1;; ++value) write_sealed_file(path, "TEST", Value(size, value));
      } catch (...) {
        ::_exit(1);  // seen by the parent: the child must die of the signal only
      }
    }
    std::this_thread::sleep_for(once * 4 * healthai::uniform(random));
    REQUIRE(::kill(child, SIGKILL) == 0);
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(WIFSIGNALED(status));
    if (folder.names().size() > 1) ++interrupted;
    const auto value = read_sealed_file<Value>(path, "TEST");
    REQUIRE(value.size() == size);
    CHECK(value.front() >= last);
    CHECK(value == Value(size, value.front()));
    if (value.front() != last) ++changed;
    last = value.front();
  }
  CHECK(changed > 0);
  CHECK(interrupted > 0);  // otherwise no write was caught half-way
  write_sealed_file(path, "TEST", Value{1});
  CHECK(folder.names() == std::set<std::string>{"x"});  // what the killed left behind is gone
}

TEST_CASE("writers and readers of one file at the same time") {
  const Folder folder;
  const std::string path = folder.file("x");
  using Value = std::vector<std::uint64_t>;
  write_sealed_file(path, "TEST", Value(50000, 0));
  std::vector<std::string> errors(3);
  std::vector<std::thread> writers;
  for (std::uint64_t w = 1; w < 3; ++w) {
    writers.emplace_back([&, w] {
      errors[w] = error_of([&] {
        for (int i = 0; i < 20; ++i) write_sealed_file(path, "TEST", Value(50000, w));
      });
    });
  }
  for (int i = 0; i < 20; ++i) {
    const auto value = read_sealed_file<Value>(path, "TEST");
    CHECK(value == Value(50000, value.front()));
  }
  for (std::thread& writer : writers) writer.join();
  CHECK(errors == std::vector<std::string>(3));
  CHECK(folder.names() == std::set<std::string>{"x"});
}

}  // namespace serialization_sealed_file_test
#endif
