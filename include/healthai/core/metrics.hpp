#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/core/finite.hpp"

namespace healthai {

/// A quantity that averages correctly over clients, because it travels as a fraction: (sum of losses, rows),
/// (correct, rows), (events, 1). What is not such a fraction (AUC, concordance) does not average.
struct Metric {
  std::string name;
  double numerator = 0;
  double denominator = 0;
  [[nodiscard]] double value() const noexcept { return numerator / denominator; }
  friend bool operator==(const Metric&, const Metric&) = default;

  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& name& numerator& denominator;
  }
};

/// Named metrics in order of first mention. Adding two sets adds numerators and denominators name by name.
class Metrics {
 public:
  Metrics() = default;

  void add(std::string_view name, double numerator, double denominator) {
    for (Metric& metric : metrics_) {
      if (metric.name == name) {
        metric.numerator += numerator;
        metric.denominator += denominator;
        return;
      }
    }
    metrics_.push_back({std::string(name), numerator, denominator});
  }
  Metrics& operator+=(const Metrics& other) {
    for (const Metric& metric : other.metrics_) add(metric.name, metric.numerator, metric.denominator);
    return *this;
  }

  /// numerator / denominator, or nothing when there is no such metric or it has no denominator.
  [[nodiscard]] std::optional<double> find(std::string_view name) const noexcept {
    for (const Metric& metric : metrics_) {
      if (metric.name == name && metric.denominator != 0) return metric.value();
    }
    return std::nullopt;
  }
  /// As `find`. \throws Error (`unknown_name`) when there is none.
  [[nodiscard]] double operator[](std::string_view name) const {
    if (const auto value = find(name)) return *value;
    std::string names;
    for (const Metric& metric : metrics_) names += (names.empty() ? "" : ", ") + metric.name;
    throw Error(error::unknown_name, "no metric \"" + std::string(name) + "\"; there are: " + names);
  }

  [[nodiscard]] auto begin() const noexcept { return metrics_.begin(); }
  [[nodiscard]] auto end() const noexcept { return metrics_.end(); }
  [[nodiscard]] bool empty() const noexcept { return metrics_.empty(); }
  [[nodiscard]] std::size_t size() const noexcept { return metrics_.size(); }
  [[nodiscard]] bool all_finite() const noexcept {
    for (const Metric& metric : metrics_) {
      if (!is_finite(metric.numerator) || !is_finite(metric.denominator)) return false;
    }
    return true;
  }
  friend bool operator==(const Metrics&, const Metrics&) = default;

  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& metrics_;
  }

 private:
  std::vector<Metric> metrics_;
};

}  // namespace healthai
