#include "healthai/model/conv_net.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>
#include <cmath>
#include <vector>

#include "healthai/client/local_trainer.hpp"
#include "healthai/model/mlp.hpp"
#include "model/support.hpp"

namespace model_conv_net_test {

using namespace healthai;
using namespace model_test;

static_assert(Model<ConvNetModel<double>> && Model<ConvNetModel<float>>);

namespace {

std::size_t size_of(const ImageShape& image) {
  return image.channels * image.height * image.width;
}

template <class Scalar>
ConvNetModel<Scalar> random_network(Stream& stream, const ImageShape& image, std::size_t rows,
                                    std::size_t classes, const ConvNetOptions& options) {
  auto x = random_features<Scalar>(stream, rows, size_of(image));
  std::vector<std::size_t> y(rows);
  for (std::size_t& value : y) value = uniform_index(stream, classes);
  return {std::move(x), image, std::move(y), classes, options};
}

/// Images of noise with one bright line: across (class 0), upright (1) or slanted (2).
struct Bars {
  FeatureMatrix<float> images;
  std::vector<std::size_t> labels;
};
Bars bars(std::uint64_t seed, std::size_t count, std::size_t size) {
  Stream stream(seed, Purpose::test);
  Bars made{FeatureMatrix<float>(static_cast<Eigen::Index>(count), static_cast<Eigen::Index>(size * size)),
            {}};
  for (std::size_t i = 0; i < count; ++i) {
    auto image = made.images.row(static_cast<Eigen::Index>(i));
    for (Eigen::Index j = 0; j < image.size(); ++j) image[j] = static_cast<float>(uniform(stream));
    made.labels.push_back(uniform_index(stream, 3));
    const std::size_t length = size / 2;
    const std::size_t x = uniform_index(stream, size - length);
    const std::size_t y = uniform_index(stream, size - length);
    for (std::size_t k = 0; k < length; ++k) {
      const std::size_t line = y + (made.labels.back() == 0 ? 0 : k);
      const std::size_t column = x + (made.labels.back() == 1 ? 0 : k);
      image[static_cast<Eigen::Index>(line * size + column)] += 1;
    }
  }
  return made;
}

}  // namespace

TEST_CASE("conv net: names and shapes of the layers") {
  ConvNetModel<float> model(FeatureMatrix<float>::Ones(2, 3 * 8 * 9), {3, 8, 9}, {0, 1}, 4,
                            {.channels = {5, 6}, .kernel = 3, .padding = Padding::same, .hidden = {7}});
  CHECK(model.layout().describe() ==
        "conv1.weight[5,3,3,3] conv1.bias[5] conv2.weight[6,5,3,3] conv2.bias[6] dense1.weight[7,24] "
        "dense1.bias[7] "
        "dense2.weight[4,7] dense2.bias[4]");
  CHECK(model.num_examples() == 2);
  // The networks of McMahan and others 2017 and, with valid padding, the arithmetic of LeNet.
  CHECK(ConvNetModel<float>::layout_for({1, 28, 28}, 10, {.channels = {32, 64}, .kernel = 5, .hidden = {512}})
            .size() == 1663370);
  CHECK(
      ConvNetModel<float>::layout_for(
          {1, 32, 32}, 10, {.channels = {6, 16}, .kernel = 5, .padding = Padding::valid, .hidden = {120, 84}})
          .describe() ==
      "conv1.weight[6,1,5,5] conv1.bias[6] conv2.weight[16,6,5,5] conv2.bias[16] dense1.weight[120,400] "
      "dense1.bias[120] dense2.weight[84,120] dense2.bias[84] dense3.weight[10,84] dense3.bias[10]");
}

TEST_CASE("conv net: the loss is what numpy makes of the definition") {
  // numpy 1.24.2, with loops over (filter, y, x) and z = b + (w * a[:, y:y+n, x:x+n]).sum(); pooling by reshape and
  // max. Parameters 0.4 sin(1.7 (i + 1)) for i = 0, 1, ... over all of them, numbers of the images cos(0.9 j) over
  // all images.
  const auto check = [](const ImageShape& image, const ConvNetOptions& options,
                        const std::vector<double>& losses) {
    const std::size_t rows = losses.size();
    FeatureMatrix<double> x(static_cast<Eigen::Index>(rows), static_cast<Eigen::Index>(size_of(image)));
    for (Eigen::Index j = 0; j < x.size(); ++j) x.data()[j] = std::cos(0.9 * static_cast<double>(j));
    ConvNetModel<double> model(x, image, {2, 0, 1}, 3, options);
    ConvNetModel<float> single(x.cast<float>(), image, {2, 0, 1}, 3, options);
    Parameters<double> parameters(model.layout());
    Parameters<float> rounded(model.layout());
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      parameters.data()[i] = 0.4 * std::sin(1.7 * static_cast<double>(i + 1));
      rounded.data()[i] = static_cast<float>(parameters.data()[i]);
    }
    Parameters<double> gradient(model.layout());
    Parameters<float> rounded_gradient(model.layout());
    double sum = 0;
    for (std::size_t row = 0; row < rows; ++row) {
      CAPTURE(row);
      CHECK(model.loss(parameters, std::vector<std::size_t>{row}, gradient) ==
            doctest::Approx(losses[row]).epsilon(1e-13));
      CHECK(single.loss(rounded, std::vector<std::size_t>{row}, rounded_gradient) ==
            doctest::Approx(losses[row]).epsilon(1e-5));
      sum += losses[row];
    }
    CHECK(model.loss(parameters, {}, gradient) == doctest::Approx(sum / 3).epsilon(1e-13));
    const Metrics metrics = model.evaluate(parameters);
    CHECK(metrics["loss"] == doctest::Approx(sum / 3).epsilon(1e-13));
    return metrics["accuracy"];
  };
  CHECK(check({2, 7, 6}, {.channels = {3, 2}, .kernel = 3, .padding = Padding::same, .hidden = {4}},
              {1.4936618749833492, 0.6596522668360134, 1.3513311758068265}) == 1.0 / 3);
  CHECK(check({1, 13, 15}, {.channels = {2}, .kernel = 5, .padding = Padding::valid, .hidden = {}},
              {0.7731142549864529, 1.6372659454557046, 1.0582385250754782}) == 1.0 / 3);
}

