#pragma once

/// Whether a sanitizer watches: then memory is not what it is without, for it needs some of its own.
#if defined(HEALTHAI_SANITIZED)
inline constexpr bool sanitized = true;
#else
inline constexpr bool sanitized = false;
#endif
