#pragma once

/// \file
/// All strategies. healthai.hpp has FedAvg and FedProx only, to be quick to compile. What clients need for Scaffold and FedDyn is in
/// client.hpp.

// IWYU pragma: begin_exports
#include "healthai/strategy/adaptively_clipped.hpp"
#include "healthai/strategy/concept.hpp"
#include "healthai/strategy/fedadagrad.hpp"
#include "healthai/strategy/fedadam.hpp"
#include "healthai/strategy/fedavg.hpp"
#include "healthai/strategy/fedavgm.hpp"
#include "healthai/strategy/feddyn.hpp"
#include "healthai/strategy/fednova.hpp"
#include "healthai/strategy/fedprox.hpp"
#include "healthai/strategy/fedyogi.hpp"
#include "healthai/strategy/qfedavg.hpp"
#include "healthai/strategy/round_aggregate.hpp"
#include "healthai/strategy/scaffold.hpp"
// IWYU pragma: end_exports
