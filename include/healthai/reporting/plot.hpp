#pragma once

/// \file
/// Pictures, drawn by gnuplot: `LinePlot` for what changes over rounds, `ForestPlot` for estimates with
/// intervals, `SurvivalPlot` for Kaplan-Meier curves, `HistogramPlot` for counts. For programs; not part of `healthai.hpp`.

#include "healthai/reporting/forest_plot.hpp"     // IWYU pragma: export
#include "healthai/reporting/histogram_plot.hpp"  // IWYU pragma: export
#include "healthai/reporting/line_plot.hpp"       // IWYU pragma: export
#include "healthai/reporting/survival_plot.hpp"   // IWYU pragma: export
