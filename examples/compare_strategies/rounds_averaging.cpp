#include "compare_strategies/rounds.hpp"

namespace compare {

template Run run_rounds(const healthai::BasicFedAvg<Rule>&, const Setup&);
template Run run_rounds(const healthai::BasicFedProx<Rule>&, const Setup&);
template Run run_rounds(const healthai::BasicFedAvgM<Rule>&, const Setup&);

}  // namespace compare