TEST_CASE("conv net: gradients agree with finite differences") {
  // A rectifier and a maximum have kinks, near which differences are wrong: fixed draws, which stay away from them.
  struct Case {
    ImageShape image;
    ConvNetOptions options;
  };
  const std::vector<Case> cases{
      {{2, 6, 7}, {.channels = {3, 2}, .kernel = 3, .padding = Padding::same, .hidden = {4}, .l2 = 0.1}},
      {{1, 9, 8}, {.channels = {2}, .kernel = 5, .padding = Padding::valid, .hidden = {}}},
      {{1, 12, 13}, {.channels = {2, 2}, .kernel = 3, .padding = Padding::valid, .hidden = {3, 3}}},
      {{1, 4, 4}, {.channels = {2, 2}, .kernel = 5, .padding = Padding::same, .hidden = {3}}},
      {{3, 2, 2}, {.channels = {2}, .kernel = 1, .padding = Padding::same, .hidden = {2}, .l2 = 0.2}}};
  for (std::size_t i = 0; i < cases.size(); ++i) {
    CAPTURE(i);
    Stream stream(5 + i, Purpose::test);
    auto model = random_network<double>(stream, cases[i].image, 7, 3, cases[i].options);
    const auto parameters = random_parameters<double>(model.layout(), stream, 0.5);
    CHECK(gradient_error(model, parameters) < gradient_tolerance<double>);
    CHECK(gradient_error(model, parameters, std::vector<std::size_t>{6, 0, 3}) < gradient_tolerance<double>);
  }
}

