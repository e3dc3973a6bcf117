// The code of docs/how-to-write-an-aggregator.md.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "healthai/healthai.hpp"

namespace docs_writing_an_aggregator_test {

using namespace healthai;

namespace {

// [robust]
/// The median over clients, number by number: half of them may send nonsense and it still stays among honest values.
/// (Yin, Chen, Ramchandran, Bartlett: Byzantine-Robust Distributed Learning, 2018, definition 1.) Ignores weights.
struct CoordinateMedian {
  template <class Scalar>
  class State {
   public:
    explicit State(Layout layout) : layout_(std::move(layout)) {}
    void add(Update<Scalar>&& update) { updates_.push_back(std::move(update.values)); }
    Parameters<Scalar> finish() {
      Parameters<Scalar> result(layout_);
      std::vector<Scalar> column(updates_.size());
      for (std::size_t j = 0; j < result.size(); ++j) {
        for (std::size_t k = 0; k < column.size(); ++k) column[k] = updates_[k].data()[j];
        std::sort(column.begin(), column.end());
        result.data()[j] = (column[(column.size() - 1) / 2] + column[column.size() / 2]) / 2;
      }
      return result;
    }

   private:
    Layout layout_;
    std::vector<Parameters<Scalar>>
        updates_;  // it has to see each: that is what makes it robust, and not additive
  };

  template <class Scalar>
  State<Scalar> begin(const Layout& layout) const {
    return State<Scalar>(layout);
  }
};
static_assert(Aggregator<CoordinateMedian, double> && !AdditiveAggregator<CoordinateMedian, double>);
// [/robust]

// [additive]
/// The weighted mean, pulled towards no change as if some more patients had voted for that: careful steps while few
/// hospitals answer. It depends on the updates through sum of w * u and sum of w only, so it is additive.
struct CautiousMean {
  double patients = 100;  // >= 0: how many vote for no change

  template <class Scalar>
  class State {
   public:
    State(Layout layout, double patients) : sum_(std::move(layout)), patients_(patients) {}
    void add(Update<Scalar>&& update) {
      sum_.flat() += update.weight * update.values.flat().template cast<double>();
      weight_ += update.weight;
    }
    // A partial aggregate, from a relay or another machine.
    void merge(State&& other) { add_sum(other.sum_.span(), other.weight_); }
    // Sums that somebody else has made; all that secure aggregation ever shows.
    void add_sum(std::span<const double> weighted_sum, double weight) {
      for (std::size_t j = 0; j < weighted_sum.size(); ++j) sum_.data()[j] += weighted_sum[j];
      weight_ += weight;
    }
    Parameters<Scalar> finish() {
      Parameters<Scalar> result(sum_.layout());
      if (weight_ + patients_ == 0)
        throw Error(error::invalid_argument, "CautiousMean: all weights are zero");
      result.flat() = (sum_.flat() / (weight_ + patients_)).template cast<Scalar>();
      return result;
    }

   private:
    Parameters<double> sum_;  // sums are kept in double, whatever the parameters are
    double weight_ = 0;
    double patients_;
  };

  template <class Scalar>
  State<Scalar> begin(const Layout& layout) const {
    return State<Scalar>(layout, patients);
  }
};
static_assert(AdditiveAggregator<CautiousMean, double> && AdditiveAggregator<CautiousMean, float>);
// [/additive]

struct Says {  // a client whose update is always the same
  double value;
  double rows;
  TrainReply<double> train(const TrainRequest<double>& request, std::stop_token) {
    TrainReply<double> reply;
    reply.update = Parameters<double>(request->parameters.layout());
    reply.update.flat().setConstant(value);
    reply.num_examples = rows;
    return reply;
  }
  EvaluateReply evaluate(const EvaluateRequest<double>&, std::stop_token) { return {rows, {}}; }
};

const Layout two{{"w", {2}}};

}  // namespace

TEST_CASE("an attacker moves the mean and not the median") {
  InProcess hospitals;
  hospitals.add("a", Says{1, 10});
  hospitals.add("b", Says{2, 10});
  hospitals.add("c", Says{4, 10});
  hospitals.add("d", Says{-1e6, 10});
  // [use]
  BasicFedAvg<CoordinateMedian> strategy;
  Federation federation{strategy, hospitals, {.rounds = 1}};
  const auto outcome = federation.run(Parameters<double>(Layout{{"w", {2}}}));
  // [/use]
  CHECK(outcome.parameters.data()[0] == 1.5);
  CHECK(outcome.parameters.data()[1] == 1.5);
}

TEST_CASE("the cautious mean, one by one, merged, and from sums") {
  const auto update = [](double a, double b, double weight) {
    return Update<double>{Parameters<double>(two, std::vector<double>{a, b}), weight};
  };
  const CautiousMean rule{.patients = 50};
  auto one = rule.begin<double>(two);
  one.add(update(1, 2, 30));
  one.add(update(-4, 8, 20));
  auto left = rule.begin<double>(two);
  left.add(update(1, 2, 30));
  auto right = rule.begin<double>(two);
  right.add_sum(std::vector<double>{-80, 160}, 20);
  left.merge(std::move(right));
  for (auto* state : {&one, &left}) {
    const Parameters<double> mean = state->finish();
    CHECK(mean.data()[0] == doctest::Approx((30.0 - 80) / 100).epsilon(1e-15));
    CHECK(mean.data()[1] == doctest::Approx((60.0 + 160) / 100).epsilon(1e-15));
  }
  CHECK_THROWS_AS(CautiousMean{.patients = 0}.begin<double>(two).finish(), Error);
}

}  // namespace docs_writing_an_aggregator_test
