#pragma once

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <set>
#include <string>

/// A folder of its own for one test, removed afterwards.
struct TestFolder {
  std::string path;
  TestFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "healthai-test-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path = name;
  }
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;
  ~TestFolder() { std::filesystem::remove_all(path); }
  [[nodiscard]] std::string file(const std::string& name) const { return path + "/" + name; }
  [[nodiscard]] std::set<std::string> names() const {
    std::set<std::string> result;
    for (const auto& entry : std::filesystem::directory_iterator(path)) {
      result.insert(entry.path().filename().string());
    }
    return result;
  }
};
