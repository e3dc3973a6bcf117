#include "healthai/healthai.hpp"
// The other order: the umbrella must not need what fwd.hpp brings, nor quarrel with it afterwards.
#include "healthai/compression.hpp"
#include "healthai/data.hpp"
#include "healthai/fwd.hpp"
#include "healthai/reporting.hpp"
#include "healthai/simulation.hpp"

const void* address_of_invalid_argument_elsewhere();
const void* address_of_invalid_argument_elsewhere() {
  return &healthai::error::invalid_argument;
}
