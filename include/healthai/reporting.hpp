#pragma once

/// \file
/// What a run shows and keeps of itself: the progress display and the CSV log. Logs and manifests in JSON and plots have
/// headers of their own, as they need more.

// IWYU pragma: begin_exports
#include "healthai/reporting/csv_log.hpp"
#include "healthai/reporting/progress.hpp"
// IWYU pragma: end_exports
