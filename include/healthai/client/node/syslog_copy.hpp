#pragma once

/// \file
/// The only header that calls POSIX's system log. There is none on Windows.

#if !defined(_WIN32)

#include <syslog.h>

#include <string_view>

#include "healthai/config.hpp"

namespace healthai {

/// Sends a copy of each line of an AuditLog to the system log, which a hospital may collect on another machine:
///
///     AuditLog log(path, key, {.copy = SyslogCopy()});
///
/// The copy is a help and no proof: the system may cut long lines, drop some, and whoever is root may write others. It goes to
/// the facility LOG_AUTHPRIV with the priority LOG_NOTICE.
struct SyslogCopy {
  void operator()(std::string_view line) const noexcept {
    ::syslog(LOG_AUTHPRIV | LOG_NOTICE, "healthai audit: %.*s", static_cast<int>(line.size()), line.data());
  }
};

}  // namespace healthai

#endif
