// Both files include everything and are linked into one program.
#include "healthai/aggregation.hpp"
#include "healthai/client.hpp"
#include "healthai/client/private_trainer.hpp"
#include "healthai/compression.hpp"
#include "healthai/data.hpp"
#include "healthai/fwd.hpp"
#include "healthai/healthai.hpp"
#include "healthai/privacy/adaptive_clipping.hpp"
#include "healthai/privacy/clipped_mean.hpp"
#include "healthai/privacy/discrete_gaussian.hpp"
#include "healthai/privacy/gaussian_mechanism.hpp"
#include "healthai/reporting.hpp"
#include "healthai/secagg/fixed_point.hpp"
#include "healthai/simulation.hpp"
#include "healthai/strategy.hpp"

#include <doctest/doctest.h>

const void* address_of_invalid_argument_elsewhere();

TEST_CASE("the error catalogue is one object in the whole program") {
  CHECK(address_of_invalid_argument_elsewhere() ==
        static_cast<const void*>(&healthai::error::invalid_argument));
}
