#pragma once

#include <doctest/doctest.h>

#include <string>

#include "healthai/core/error.hpp"

namespace secagg_refusals_test {

/// Checks that this throws an Error of this id whose text contains `what`.
template <class Call>
void refuses(const Call& call, healthai::ErrorId id, const char* what) {
  try {
    call();
    FAIL("not refused: ", std::string(what));
  } catch (const healthai::Error& e) {
    CHECK(e.id() == id);
    CHECK_MESSAGE(std::string(e.what()).find(what) != std::string::npos, e.what());
  }
}

/// The id of the Error that this throws, or "".
template <class Call>
std::string error_of(const Call& call) {
  try {
    call();
  } catch (const healthai::Error& e) {
    return std::string(e.id().name());
  }
  return "";
}

}  // namespace secagg_refusals_test
