#pragma once

/// \file
/// Updates in fewer bytes: compressors, and the client around a client that uses one with error feedback. Apart from
/// healthai.hpp, as only clients need it; every coordinator can decode.

// IWYU pragma: begin_exports
#include "healthai/compression/compressed.hpp"
#include "healthai/compression/concept.hpp"
#include "healthai/compression/decode.hpp"
#include "healthai/compression/low_precision.hpp"
#include "healthai/compression/qsgd.hpp"
#include "healthai/compression/random_k.hpp"
#include "healthai/compression/sign.hpp"
#include "healthai/compression/top_k.hpp"
// IWYU pragma: end_exports
