#include "healthai/healthai.hpp"
// The other order: the umbrella must not need what fwd.hpp brings, nor quarrel with it afterwards.
#include "healthai/aggregation.hpp"
#include "healthai/client.hpp"
#include "healthai/client/private_trainer.hpp"
#include "healthai/compression.hpp"
#include "healthai/data.hpp"
#include "healthai/fwd.hpp"
#include "healthai/privacy/adaptive_clipping.hpp"
#include "healthai/privacy/clipped_mean.hpp"
#include "healthai/privacy/discrete_gaussian.hpp"
#include "healthai/privacy/gaussian_mechanism.hpp"
#include "healthai/reporting.hpp"
#include "healthai/secagg/fixed_point.hpp"
#include "healthai/simulation.hpp"
#include "healthai/strategy.hpp"

const void* address_of_invalid_argument_elsewhere();
const void* address_of_invalid_argument_elsewhere() {
  return &healthai::error::invalid_argument;
}
