#include "healthai/detail/spare_memory.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "healthai/core/parameters.hpp"
#include "healthai/detail/large_memory.hpp"

namespace core_spare_memory_test {

using healthai::Layout;
using healthai::Parameters;
using healthai::detail::large_memory;
using healthai::detail::SpareMemory;

namespace {

Layout model_of(std::size_t bytes) {
  return Layout{{"w", {bytes / sizeof(float)}}};
}

}  // namespace

TEST_CASE("the memory of a large model serves the next of the same size, cleared") {
  if (!SpareMemory::keeps) return;
  const Layout layout = model_of(large_memory);
  const float* first = nullptr;
  {
    Parameters<float> model(layout);
    first = model.data();
    model.flat().setConstant(1);
  }
  const Parameters<float> second(layout);
  CHECK(second.data() == first);
  CHECK(second.flat().isZero());
  const Parameters<float> third(layout);
  CHECK(third.data() != first);
}

TEST_CASE("of two sizes the latter is kept, and given back when another size is asked for") {
  if (!SpareMemory::keeps) return;
  const Layout layout = model_of(large_memory);
  const Layout larger = model_of(2 * large_memory);
  { const Parameters<float> model(layout); }
  const float* memory = nullptr;
  {
    const Parameters<float> other(larger);
    memory = other.data();
  }
  const Parameters<float> again(larger);
  CHECK(again.data() == memory);
  CHECK(SpareMemory::instance().take(large_memory) == nullptr);
  { const Parameters<float> model(layout); }
  CHECK(SpareMemory::instance().take(2 * large_memory) == nullptr);
  CHECK(SpareMemory::instance().take(large_memory) == nullptr);
}

TEST_CASE("models that come and go between small things need the memory of those that are there") {
  const auto in_memory = [] {
    std::ifstream status("/proc/self/status");
    double kibibytes = 0;
    for (std::string word; status >> word && word != "VmRSS:";) continue;
    status >> kibibytes;
    return kibibytes * 1024;
  };
  if (!SpareMemory::keeps || in_memory() == 0) return;
  constexpr std::size_t bytes = 3 * large_memory;
  const Layout layout = model_of(bytes);
  std::vector<std::string> small;
  std::vector<Parameters<float>> models;
  const double before = in_memory();
  for (int k = 0; k < 200; ++k) {
    models.emplace_back(layout);
    for (int s = 0; s < 50; ++s) small.emplace_back(200 + 13 * s, 'x');
    if (models.size() == 4) models.clear();
  }
  CHECK((in_memory() - before) / bytes < 4 + 5 + 1);  // there at once, spare, small things
}

TEST_CASE("a moved model takes its memory along") {
  const Layout layout = model_of(large_memory);
  Parameters<float> model(layout);
  const float* memory = model.data();
  model.flat().setConstant(2);
  Parameters<float> moved = std::move(model);
  CHECK(moved.data() == memory);
  model = Parameters<float>(layout);
  CHECK(model.data() != memory);
  CHECK(moved.flat().minCoeff() == 2);
}

TEST_CASE("threads that come and go with models never share one") {
  const Layout layout = model_of(large_memory);
  std::vector<int> wrong(4);
  {
    std::vector<std::jthread> threads;
    for (std::size_t t = 0; t < wrong.size(); ++t) {
      threads.emplace_back([&, t] {
        for (int k = 0; k < 20; ++k) {
          Parameters<float> model(layout);
          model.flat().setConstant(static_cast<float>(t));
          wrong[t] += model.flat().minCoeff() != static_cast<float>(t);
          wrong[t] += model.flat().maxCoeff() != static_cast<float>(t);
        }
      });
    }
  }
  CHECK(wrong == std::vector<int>(4));
}

}  // namespace core_spare_memory_test
