// A training step of a ConvNetModel (loss and gradient of a batch of 32 images of 28 by 28) beside the matrix products that it
// consists of, with nothing around them: no patches to gather, no pooling, no loss. network:0 is the model's default,
// network:1 that of McMahan and others, 2017. "flop" counts multiplications and additions of those products a second.
#include <benchmark/benchmark.h>

#include <cstddef>
#include <Eigen/Core>
#include <utility>
#include <vector>

#include "healthai/model/conv_net.hpp"

namespace {

using namespace healthai;
using Matrix = Eigen::MatrixXf;

constexpr ImageShape image{1, 28, 28};
constexpr std::size_t classes = 10;
constexpr Eigen::Index batch = 32;

ConvNetOptions options(std::int64_t network) {
  if (network == 0) return {};
  return {.channels = {32, 64}, .kernel = 5, .hidden = {512}};
}

/// One layer as products: `rows` patches of `inputs` numbers each, times a weight for each of the `units`.
struct Layer {
  Eigen::Index rows;
  Eigen::Index inputs;
  Eigen::Index units;
};
std::vector<Layer> layers(std::int64_t network) {
  if (network == 0) return {{batch * 784, 9, 16}, {batch * 196, 144, 32}, {batch, 1568, 64}, {batch, 64, 10}};
  return {{batch * 784, 25, 32}, {batch * 196, 800, 64}, {batch, 3136, 512}, {batch, 512, 10}};
}
/// Of a product forward, one for the weights, and one for the inputs of all layers but the first.
double flop(std::int64_t network) {
  double total = 0;
  const std::vector<Layer> all = layers(network);
  for (std::size_t l = 0; l < all.size(); ++l) {
    total += (l == 0 ? 4.0 : 6.0) * static_cast<double>(all[l].rows * all[l].inputs * all[l].units);
  }
  return total;
}
void count(benchmark::State& state, double each) {
  state.counters["flop"] = benchmark::Counter(each, benchmark::Counter::kIsIterationInvariantRate);
}

void step(benchmark::State& state) {
  Stream stream(1, Purpose::test);
  FeatureMatrix<float> x(256, 784);
  for (Eigen::Index i = 0; i < x.size(); ++i) x.data()[i] = static_cast<float>(uniform(stream));
  std::vector<std::size_t> labels(256);
  for (std::size_t& label : labels) label = uniform_index(stream, classes);
  ConvNetModel<float> model(std::move(x), image, std::move(labels), classes, options(state.range(0)));
  const auto parameters = ConvNetModel<float>::initial_parameters(model.layout(), stream);
  Parameters<float> gradient(model.layout());
  std::vector<std::size_t> rows(static_cast<std::size_t>(batch));
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = i * 37 % 256;
  for (auto _ : state) benchmark::DoNotOptimize(model.loss(parameters, rows, gradient));
  count(state, flop(state.range(0)));
}

void matrix_products(benchmark::State& state) {
  struct Memory {
    Matrix patches, weight, sums, weight_slope, patch_slope;
  };
  std::vector<Memory> memory;
  for (const Layer& layer : layers(state.range(0))) {
    memory.push_back({Matrix::Random(layer.rows, layer.inputs), Matrix::Random(layer.inputs, layer.units),
                      Matrix::Zero(layer.rows, layer.units), Matrix::Zero(layer.inputs, layer.units),
                      Matrix::Zero(layer.rows, layer.inputs)});
  }
  for (auto _ : state) {
    for (std::size_t l = 0; l < memory.size(); ++l) {
      Memory& m = memory[l];
      m.sums.noalias() = m.patches * m.weight;
      m.weight_slope.noalias() = m.patches.transpose() * m.sums;
      if (l != 0) m.patch_slope.noalias() = m.sums * m.weight.transpose();
    }
    benchmark::ClobberMemory();
  }
  count(state, flop(state.range(0)));
}

}  // namespace

BENCHMARK(step)
    ->Name("conv_net/step")
    ->ArgName("network")
    ->Arg(0)
    ->Arg(1)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
BENCHMARK(matrix_products)
    ->Name("baseline/matrix_products")
    ->ArgName("network")
    ->Arg(0)
    ->Arg(1)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
