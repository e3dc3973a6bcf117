#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <healthai/core/client_id.hpp>
#include <healthai/simulation/class_numbers.hpp>
#include <healthai/simulation/partition.hpp>
#include <string>
#include <utility>
#include <vector>

#include "compare_strategies/data.hpp"

namespace compare {

/// What one client has.
struct SiteRows {
  healthai::ClientId id;
  Rows train;
  Rows test;
};

/// The classes by which a random partition skews: those of the target; of a number its deciles; of survival the event.
inline std::vector<std::size_t> partition_labels(const Dataset& data, const Flags& flags) {
  if (flags.task == "linear") return healthai::quantile_bins(data.rows.y, 10);
  return healthai::class_numbers(data.rows.y);
}

/// Features to mean 0 and standard deviation 1; one that is constant is only moved to 0.
struct Standardisation {
  Eigen::RowVectorXd mean;
  Eigen::RowVectorXd sd;

  static Standardisation of(const healthai::FeatureMatrix<double>& x) {
    Standardisation s{x.colwise().mean(), {}};
    s.sd = ((x.rowwise() - s.mean).colwise().squaredNorm() / static_cast<double>(x.rows())).cwiseSqrt();
    s.sd = (s.sd.array() > 1e-12 * (1 + s.mean.array().abs())).select(s.sd, 1.0);
    return s;
  }
  void apply(healthai::FeatureMatrix<double>& x) const {
    x = (x.rowwise() - mean).array().rowwise() / sd.array();
  }
};

/// The training rows of all sites in one place: what a federation does without, for comparison.
inline Rows pooled(const std::vector<SiteRows>& sites) {
  Rows all;
  Eigen::Index count = 0;
  for (const SiteRows& site : sites) count += site.train.x.rows();
  all.x.resize(count, sites.front().train.x.cols());
  count = 0;
  for (const SiteRows& site : sites) {
    all.x.middleRows(count, site.train.x.rows()) = site.train.x;
    count += site.train.x.rows();
    all.y.insert(all.y.end(), site.train.y.begin(), site.train.y.end());
    all.time.insert(all.time.end(), site.train.time.begin(), site.train.time.end());
  }
  return all;
}

/// In a simulation all rows are at hand, so that the scaling of all sites needs no round of its own.
inline void standardise(std::vector<SiteRows>& sites, const std::string& how) {
  if (how == "none") return;
  const Standardisation all = how == "global" ? Standardisation::of(pooled(sites).x) : Standardisation{};
  for (SiteRows& site : sites) {
    const Standardisation own = how == "global" ? all : Standardisation::of(site.train.x);
    own.apply(site.train.x);
    if (site.test.x.rows() > 0) own.apply(site.test.x);
  }
}

/// Divides the rows among clients as --site-column or, with this seed, --partition says. Clients without a row to train on
/// are left out, and named if this process `speaks`. Without test rows models are judged by the rows that they are trained on.
inline std::vector<SiteRows> divide(const Dataset& data, const Flags& flags, std::uint64_t seed,
                                    bool speaks) {
  auto groups = data.sites;
  if (groups.empty()) {
    const auto rows =
        healthai::partition_rows(healthai::parse_partition(flags.partition.empty() ? "iid" : flags.partition),
                                 partition_labels(data, flags), flags.clients, seed);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      std::string number = std::to_string(i + 1);
      number.insert(0, std::to_string(rows.size()).size() - number.size(), '0');
      groups.emplace_back("client" + number, rows[i]);
    }
  }
  const bool tests = std::find(data.test.begin(), data.test.end(), true) != data.test.end();
  std::vector<SiteRows> sites;
  for (const auto& [name, rows] : groups) {
    std::vector<std::size_t> train;
    std::vector<std::size_t> test;
    for (const std::size_t row : rows) (data.test[row] ? test : train).push_back(row);
    if (train.empty()) {
      if (speaks) {
        std::fprintf(stderr, "seed %llu: %s has no row to train on and is left out\n",
                     static_cast<unsigned long long>(seed), name.c_str());
      }
      continue;
    }
    sites.push_back(
        {healthai::ClientId(name), data.rows.select(train), data.rows.select(tests ? test : train)});
  }
  if (sites.empty()) {
    throw healthai::Error(healthai::error::invalid_data, flags.data + ": no client has a row to train on");
  }
  standardise(sites, flags.standardise);
  return sites;
}

}  // namespace compare
