#pragma once

/// \file
/// Pictures of a run, drawn by gnuplot: `LinePlot` for what changes over rounds, `ForestPlot` for estimates with
/// intervals. For programs; not part of `healthai.hpp`.

#include "healthai/reporting/forest_plot.hpp"  // IWYU pragma: export
#include "healthai/reporting/line_plot.hpp"    // IWYU pragma: export
