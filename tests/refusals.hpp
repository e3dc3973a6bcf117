#pragma once

#include <doctest/doctest.h>

#include <string>
#include <string_view>

#include "healthai/core/error.hpp"

namespace refusals_test {

/// Checks that this throws an Error of this id whose text contains `what`.
template <class Call>
void refuses(const Call& call, healthai::ErrorId id, std::string_view what) {
  try {
    static_cast<void>(call());
    FAIL("not refused: ", std::string(what));
  } catch (const healthai::Error& e) {
    CHECK(e.id() == id);
    CHECK_MESSAGE(std::string(e.what()).find(what) != std::string::npos, e.what());
  }
}
template <class Call>
void refuses(const Call& call, std::string_view what) {
  refuses(call, healthai::error::invalid_argument, what);
}

/// The id of the Error that this throws, or "".
template <class Call>
std::string error_of(const Call& call) {
  try {
    static_cast<void>(call());
  } catch (const healthai::Error& e) {
    return std::string(e.id().name());
  }
  return "";
}

}  // namespace refusals_test
