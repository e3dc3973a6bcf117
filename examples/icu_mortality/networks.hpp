#pragma once

#include <cstddef>
#include <healthai/data.hpp>
#include <healthai/healthai.hpp>
#include <string>
#include <utility>
#include <vector>

namespace icu {

inline const std::vector<std::string> covariates{"Age",  "ApacheIIScore", "BMI",
                                                 "male", "elective",      "emergency"};

/// The patients whose outcome a model learns from or is judged by.
struct Patients {
  healthai::DesignMatrix x;  ///< standardised
  std::vector<double> died;  ///< 1 or 0
};

/// A network of intensive care units: every fifth patient of the file is kept for testing.
struct Network {
  std::string name;
  healthai::ClientId id;
  Patients train;
  Patients test;
};

/// The rows of a table whose place in it is divisible by five (the test set), or the others.
inline healthai::Table every_fifth(const healthai::Table& table, bool test) {
  std::vector<std::size_t> rows;
  for (std::size_t row = 0; row < table.rows(); ++row) {
    if ((row % 5 == 0) == test) rows.push_back(row);
  }
  return table.select(rows);
}

/// The scaling of all training patients, from three sums a network.
inline healthai::Scaling common_scaling(const std::vector<healthai::Site>& sites) {
  healthai::InProcess registries;
  for (const healthai::Site& site : sites) {
    registries.add(site.id,
                   healthai::TaskHandlers{}.offer<healthai::ColumnMoments>(
                       [&site](const healthai::Request<healthai::ColumnMomentsBroadcast>& request,
                               std::stop_token) { return healthai::column_moments(site.table, *request); }));
  }
  return healthai::federated_scaling(registries, covariates);
}

/// Reads the file, splits it into networks and standardises them all alike.
inline std::vector<Network> read_networks(const std::string& path) {
  const healthai::Table all = healthai::read_csv(path);
  const auto train = healthai::partition_by(every_fifth(all, false), "network");
  const auto test = healthai::partition_by(every_fifth(all, true), "network");
  const healthai::Scaling scaling = common_scaling(train);
  const auto patients = [&scaling](const healthai::Table& table) {
    return Patients{scaling.apply(healthai::design_matrix(table, covariates)),
                    healthai::binary_target(table, "died")};
  };
  std::vector<Network> networks;
  for (std::size_t i = 0; i < train.size(); ++i) {
    networks.push_back({train[i].name, train[i].id, patients(train[i].table), patients(test.at(i).table)});
  }
  return networks;
}

/// All networks' patients in one place: what a federation does without, for comparison.
inline Patients pooled(const std::vector<Network>& networks, Patients Network::*which) {
  Patients all;
  for (const Network& network : networks) {
    const Patients& some = network.*which;
    all.x.names = some.x.names;
    all.x.cols = some.x.cols;
    all.x.rows += some.x.rows;
    all.x.values.insert(all.x.values.end(), some.x.values.begin(), some.x.values.end());
    all.died.insert(all.died.end(), some.died.begin(), some.died.end());
  }
  return all;
}

inline healthai::LogisticModel<double> model_of(const Patients& patients, double l2) {
  return {patients.x.matrix(), patients.died, {.l2 = l2}};
}

}  // namespace icu
