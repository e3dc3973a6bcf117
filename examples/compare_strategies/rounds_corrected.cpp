#include "compare_strategies/rounds.hpp"

namespace compare {

template Run run_rounds(const healthai::BasicScaffold<Rule>&, const Setup&);
template Run run_rounds(const healthai::BasicFedDyn<Rule>&, const Setup&);
template Run run_rounds(const healthai::BasicFedNova<Rule>&, const Setup&);
template Run run_rounds(const healthai::BasicQFedAvg<Rule>&, const Setup&);

}  // namespace compare
