#pragma once

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "folders.hpp"
#include "healthai/core/parameters.hpp"
#include "healthai/serialization/encoded_message.hpp"

/// Bytes put together by hand, as docs/wire-protocol.md says.
namespace docs_wire_bytes {

using namespace healthai;

inline std::string page() {
  std::ifstream file(source_folder() + "/docs/wire-protocol.md", std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}
inline bool says(const std::string& text) {
  return page().find(text) != std::string::npos;
}

/// The block of text after the comment <!-- NAME -->.
inline std::string block(const std::string& name) {
  const std::string text = page();
  const std::string begin = "<!-- " + name + " -->\n```text\n";
  const std::size_t at = text.find(begin);
  REQUIRE(at != std::string::npos);
  return text.substr(at + begin.size(), text.find("```", at + begin.size()) - at - begin.size());
}

/// Bytes put together by hand, as the page says.
class Bytes {
 public:
  Bytes& number(std::uint64_t value, std::size_t bytes) {
    for (std::size_t i = 0; i < bytes; ++i) bytes_ += static_cast<char>(value >> (8 * i) & 0xffU);
    return *this;
  }
  Bytes& u8(std::uint64_t value) { return number(value, 1); }
  Bytes& u32(std::uint64_t value) { return number(value, 4); }
  Bytes& u64(std::uint64_t value) { return number(value, 8); }
  Bytes& f64(double value) {
    std::uint64_t bits = 0;
    std::memcpy(&bits, &value, sizeof bits);
    return u64(bits);
  }
  Bytes& text(const std::string& value) {
    u64(value.size());
    bytes_ += value;
    return *this;
  }
  Bytes& object() { return u32(0); }
  [[nodiscard]] const std::string& str() const { return bytes_; }

 private:
  std::string bytes_;
};

template <class Span>
std::string text_of(const Span& bytes) {
  std::string text;
  for (const auto byte : bytes) text += static_cast<char>(byte);
  return text;
}
inline std::string arrays_of(const EncodedMessage& message) {
  std::string text;
  for (const auto& array : message.arrays) text += text_of(array);
  return text;
}

inline const Layout layout{{"beta", {2}}, {"intercept", {}}};
inline const Parameters<double> parameters(layout, std::vector<double>{0.5, -2, 3});

/// The layout, and the parameters' head, as the page says.
inline void put_layout_alone(Bytes& bytes) {
  bytes.object().u64(2);
  bytes.object().text("beta").u64(1).u64(2);
  bytes.object().text("intercept").u64(0);
}
inline void put_layout(Bytes& bytes) {
  bytes.object();
  put_layout_alone(bytes);
}
inline std::string numbers() {
  return Bytes().f64(0.5).f64(-2).f64(3).str();
}

}  // namespace docs_wire_bytes
