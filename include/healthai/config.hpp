#pragma once

/// \file
/// Build settings that every header relies on.

#if defined(__FAST_MATH__)
// -ffast-math lets the compiler assume that NaN never occurs and re-order sums. Rejecting a non-finite update and
// giving the same bits on every run both need the opposite.
#error \
    "healthai cannot be compiled with -ffast-math: drop that flag for the files that include healthai headers"
#endif
