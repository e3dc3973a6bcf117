#pragma once

#include <cmath>
#include <cstddef>
#include <Eigen/Core>
#include <limits>
#include <span>
#include <vector>

#include "healthai/model/detail/newton_ascent.hpp"
#include "healthai/statistics/cox_risk_sets.hpp"
#include "healthai/statistics/sums.hpp"

namespace healthai::detail {

/// The log partial likelihood of all hospitals' patients together, from the sums that CoxRiskSets tells of blocks of cells: these are given
/// from the last block to the first, so that sums over risk sets grow as they do in a sweep from the latest time to the earliest.
class RiskSetLikelihood {
 public:
  explicit RiskSetLikelihood(const CoxRiskSets::Plan& plan)
      : plan_(&plan),
        terms_(static_cast<Eigen::Index>(plan.scales.size())),
        at_risk_(Eigen::VectorXd::Zero(static_cast<Eigen::Index>(plan.width()))),
        second_(Eigen::VectorXd::Zero(at_risk_.size() - 1 - terms_)),
        increases_(plan.cells.size()) {
    point_.score = Eigen::VectorXd::Zero(terms_);
  }

  /// The cells [from, to), `to` being where the block before began.
  void add(const Sums& sums, std::size_t from, std::size_t to) {
    const std::size_t width = plan_->width();
    const auto leaving = sums.vector("leaving", (to - from) * width);
    std::size_t tied_cells = 0;
    for (std::size_t cell = from; cell < to; ++cell) tied_cells += plan_->tied(cell) ? 1U : 0U;
    const auto tied = tied_cells == 0 ? std::span<const double>() : sums.vector("tied", tied_cells * width);
    const auto events = sums.column("events", static_cast<std::size_t>(terms_) + 1);
    point_.log_likelihood += events[0];
    point_.score += events.tail(terms_);
    beyond_ += sums.number("beyond");
    for (std::size_t cell = to; cell-- > from;) {
      if (cell + 1 < plan_->cells.size() && plan_->cells[cell].stratum != plan_->cells[cell + 1].stratum)
        at_risk_.setZero();
      at_risk_ += view(leaving, cell - from, width);
      if (plan_->tied(cell)) {
        --tied_cells;
        const Eigen::VectorXd dying = view(tied, tied_cells, width);
        for (std::uint64_t k = 0; k < plan_->cells[cell].events; ++k) {
          const double gone = static_cast<double>(k) / static_cast<double>(plan_->cells[cell].events);
          add_event(at_risk_ - gone * dying, 1, cell);
        }
      } else {
        add_event(at_risk_, static_cast<double>(plan_->cells[cell].events), cell);
      }
    }
  }

  /// After the first block. Not finite if somebody's predictor was too large to be added up.
  [[nodiscard]] AscentPoint point() const {
    AscentPoint point = point_;
    if (is_beyond()) point.log_likelihood = std::numeric_limits<double>::quiet_NaN();
    point.information =
        from_packed_lower(std::span<const double>(second_.data(), static_cast<std::size_t>(second_.size())),
                          static_cast<std::size_t>(terms_));
    return point;
  }
  /// Whether somebody's sums were too large so far, so that they are not in it.
  [[nodiscard]] bool is_beyond() const noexcept { return beyond_ > 0.5; }
  /// By how much the baseline hazard, at the means of the plan, grows at each cell.
  [[nodiscard]] const std::vector<double>& increases() const noexcept { return increases_; }

 private:
  [[nodiscard]] static Eigen::Map<const Eigen::VectorXd> view(std::span<const double> values, std::size_t i,
                                                              std::size_t width) {
    return {values.data() + i * width, static_cast<Eigen::Index>(width)};
  }
  /// Some events that see the same patients at risk.
  void add_event(const Eigen::VectorXd& seen, double events, std::size_t cell) {
    const Eigen::VectorXd mean = seen.segment(1, terms_) / seen[0];
    point_.log_likelihood -= events * std::log(seen[0]);
    point_.score -= events * mean;
    increases_[cell] += events / seen[0];
    Eigen::Index next = 0;
    for (Eigen::Index j = 0; j < terms_; ++j) {
      for (Eigen::Index k = 0; k <= j; ++k, ++next)
        second_[next] += events * (seen[1 + terms_ + next] / seen[0] - mean[j] * mean[k]);
    }
  }

  const CoxRiskSets::Plan* plan_;
  Eigen::Index terms_;
  Eigen::VectorXd at_risk_;  // sums over the risk set of the cell: weights, first and second moments
  Eigen::VectorXd second_;   // the information, packed
  AscentPoint point_{};
  std::vector<double> increases_;
  double beyond_ = 0;
};

}  // namespace healthai::detail