TEST_CASE("conv net: a batch in blocks is the mean of its rows, whatever models share the scratch memory") {
  Stream stream(9, Purpose::test);
  // Blocks of 32, 32 and 6 images. A line of patches of the first convolution is 40 * 32 * 18 numbers, so that a
  // block goes through it in bands of 2 lines, where a single image goes through at once.
  const ConvNetOptions options{.channels = {2, 3}, .kernel = 3, .hidden = {4}, .l2 = 0.1};
  auto model = random_network<double>(stream, {2, 15, 40}, 70, 3, options);
  auto other =
      random_network<double>(stream, {2, 12, 14}, 40, 2, {.channels = {4}, .kernel = 5, .hidden = {}});
  const auto parameters = random_parameters<double>(model.layout(), stream, 0.5);
  const auto others = random_parameters<double>(other.layout(), stream, 0.5);
  Parameters<double> gradient(model.layout());
  Parameters<double> one(model.layout());
  Parameters<double> sum(model.layout());
  Parameters<double> ignored(other.layout());
  const double loss = model.loss(parameters, {}, gradient);
  double total = 0;
  for (std::size_t row = 70; row-- > 0;) {
    other.loss(others, std::vector<std::size_t>{row % 40, (row + 7) % 40}, ignored);
    total += model.loss(parameters, std::vector<std::size_t>{row}, one);
    sum.flat() += one.flat();
  }
  CHECK(loss == doctest::Approx(total / 70).epsilon(1e-13));
  CHECK((gradient.flat() - sum.flat() / 70).norm() < 1e-13 * gradient.flat().norm());
}

TEST_CASE("conv net: one without convolutions is an MlpModel") {
  Stream stream(3, Purpose::test);
  const auto x = random_features<double>(stream, 9, 6);
  const std::vector<std::size_t> labels{0, 1, 2, 2, 1, 0, 1, 1, 2};
  ConvNetModel<double> network(x, {1, 2, 3}, labels, 3, {.channels = {}, .hidden = {5, 4}, .l2 = 0.1});
  MlpModel<double> mlp(x, labels, 3, {.hidden = {5, 4}, .activation = Activation::relu, .l2 = 0.1});
  const auto parameters = random_parameters<double>(network.layout(), stream);
  const Parameters<double> same(mlp.layout(), parameters.span());
  Parameters<double> a(network.layout());
  Parameters<double> b(mlp.layout());
  CHECK(network.loss(parameters, {}, a) == doctest::Approx(mlp.loss(same, {}, b)).epsilon(1e-14));
  CHECK((a.flat() - b.flat()).norm() < 1e-14);
  CHECK(network.evaluate(parameters)["accuracy"] == mlp.evaluate(same)["accuracy"]);
}

TEST_CASE("conv net: initial parameters fill He's range, the last layer Glorot's, and leave biases zero") {
  const Layout layout =
      ConvNetModel<double>::layout_for({1, 28, 28}, 10, {.channels = {32, 64}, .hidden = {64}});
  Stream stream(7, Purpose::initial_parameters);
  const auto parameters = ConvNetModel<double>::initial_parameters(layout, stream);
  const auto check = [&](const char* name, double limit) {
    CAPTURE(name);
    const std::size_t t = layout.index(name);
    const auto weights = parameters.flat().segment(static_cast<Eigen::Index>(layout.offset(t)),
                                                   static_cast<Eigen::Index>(layout.size(t)));
    CHECK(weights.maxCoeff() < limit);
    CHECK(weights.minCoeff() >= -limit);
    // The mean of n squares is limit^2 / 3, with a standard error of 0.9 / sqrt(n) of it: within four of them.
    const auto n = static_cast<double>(weights.size());
    CHECK(weights.squaredNorm() / n == doctest::Approx(limit * limit / 3).epsilon(3.6 / std::sqrt(n)));
  };
  check("conv1.weight", std::sqrt(6.0 / 9));
  check("conv2.weight", std::sqrt(6.0 / (32 * 9)));
  check("dense1.weight", std::sqrt(6.0 / (64 * 49)));
  check("dense2.weight", std::sqrt(6.0 / (64 + 10)));
  for (const char* bias : {"conv1.bias", "conv2.bias", "dense1.bias", "dense2.bias"}) {
    const std::size_t t = layout.index(bias);
    CHECK(parameters.flat().segment(static_cast<Eigen::Index>(layout.offset(t)), 10).norm() == 0);
  }
  Stream again(7, Purpose::initial_parameters);
  CHECK(ConvNetModel<double>::initial_parameters(layout, again).flat() == parameters.flat());
}

