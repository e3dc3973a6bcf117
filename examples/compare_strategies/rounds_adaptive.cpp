#include "compare_strategies/rounds.hpp"

namespace compare {

template Run run_rounds(const healthai::BasicFedAdagrad<Rule>&, const Setup&);
template Run run_rounds(const healthai::BasicFedAdam<Rule>&, const Setup&);
template Run run_rounds(const healthai::BasicFedYogi<Rule>&, const Setup&);

}  // namespace compare
