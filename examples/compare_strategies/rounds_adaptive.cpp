#include "compare_strategies/rounds.hpp"

namespace compare {

template Run run_rounds(const healthai::BasicFedAdagrad<Rule>&, Hosts&, const Setup&);
template Run run_rounds(const healthai::BasicFedAdam<Rule>&, Hosts&, const Setup&);
template Run run_rounds(const healthai::BasicFedYogi<Rule>&, Hosts&, const Setup&);

}  // namespace compare