TEST_CASE("conv net: a LocalTrainer teaches it to tell lines in noise apart") {
  const std::size_t size = 12;
  const ConvNetOptions options{.channels = {8, 8}, .kernel = 3, .hidden = {16}};
  const Layout layout = ConvNetModel<float>::layout_for({1, size, size}, 3, options);
  Bars seen = bars(1, 600, size);
  Bars unseen = bars(2, 400, size);
  Stream stream(3, Purpose::initial_parameters);
  TrainBroadcast<float> broadcast;
  broadcast.parameters = ConvNetModel<float>::initial_parameters(layout, stream);
  ConvNetModel<float> judge(std::move(unseen.images), {1, size, size}, std::move(unseen.labels), 3, options);
  CHECK(judge.evaluate(broadcast.parameters)["accuracy"] < 0.6);

  LocalTrainer trainer{
      ConvNetModel<float>(std::move(seen.images), {1, size, size}, std::move(seen.labels), 3, options),
      {.learning_rate = 0.05, .momentum = 0.9, .batch_size = 20, .local_epochs = 12}};
  TrainRequest<float> request{.broadcast = std::make_shared<const TrainBroadcast<float>>(broadcast)};
  Parameters<float> trained = broadcast.parameters;
  trained.flat() += trainer.train(request, {}).update.flat();
  CHECK(judge.evaluate(trained)["accuracy"] > 0.95);
}

TEST_CASE("conv net: what it cannot use, it refuses") {
  const auto x = [](Eigen::Index columns) { return FeatureMatrix<double>::Ones(2, columns).eval(); };
  auto e = thrown([&] { ConvNetModel<double>(x(15), {1, 4, 4}, {0, 1}, 2); });
  CHECK(e.id == "invalid_argument");
  CHECK(e.message ==
        "ConvNetModel: images of 1 x 4 x 4 (channels, height, width) have 16 numbers each, but the features "
        "have 15 "
        "columns");
  e = thrown([&] { ConvNetModel<double>(x(16), {1, 4, 4}, {0, 2}, 2); });
  CHECK(e.id == "invalid_data");
  CHECK(contains(e.message, "ConvNetModel: row 1 (counted from 0) has class 2"));
  CHECK(thrown([&] { ConvNetModel<double>(x(16), {1, 4, 4}, {0}, 2); }).id == "invalid_data");
  CHECK(thrown([&] { ConvNetModel<double>(x(16), {1, 4, 4}, {0, 0}, 1); }).id == "invalid_argument");
  CHECK(thrown([&] {
          ConvNetModel<double>(x(16), {1, 4, 4}, {0, 1}, 2, {.l2 = -1});
        }).id == "invalid_argument");

  const auto refused = [](const ImageShape& image, const ConvNetOptions& options) {
    const auto error = thrown([&] { (void)ConvNetModel<float>::layout_for(image, 2, options); });
    CHECK(error.id == "invalid_argument");
    return error.message;
  };
  CHECK(contains(refused({1, 0, 5}, {}), "images of 1 x 0 x 5 (channels, height, width) are empty"));
  CHECK(contains(refused({1, 9, 9}, {.kernel = 4}), "kernel must be odd (with Padding::same), not 4"));
  CHECK(contains(refused({1, 9, 9}, {.kernel = 0, .padding = Padding::valid}),
                 "kernel must be at least 1, not 0"));
  CHECK(contains(refused({1, 9, 9}, {.channels = {2, 0}}), "conv2 would have no channels"));
  CHECK(contains(refused({1, 9, 9}, {.hidden = {2, 0}}), "dense2 would have no units"));
  CHECK(contains(refused({1, 5, 7}, {.channels = {2, 2, 2}}),
                 "conv3 would leave 1 x 1 points of the image, too few to pool 2 x 2"));
  CHECK(contains(refused({1, 3, 9}, {.channels = {2}, .kernel = 5, .padding = Padding::valid}),
                 "leave 0 x 5 points"));

  ConvNetModel<double> model(x(16), {1, 4, 4}, {0, 1}, 2, {.channels = {2}, .hidden = {}});
  Parameters<double> right(model.layout());
  Parameters<double> wrong(Layout{{"weight", {3}}});
  CHECK(thrown([&] { model.loss(wrong, {}, right); }).id == "layout_mismatch");
  CHECK(contains(thrown([&] { model.loss(right, std::vector<std::size_t>{2}, right); }).message,
                 "ConvNetModel: a batch names row 2, but there are only 2 rows"));
}

}  // namespace model_conv_net_test
