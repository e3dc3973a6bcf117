#pragma once

#include <unistd.h>

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "client/node/scratch.hpp"
#include "healthai/crypto/signing_key.hpp"

namespace audit_test {

/// One key for all tests of a program.
inline const healthai::SigningKey& test_key() {
  static const healthai::SigningKey key = healthai::SigningKey::make();
  return key;
}
inline std::function<std::chrono::system_clock::time_point()> fixed_clock() {
  using namespace std::chrono;
  return [] { return sys_days(2026y / May / 3) + hours(8) + minutes(15) + seconds(30) + milliseconds(123); };
}
/// Without their ends.
inline std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = text.find('\n', begin);
    lines.push_back(text.substr(begin, end - begin));
    begin = end == std::string::npos ? text.size() : end + 1;
  }
  return lines;
}

}  // namespace audit_test
