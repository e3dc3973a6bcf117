#pragma once

#include <string>

#include "healthai/core/error.hpp"

namespace socket_test {

/// The message of the Error of kind `id` that `action` throws; if it throws none or another, a text that no test expects.
template <class Action>
std::string message_of(healthai::ErrorId id, Action action) {
  try {
    action();
  } catch (const healthai::Error& e) {
    if (e.id() == id) return e.what();
    return "(an Error, but of kind " + std::string(e.id().name()) + ": " + e.what() + ")";
  }
  return "(no Error)";
}

inline bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace socket_test
