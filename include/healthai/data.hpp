#pragma once

/// \file
/// From a file to what models take: tables, one table a site, design matrices, and one scale for all sites; arrays in
/// numpy's and MNIST's formats. Apart from healthai.hpp, as an application with its own data needs none of it. What is
/// compressed needs a library, and a header of its own: data/gzip.hpp, data/npz.hpp.

// IWYU pragma: begin_exports
#include "healthai/data/column_moments.hpp"
#include "healthai/data/csv.hpp"
#include "healthai/data/design_matrix.hpp"
#include "healthai/data/idx.hpp"
#include "healthai/data/npy.hpp"
#include "healthai/data/partition.hpp"
#include "healthai/data/patient_rows.hpp"
#include "healthai/data/scaling.hpp"
#include "healthai/data/table.hpp"
#include "healthai/model/array_features.hpp"
#include "healthai/server/federated_scaling.hpp"
// IWYU pragma: end_exports
