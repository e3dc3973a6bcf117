#pragma once

#include <healthai/client/node/node.hpp>
#include <healthai/statistics/column_levels.hpp>
#include <healthai/statistics/column_sums.hpp>
#include <healthai/statistics/cox_regression.hpp>
#include <healthai/statistics/cross_products.hpp>
#include <healthai/statistics/cross_table.hpp>
#include <healthai/statistics/describe.hpp>
#include <healthai/statistics/distinct_times.hpp>
#include <healthai/statistics/glm_moments.hpp>
#include <healthai/statistics/glm_step.hpp>
#include <healthai/statistics/histogram.hpp>
#include <healthai/statistics/life_table.hpp>
#include <healthai/statistics/local_cox_fit.hpp>
#include <healthai/statistics/local_glm_fit.hpp>
#include <healthai/statistics/site.hpp>
#include <healthai/statistics/site_log_rank.hpp>
#include <healthai/statistics/threshold_counts.hpp>

namespace statistics_node {

/// A list of statistics.
template <healthai::Statistic... T>
struct Statistics {
  [[nodiscard]] static healthai::TaskHandlers handlers(const healthai::StatisticsSite& site) {
    return site.handlers<T...>();
  }
  static void serve(healthai::Node& node) { (node.serve_task<T>(), ...); }
};

/// All that the commands of federated_statistics ask.
using Offered =
    Statistics<healthai::ColumnSums, healthai::SiteColumns, healthai::ColumnLevels, healthai::ThresholdCounts,
               healthai::BinCounts, healthai::CellCounts, healthai::CrossProducts, healthai::GlmMoments,
               healthai::GlmStep, healthai::DistinctTimes, healthai::LifeTable, healthai::SiteLogRank,
               healthai::CoxMoments, healthai::CoxSiteStep, healthai::CoxConcordance,
               healthai::CoxEventCounts, healthai::CoxRiskSets, healthai::CoxBaseline, healthai::LocalCoxFit,
               healthai::LocalGlmFit>;

}  // namespace statistics_node
