// A strategy of one's own, beside FedAvg: the server keeps a momentum (FedAvgM; Hsu, Qi, Brown: Measuring the Effects of
// Non-Identical Data Distribution for Federated Visual Classification, 2019, section 4).
#include <cmath>
#include <cstdio>
#include <healthai/data.hpp>
#include <healthai/healthai.hpp>

using namespace healthai;

// [strategy]
struct ServerMomentum {
  double momentum = 0.7;  // in [0, 1)
  WeightedMean aggregator{};

  static constexpr std::string_view name = "ServerMomentum";
  static constexpr bool accepts_partial_work = false;

  // What changes from round to round. A checkpoint holds it.
  template <class Scalar>
  struct State {
    Parameters<Scalar> velocity{};
    template <class Archive>
    void serialize(Archive& archive, unsigned) {
      archive& velocity;
    }
  };

  std::string describe() const { return "ServerMomentum(momentum=" + number_text(momentum) + ")"; }
  void validate() const {
    if (!(momentum >= 0 && momentum < 1)) {
      throw Error(error::invalid_argument,
                  "ServerMomentum: momentum must be in [0, 1), but is " + number_text(momentum));
    }
  }
  template <class Scalar>
  State<Scalar> init(const Layout& layout) const {
    return {Parameters<Scalar>(layout)};
  }
  // What clients are told: here nothing special. FedProx would set objective.proximal_mu.
  template <class Scalar>
  LocalObjective<Scalar> configure(const State<Scalar>&, std::uint64_t /*round*/) const {
    return {};
  }
  // velocity <- momentum * velocity + aggregate; parameters <- parameters + velocity
  template <class Scalar>
  void apply(State<Scalar>& state, Parameters<Scalar>& parameters, const Parameters<Scalar>& update) const {
    state.velocity.flat() = static_cast<Scalar>(momentum) * state.velocity.flat() + update.flat();
    parameters.flat() += state.velocity.flat();
  }
};
static_assert(Strategy<ServerMomentum, double> && Strategy<ServerMomentum, float>);
// [/strategy]

InProcess make_hospitals() {
  const Table table = read_csv(HEALTHAI_EXAMPLE_DATA "/lung_hospitals.csv");
  const std::vector<std::string> covariates{"age", "sex", "ph.ecog"};
  const Table complete = table.select(table.complete_rows({"time", "dead", "age", "sex", "ph.ecog"}));
  // In a simulation the whole table is at hand. See quickstart.cpp for scaling without that.
  const ColumnMomentsBroadcast request{covariates, {}};
  const Scaling scaling = Scaling::from_moments(request, column_moments(complete, request));
  InProcess hospitals;
  for (const Site& site : partition_by(complete, "hospital")) {
    const DesignMatrix x = scaling.apply(design_matrix(site.table, covariates));
    hospitals.add(site.id, LocalTrainer{CoxModel<double>(x.matrix(), nonnegative_target(site.table, "time"),
                                                         binary_target(site.table, "dead")),
                                        {.learning_rate = 0.1}});
  }
  return hospitals;
}

/// The hospitals' loss after each round.
template <class StrategyType>
std::vector<double> losses(StrategyType strategy) {
  InProcess hospitals = make_hospitals();
  // [run]
  Federation federation{strategy, hospitals, {.rounds = 30, .evaluation = {.every = 1}}};
  const auto outcome = federation.run(Parameters<double>(CoxModel<double>::layout_for(3)));
  // [/run]
  std::vector<double> result;
  for (const RoundReport& report : outcome.history) result.push_back(report.evaluation->clients["loss"]);
  return result;
}

int main() {
  const std::vector<double> plain = losses(FedAvg{});
  const std::vector<double> momentum = losses(ServerMomentum{.momentum = 0.7});
  std::printf("loss of the global model\nround    FedAvg  ServerMomentum\n");
  for (std::size_t round = 0; round < plain.size(); ++round) {
    if (round < 5 || round % 5 == 4)
      std::printf("%5zu  %8.6f  %14.6f\n", round + 1, plain[round], momentum[round]);
  }
}
