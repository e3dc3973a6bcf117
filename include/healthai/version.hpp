#pragma once

/// \file
/// The library's version. CMake reads it from here.

#define HEALTHAI_VERSION_MAJOR 0
#define HEALTHAI_VERSION_MINOR 1
#define HEALTHAI_VERSION_PATCH 0
#define HEALTHAI_VERSION_STRING "0.1.0"
