#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "healthai/data.hpp"
#include "healthai/healthai.hpp"
#include "lung_survival/flags.hpp"

namespace lung {

using healthai::CoxModel;

/// What the hospitals hold: each its own complete rows. In this simulation they live in one process; what the federation
/// gets to see of them goes through `tables` and `trainers` only.
struct Hospitals {
  std::vector<healthai::Site> sites;
  std::size_t dropped = 0;              ///< rows with a missing value in a used column
  std::vector<std::string> warnings{};  ///< for a person

  [[nodiscard]] std::size_t patients() const {
    std::size_t n = 0;
    for (const healthai::Site& site : sites) n += site.table.rows();
    return n;
  }
};

/// Reads the file and hands each hospital its rows. \throws healthai::Error for whatever is wrong with it
inline Hospitals admit(const Flags& flags) {
  const healthai::Table table = healthai::read_csv(flags.data);
  std::vector<std::string> used = flags.covariates;
  used.push_back(flags.time_column);
  used.push_back(flags.event_column);
  Hospitals hospitals;
  hospitals.sites = healthai::partition_by(table, flags.site_column);
  for (healthai::Site& site : hospitals.sites) {
    const std::size_t before = site.table.rows();
    site.table = site.table.select(site.table.complete_rows(used));
    hospitals.dropped += before - site.table.rows();
    if (site.table.rows() == 0) {
      throw healthai::Error(healthai::error::invalid_data,
                            flags.data + ": site \"" + site.name + "\" is empty: none of its " +
                                std::to_string(before) + " rows has a value in every column used");
    }
    if (site.table.rows() == 1) {
      hospitals.warnings.push_back("site \"" + site.name +
                                   "\" has a single patient: it adds nothing to a model stratified by site");
    }
  }
  return hospitals;
}

/// A hospital's Cox model of its own rows, in the data's units or standardised.
inline CoxModel<double> cox_model(const healthai::Site& site, const Flags& flags,
                                  const healthai::Scaling* scaling) {
  healthai::DesignMatrix x = healthai::design_matrix(site.table, flags.covariates);
  if (scaling != nullptr) x = scaling->apply(std::move(x));
  return {x.matrix(),
          healthai::nonnegative_target(site.table, flags.time_column),
          healthai::binary_target(site.table, flags.event_column),
          {.ties = flags.ties}};
}

/// Every hospital's Cox model in the data's units. \throws healthai::Error when no event happened anywhere
inline std::vector<CoxModel<double>> cox_models(const Hospitals& hospitals, const Flags& flags) {
  std::vector<CoxModel<double>> models;
  std::size_t events = 0;
  for (const healthai::Site& site : hospitals.sites) {
    models.push_back(cox_model(site, flags, nullptr));
    events += models.back().num_events();
  }
  if (events == 0) {
    throw healthai::Error(
        healthai::error::invalid_data,
        flags.data + ": column \"" + flags.event_column + "\" is 0 in every row: no event happened anywhere");
  }
  return models;
}

/// The hospitals as a federation that tells sums of its columns, for the scaling.
inline healthai::InProcess tables(const Hospitals& hospitals) {
  healthai::InProcess transport({.threads = 1});
  for (const healthai::Site& site : hospitals.sites) {
    healthai::TaskHandlers handlers;
    handlers.offer<healthai::ColumnMoments>(
        [&site](const healthai::Request<healthai::ColumnMomentsBroadcast>& request, std::stop_token) {
          return healthai::column_moments(site.table, *request);
        });
    transport.add(site.id, handlers);
  }
  return transport;
}

/// The hospitals as a federation that trains.
inline healthai::InProcess trainers(const Hospitals& hospitals, const Flags& flags,
                                    const healthai::Scaling& scaling) {
  healthai::InProcess transport({.threads = flags.threads});
  for (const healthai::Site& site : hospitals.sites) {
    transport.add(site.id, healthai::LocalTrainer(cox_model(site, flags, &scaling)));
  }
  return transport;
}

}  // namespace lung
