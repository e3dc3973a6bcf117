#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/crypto/hex.hpp"

/// Published test vectors are hexadecimal digits.
namespace crypto_test {

template <std::size_t N>
std::array<std::uint8_t, N> bytes(std::string_view digits) {
  const auto result = healthai::from_hex<N>(digits);
  if (!result) throw std::invalid_argument("a test vector is not " + std::to_string(N) + " bytes long");
  return *result;
}
inline std::vector<std::uint8_t> octets(std::string_view digits) {
  std::vector<std::uint8_t> result;
  for (std::size_t i = 0; i < digits.size(); i += 2) result.push_back(bytes<1>(digits.substr(i, 2))[0]);
  return result;
}
inline std::span<const std::byte> view(std::span<const std::uint8_t> octets) {
  return std::as_bytes(octets);
}
inline std::string hex_of(std::span<const std::byte> text) {
  return healthai::hex({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
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

}  // namespace crypto_test
