#pragma once

/// \file
/// Clients: the library's trainer, and clients around a client that remember something, keep layers at home or have a model of
/// their own (Scaffold and FedDyn need such), or clip what they send. PrivateTrainer is in a header of its own. healthai.hpp has the trainer only, to be quick to compile.

// IWYU pragma: begin_exports
#include "healthai/client/clipped.hpp"
#include "healthai/client/concept.hpp"
#include "healthai/client/control_variates.hpp"
#include "healthai/client/curvature_bound.hpp"
#include "healthai/client/ditto.hpp"
#include "healthai/client/dynamic_regularisation.hpp"
#include "healthai/client/local_trainer.hpp"
#include "healthai/client/personal_layers.hpp"
#include "healthai/client/task_handlers.hpp"
// IWYU pragma: end_exports
