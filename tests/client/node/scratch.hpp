#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>

#include "healthai/core/error.hpp"
#include "test_folder.hpp"

namespace node_test {

using Folder = TestFolder;

inline std::string read_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}
inline void write_text(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
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
inline bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace node_test
