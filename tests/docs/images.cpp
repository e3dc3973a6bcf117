// The images of docs/getting-started.md.
#include <doctest/doctest.h>

#include <cstdint>
#include <filesystem>
#include <fstream>

#include "../data/array_bytes.hpp"
#include "../examples/run_example.hpp"
#include "healthai/data.hpp"
#include "healthai/healthai.hpp"
#include "healthai/model/conv_net.hpp"

namespace docs_images_test {

using namespace healthai;

namespace {

/// 60 images of 8 by 8 points with one bright line, across (class 0) or upright (1), as numpy would write them.
void write_images(const std::filesystem::path& folder, const std::string& id, std::uint64_t seed) {
  Stream stream(seed, Purpose::test);
  std::string images;
  std::string labels;
  for (int i = 0; i < 60; ++i) {
    const std::uint64_t label = uniform_index(stream, 2);
    const std::uint64_t where = uniform_index(stream, 8);
    for (std::uint64_t y = 0; y < 8; ++y) {
      for (std::uint64_t x = 0; x < 8; ++x) {
        images += static_cast<char>(uniform_index(stream, 100) + ((label == 0 ? y : x) == where ? 150 : 0));
      }
    }
    labels += static_cast<char>(label);
  }
  const auto write = [&](const std::string& what, const std::string& shape, const std::string& numbers) {
    std::ofstream(folder / (id + what), std::ios::binary)
        << array_test::npy("{'descr': '|u1', 'fortran_order': False, 'shape': " + shape + ", }", numbers);
  };
  write("_images.npy", "(60, 8, 8)", images);
  write("_labels.npy", "(60,)", labels);
}

}  // namespace

TEST_CASE("hospitals with images of their own") {
  const ExampleFolder scratch;
  const std::vector<std::string> hospitals{"north", "south"};
  for (std::size_t i = 0; i < hospitals.size(); ++i) write_images(scratch.path(""), hospitals[i], i);
  const std::string folder = scratch.path("").string();

  // [images]
  InProcess clients;
  const ImageShape shape{.height = 8, .width = 8};
  for (const std::string& id : hospitals) {
    const auto images = read_npy<std::uint8_t>(folder + id + "_images.npy");  // (rows, 8, 8), up to 255
    const auto labels = read_npy<std::uint8_t>(folder + id + "_labels.npy");  // (rows), 0 or 1
    const auto features = features_from_array<float>(images, 1.0 / 255);
    ConvNetModel<float> model(features, shape, labels_from_array(labels), 2);
    clients.add(id, LocalTrainer{std::move(model), {.batch_size = 10, .local_epochs = 2}});
  }
  const FederationOptions options{.rounds = 10, .evaluation = {.every = 1}};
  Federation<FedAvg, InProcess, float> federation{FedAvg{}, clients, options};
  Stream stream(1, Purpose::initial_parameters);
  const Layout layout = ConvNetModel<float>::layout_for(shape, 2);
  const auto outcome = federation.run(ConvNetModel<float>::initial_parameters(layout, stream));
  // [/images]
  CHECK(outcome.history.size() == 10);
  CHECK(outcome.history.back().evaluation->clients["accuracy"] > 0.95);
}

}  // namespace docs_images_test
