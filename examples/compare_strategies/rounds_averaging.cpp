#include "compare_strategies/rounds.hpp"

namespace compare {

template Run run_rounds(const healthai::BasicFedAvg<Rule>&, Hosts&, const Setup&);
template Run run_rounds(const healthai::BasicFedProx<Rule>&, Hosts&, const Setup&);
template Run run_rounds(const healthai::BasicFedAvgM<Rule>&, Hosts&, const Setup&);

}  // namespace compare
