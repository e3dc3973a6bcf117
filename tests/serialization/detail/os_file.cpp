#include "healthai/serialization/detail/os_file.hpp"

#include <doctest/doctest.h>

#include <cstdio>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "test_folder.hpp"

namespace serialization_detail_os_file_test {

#if !defined(_WIN32)

namespace {

using healthai::detail::InputFile;
using healthai::detail::ReplacementFile;

using Folder = TestFolder;

void put(const std::string& path, const std::string& text) {
  ReplacementFile file(path);
  file.write(std::as_bytes(std::span(text)));
  file.commit();
}
std::string get(const std::string& path) {
  InputFile file(path);
  std::string text(file.size(), '\0');
  file.read(std::as_writable_bytes(std::span(text)));
  return text;
}
template <class F>
std::string message_of(F f) {
  try {
    f();
  } catch (const healthai::Error& e) {
    return std::string(e.id().name()) + ": " + e.what();
  }
  return "";
}
void touch(const std::string& path) {
  std::FILE* file = std::fopen(path.c_str(), "wb");
  REQUIRE(file != nullptr);
  std::fclose(file);
}

}  // namespace

TEST_CASE("a replacement appears under its name only when it is committed") {
  const Folder folder;
  const std::string path = folder.file("x");
  put(path, "old");
  {
    ReplacementFile file(path);
    const std::string text = "new";
    file.write(std::as_bytes(std::span(text)));
    CHECK(get(path) == "old");
    CHECK(folder.names().size() == 2);
  }  // given up
  CHECK(get(path) == "old");
  CHECK(folder.names() == std::set<std::string>{"x"});
  put(path, "new");
  CHECK(get(path) == "new");
  CHECK(folder.names() == std::set<std::string>{"x"});
}

TEST_CASE("only the owner may read a new file, whatever the old one allowed") {
  const Folder folder;
  const std::string path = folder.file("x");
  touch(path);
  std::filesystem::permissions(path, std::filesystem::perms::all);
  put(path, "secret");
  CHECK(std::filesystem::status(path).permissions() ==
        (std::filesystem::perms::owner_read | std::filesystem::perms::owner_write));
}

TEST_CASE("two writers of one path do not disturb each other") {
  const Folder folder;
  const std::string path = folder.file("x");
  const std::string one = "one";
  const std::string two = "two";
  ReplacementFile first(path);
  ReplacementFile second(path);  // must not take the first one's file for an abandoned one
  CHECK(folder.names().size() == 2);
  first.write(std::as_bytes(std::span(one)));
  second.write(std::as_bytes(std::span(two)));
  second.commit();
  CHECK(get(path) == "two");
  first.commit();
  CHECK(get(path) == "one");
}

TEST_CASE("what a killed writer left is removed, and nothing else") {
  const Folder folder;
  touch(folder.file("x.123-456-789.tmp"));
  const std::set<std::string> others{"y.123-456-789.tmp", "x.tmp",          "x.1-2.tmp",
                                     "x.notes-1-2.tmp",   "x.1-2-3.tmp.gz", "xx.1-2-3.tmp"};
  for (const std::string& name : others) touch(folder.file(name));
  put(folder.file("x"), "text");
  auto expected = others;
  expected.insert("x");
  CHECK(folder.names() == expected);
}

TEST_CASE("what is not a regular file is left alone") {
  const Folder folder;
  CHECK(message_of([&] { ReplacementFile file(folder.path); }).find("regular file") != std::string::npos);
  CHECK(message_of([] {
          ReplacementFile file("/dev/null");
        }).find("file: /dev/null: expected a regular file") == 0);
  CHECK(message_of([&] { InputFile file(folder.path); }).find("regular file") != std::string::npos);
  CHECK(message_of([] { InputFile file("/dev/zero"); }).find("regular file") != std::string::npos);
}

TEST_CASE("errors name the path, the operation and the system's reason") {
  const Folder folder;
  const std::string missing = folder.file("no/such/file");
  CHECK(message_of([&] { InputFile file(missing); }) ==
        "file: " + missing + ": cannot open the file: No such file or directory");
  CHECK(message_of([&] { ReplacementFile file(missing); }) ==
        "file: " + missing +
            ": cannot create a new file beside it (does the folder exist, and may you write there?): No such "
            "file "
            "or directory");
}

TEST_CASE("a folder that vanishes before the commit is an error") {
  const Folder folder;
  std::filesystem::create_directory(folder.file("inner"));
  ReplacementFile file(folder.file("inner/x"));
  std::filesystem::remove_all(folder.file("inner"));
  CHECK(message_of([&] { file.commit(); }).find("file: " + folder.file("inner/x") + ": cannot replace it") ==
        0);
}

TEST_CASE("a file in the current folder needs no slash") {
  const Folder folder;
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(folder.path);
  put("plain", "text");
  const std::string text = get("plain");
  std::filesystem::current_path(before);
  CHECK(text == "text");
  CHECK(folder.names() == std::set<std::string>{"plain"});
}

TEST_CASE("reading beyond the end is an error") {
  const Folder folder;
  put(folder.file("x"), "text");
  InputFile file(folder.file("x"));
  file.seek(2);
  std::vector<std::byte> bytes(3);
  CHECK(message_of([&] { file.read(bytes); }).find("archive_truncated: ") == 0);
}

#endif

}  // namespace serialization_detail_os_file_test
