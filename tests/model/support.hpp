#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <Eigen/Eigenvalues>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "folders.hpp"
#include "healthai/core/error.hpp"
#include "healthai/core/parameters.hpp"
#include "healthai/core/random.hpp"
#include "healthai/data/csv.hpp"
#include "healthai/data/design_matrix.hpp"
#include "healthai/model/concept.hpp"
#include "healthai/model/features.hpp"

/// What the tests of models share: random data, finite differences, the real tables.
namespace model_test {

/// Uniform in [-range, range).
inline double symmetric(healthai::Stream& stream, double range = 2) {
  return range * (2 * healthai::uniform(stream) - 1);
}

template <class Scalar>
healthai::FeatureMatrix<Scalar> random_features(healthai::Stream& stream, std::size_t rows,
                                                std::size_t columns) {
  healthai::FeatureMatrix<Scalar> x(static_cast<Eigen::Index>(rows), static_cast<Eigen::Index>(columns));
  for (Eigen::Index i = 0; i < x.size(); ++i) x.data()[i] = static_cast<Scalar>(symmetric(stream));
  return x;
}

template <class Scalar>
healthai::Parameters<Scalar> random_parameters(const healthai::Layout& layout, healthai::Stream& stream,
                                               double range = 1) {
  healthai::Parameters<Scalar> parameters(layout);
  for (Scalar& value : parameters.span()) value = static_cast<Scalar>(symmetric(stream, range));
  return parameters;
}

/// Some of the rows below `count`, each at most once, in random order; at least one.
inline std::vector<std::size_t> random_batch(healthai::Stream& stream, std::size_t count) {
  std::vector<std::size_t> rows(count);
  for (std::size_t i = 0; i < count; ++i) rows[i] = i;
  healthai::shuffle(std::span<std::size_t>(rows), stream);
  rows.resize(1 + static_cast<std::size_t>(healthai::uniform_index(stream, count)));
  return rows;
}

/// The largest difference between the gradient and central differences of the loss, over the largest of 1 and |gradient|.
template <class M>
double gradient_error(M& model, const healthai::Parameters<typename M::Scalar>& parameters,
                      std::span<const std::size_t> rows = {}) {
  using Scalar = typename M::Scalar;
  const double h = sizeof(Scalar) == 4 ? 0x1p-7 : 0x1p-17;
  healthai::Parameters<Scalar> gradient(model.layout());
  healthai::Parameters<Scalar> ignored(model.layout());
  for (Scalar& value : gradient.span())
    value = std::numeric_limits<Scalar>::quiet_NaN();  // must be overwritten
  model.loss(parameters, rows, gradient);
  double worst = 0;
  double size = 1;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    auto moved = parameters;
    const auto up = static_cast<Scalar>(static_cast<double>(parameters.data()[i]) + h);
    const auto down = static_cast<Scalar>(static_cast<double>(parameters.data()[i]) - h);
    moved.data()[i] = up;
    const double above = model.loss(moved, rows, ignored);
    moved.data()[i] = down;
    const double below = model.loss(moved, rows, ignored);
    const double difference = (above - below) / (static_cast<double>(up) - static_cast<double>(down));
    const auto slope = static_cast<double>(gradient.data()[i]);
    size = (std::max)(size, std::fabs(slope));
    // written so that a NaN is the worst of all
    if (!(std::fabs(difference - slope) <= worst)) worst = std::fabs(difference - slope);
  }
  return worst / size;
}
/// What `gradient_error` may be: truncation and rounding of the differences, not of the gradient.
template <class Scalar>
constexpr double gradient_tolerance = sizeof(Scalar) == 4 ? 2e-3 : 2e-8;

/// The largest eigenvalue of the Hessian at `parameters`, whose columns are differences of gradients.
template <class M>
double largest_curvature(M& model, const healthai::Parameters<double>& parameters) {
  const auto size = static_cast<Eigen::Index>(parameters.size());
  Eigen::MatrixXd hessian(size, size);
  healthai::Parameters<double> above(model.layout());
  healthai::Parameters<double> below(model.layout());
  for (Eigen::Index j = 0; j < size; ++j) {
    auto moved = parameters;
    moved.data()[j] = parameters.data()[j] + 1e-5;
    model.loss(moved, {}, above);
    moved.data()[j] = parameters.data()[j] - 1e-5;
    model.loss(moved, {}, below);
    hessian.col(j) = (above.flat() - below.flat()) / 2e-5;
  }
  const Eigen::MatrixXd symmetric = 0.5 * (hessian + hessian.transpose());
  return Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd>(symmetric, Eigen::EigenvaluesOnly)
      .eigenvalues()
      .maxCoeff();
}

/// The largest absolute value.
template <class Scalar>
double largest(const healthai::Parameters<Scalar>& parameters) {
  return parameters.size() == 0 ? 0 : static_cast<double>(parameters.flat().cwiseAbs().maxCoeff());
}

/// The id and message of the Error that `call` throws; both empty if it throws none.
struct Thrown {
  std::string id;
  std::string message;
};
template <class Call>
Thrown thrown(const Call& call) {
  try {
    call();
  } catch (const healthai::Error& e) {
    return {std::string(e.id().name()), e.what()};
  }
  return {};
}
inline bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// The rows of a real table (examples/data, with its provenance) that are complete in the named columns.
inline healthai::Table complete_table(const std::string& file, const std::vector<std::string>& names) {
  const auto table = healthai::read_csv(source_folder() + "/examples/data/" + file);
  return table.select(table.complete_rows(names));
}
inline std::vector<double> column(const healthai::Table& table, const std::string& name) {
  const std::span<const double> values = table.numeric(name);
  return {values.begin(), values.end()};
}

}  // namespace model_test
