#include "compare_strategies/rounds.hpp"

namespace compare {

template Run run_rounds(const healthai::BasicScaffold<Rule>&, Hosts&, const Setup&);
template Run run_rounds(const healthai::BasicFedDyn<Rule>&, Hosts&, const Setup&);
template Run run_rounds(const healthai::BasicFedNova<Rule>&, Hosts&, const Setup&);
template Run run_rounds(const healthai::BasicQFedAvg<Rule>&, Hosts&, const Setup&);

}  // namespace compare
