#pragma once

#if defined(__unix__) || defined(__APPLE__)
#include <sys/resource.h>
#endif

/// A program that crashes leaves no copy of its memory, where keys and patients' data are, on the disk. Where the system
/// does not know that setting (Windows), its administrator has to see to it.
inline void no_core_dumps() noexcept {
#if defined(__unix__) || defined(__APPLE__)
  const rlimit none{0, 0};
  (void)::setrlimit(RLIMIT_CORE, &none);  // fails for nobody: a limit may always be lowered
#endif
}
