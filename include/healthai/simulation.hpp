#pragma once

/// \file
/// Federations that are not there: one table cut into clients with a chosen kind of skew, attackers, slow and absent clients,
/// all from a seed. Apart from healthai.hpp, as an application at a hospital needs none of it.

// IWYU pragma: begin_exports
#include "healthai/simulation/attack.hpp"
#include "healthai/simulation/attacked.hpp"
#include "healthai/simulation/class_numbers.hpp"
#include "healthai/simulation/feature_shift.hpp"
#include "healthai/simulation/label_flip.hpp"
#include "healthai/simulation/label_skew.hpp"
#include "healthai/simulation/partition.hpp"
#include "healthai/simulation/simulated_time.hpp"
#include "healthai/simulation/size_skew.hpp"
#include "healthai/simulation/virtual_clock.hpp"
// IWYU pragma: end_exports
