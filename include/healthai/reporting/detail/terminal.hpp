#pragma once

/// \file
/// What the operating system knows about a stream. The only place in this room that asks it about terminals.

#include <cstddef>
#include <cstdio>
#include <cstdlib>

#ifdef _WIN32
#include <io.h>
#else
#include <sys/ioctl.h>
#include <unistd.h>
#endif

namespace healthai::detail {

/// Whether somebody watches the stream on a terminal, as opposed to a file, a pipe or a job's log.
[[nodiscard]] inline bool is_terminal(std::FILE* stream) noexcept {
#ifdef _WIN32
  return _isatty(_fileno(stream)) != 0;
#else
  return isatty(fileno(stream)) != 0;
#endif
}

/// Whether coloured output is welcome: not when `NO_COLOR` is set (https://no-color.org), not on a terminal that
/// calls itself dumb, not on a Windows console, where the escape sequences need to be switched on first.
[[nodiscard]] inline bool wants_colour() noexcept {
#ifdef _WIN32
  return false;
#else
  const char* refused = std::getenv("NO_COLOR");
  if (refused != nullptr && *refused != '\0') return false;
  const char* term = std::getenv("TERM");
  if (term == nullptr) return false;
  return !(term[0] == 'd' && term[1] == 'u' && term[2] == 'm' && term[3] == 'b' && term[4] == '\0');
#endif
}

/// Characters to a line: what the terminal says now (it may have been resized), else `COLUMNS`, else 80.
[[nodiscard]] inline std::size_t terminal_width([[maybe_unused]] std::FILE* stream) noexcept {
#ifndef _WIN32
  winsize size{};
  if (ioctl(fileno(stream), TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
#endif
  const char* columns = std::getenv("COLUMNS");
  const long width = columns == nullptr ? 0 : std::strtol(columns, nullptr, 10);
  return width > 0 && width < 10000 ? static_cast<std::size_t>(width) : 80;
}

}  // namespace healthai::detail
