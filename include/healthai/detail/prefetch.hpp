#pragma once

/// Asks the processor to have the cache line at `address` at hand soon. Harmless for any address; nothing where the compiler
/// knows no such request. A macro, so that it is of the instruction set of the function around it.
#if defined(__GNUC__)  // GCC and Clang
#define HEALTHAI_PREFETCH(address) __builtin_prefetch(address)
/// At the end of a function that does nothing else: GCC takes it for one without effect and drops the calls of it.
#define HEALTHAI_PREFETCHES_ONLY() __asm__ volatile("")
#else
#define HEALTHAI_PREFETCH(address) static_cast<void>(address)
#define HEALTHAI_PREFETCHES_ONLY() static_cast<void>(0)
#endif
