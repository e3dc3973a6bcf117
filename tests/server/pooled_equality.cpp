// FedAvg with one full-batch local step is gradient descent on the pooled loss; for Cox, on the likelihood stratified by
// hospital.
#include <doctest/doctest.h>

#include <boost/random/normal_distribution.hpp>
#include <cmath>
#include <Eigen/Core>
#include <string>
#include <vector>

#include "healthai/healthai.hpp"

namespace server_pooled_equality_test {

using namespace healthai;

namespace {

using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

struct Data {
  Matrix x;
  std::vector<double> y;
  std::vector<double> time;
};

Data make_data(Eigen::Index rows, bool labels) {
  Stream stream(11, Purpose::test, static_cast<std::uint64_t>(rows));
  boost::random::normal_distribution<double> normal;
  Data data{Matrix(rows, 3), {}, {}};
  for (Eigen::Index i = 0; i < rows; ++i) {
    for (Eigen::Index j = 0; j < 3; ++j) data.x(i, j) = normal(stream) + 0.3 * static_cast<double>(j);
    const double eta = 0.5 * data.x(i, 0) - data.x(i, 1) + normal(stream);
    data.y.push_back(labels ? (eta > 0 ? 1.0 : 0.0) : eta);
    data.time.push_back(std::floor(1 + 20 * uniform(stream)));  // with ties
  }
  return data;
}

Data slice(const Data& all, std::size_t begin, std::size_t end) {
  const auto b = static_cast<std::ptrdiff_t>(begin);
  const auto e = static_cast<std::ptrdiff_t>(end);
  return {all.x.middleRows(b, e - b),
          {all.y.begin() + b, all.y.begin() + e},
          {all.time.begin() + b, all.time.begin() + e}};
}

constexpr std::size_t cuts[] = {0, 7, 40, 41, 90};  // four sites of very different size

/// Runs FedAvg over the sites, and gradient descent with `pooled(parameters, gradient)`, and compares the parameters.
template <class MakeModel, class PooledGradient>
void check_equal(const Data& data, const Layout& layout, MakeModel make_model, PooledGradient pooled) {
  constexpr double rate = 0.05;
  constexpr int rounds = 100;
  InProcess sites({.threads = 2});
  for (std::size_t s = 0; s + 1 < std::size(cuts); ++s) {
    sites.add("s" + std::to_string(s),
              LocalTrainer(make_model(slice(data, cuts[s], cuts[s + 1])), {.learning_rate = rate}));
  }
  Federation federation{FedAvg{}, sites, {.rounds = rounds}};
  const auto federated = federation.run(Parameters<double>(layout)).parameters;
  Parameters<double> w(layout);
  Parameters<double> gradient(layout);
  for (int r = 0; r < rounds; ++r) {
    pooled(w, gradient);
    w.flat() -= rate * gradient.flat();
  }
  CHECK(w.flat().norm() > 0.1);
  // Rounding only: a hundred rounds, each off by a few units in the last place.
  CHECK((federated.flat() - w.flat()).norm() <= 1e-13 * w.flat().norm());
}

}  // namespace

TEST_CASE("linear") {
  const Data data = make_data(90, false);
  const auto make = [](Data d) { return LinearModel<double>(std::move(d.x), std::move(d.y), {.l2 = 0.1}); };
  auto whole = make(data);
  check_equal(data, whole.layout(), make,
              [&](const auto& w, auto& gradient) { static_cast<void>(whole.loss(w, {}, gradient)); });
}

TEST_CASE("logistic") {
  const Data data = make_data(90, true);
  const auto make = [](Data d) { return LogisticModel<double>(std::move(d.x), std::move(d.y), {.l2 = 0.1}); };
  auto whole = make(data);
  check_equal(data, whole.layout(), make,
              [&](const auto& w, auto& gradient) { static_cast<void>(whole.loss(w, {}, gradient)); });
}

TEST_CASE("Cox, stratified by site") {
  const Data data = make_data(90, true);
  for (const Ties ties : {Ties::breslow, Ties::efron}) {
    const auto make = [ties](Data d) {
      return CoxModel<double>(std::move(d.x), std::move(d.time), std::move(d.y), {.ties = ties});
    };
    std::vector<CoxModel<double>> strata;
    for (std::size_t s = 0; s + 1 < std::size(cuts); ++s)
      strata.push_back(make(slice(data, cuts[s], cuts[s + 1])));
    const Layout layout = strata[0].layout();
    check_equal(data, layout, make, [&](const auto& w, auto& gradient) {
      // The stratified likelihood is the product over strata: its gradient is the sum, here per row.
      gradient.flat().setZero();
      Parameters<double> part(layout);
      for (auto& stratum : strata) {
        static_cast<void>(stratum.loss(w, {}, part));
        gradient.flat() += part.flat() * (static_cast<double>(stratum.num_examples()) / 90);
      }
    });
  }
}

}  // namespace server_pooled_equality_test
