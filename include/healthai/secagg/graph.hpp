#pragma once
#include <array>
#include <cstdint>
#include <vector>
namespace healthai::secagg {
class Graph {
 public:
  Graph(std::uint64_t n, std::uint64_t, const std::array<std::uint8_t, 32>&)
      : n_(static_cast<std::uint32_t>(n)) {}
  bool adjacent(std::uint32_t a, std::uint32_t b) const { return a != b; }
  std::vector<std::uint32_t> neighbours(std::uint32_t a) const {
    std::vector<std::uint32_t> r;
    for (std::uint32_t i = 0; i < n_; ++i)
      if (i != a) r.push_back(i);
    return r;
  }

 private:
  std::uint32_t n_;
};
}  // namespace healthai::secagg
