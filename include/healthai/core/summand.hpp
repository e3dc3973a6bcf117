#pragma once

#include <concepts>
#include <string>
#include <utility>
#include <vector>

#include "healthai/core/parameters.hpp"

namespace healthai {

/// A named vector of a Summand. `weighted`: whether its sum over clients is of weight * values or of the values as they are.
template <class Scalar>
struct SummandVector {
  std::string name;
  bool weighted = true;
  Parameters<Scalar> values;

  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& name& weighted& values;
  }
};

/// What a vector of a Summand is called and how it is summed, without its numbers.
struct WantedVector {
  std::string name;
  bool weighted = true;  ///< as in SummandVector
  friend bool operator==(const WantedVector&, const WantedVector&) = default;

  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& name& weighted;
  }
};

/// A named number of a Summand; always summed as it is.
struct SummandScalar {
  std::string name;
  double value = 0;
  friend bool operator==(const SummandScalar&, const SummandScalar&) = default;

  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& name& value;
  }
};

/// What one reply adds to a sum over clients: a weight, named vectors and named numbers. A task whose replies expose one
/// is additive: its result can be streamed in the memory of one model, reduced up a tree, and computed under secure
/// aggregation, because nothing but the sums is ever needed. The names, layouts and order are the same for all clients
/// of a request.
template <class Scalar>
struct Summand {
  double weight = 0;  ///< >= 0 and finite; summed too
  std::vector<SummandVector<Scalar>> vectors;
  std::vector<SummandScalar> scalars;

  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& weight& vectors& scalars;
  }
};

}  // namespace healthai
