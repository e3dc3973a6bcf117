#pragma once

#include <cstdio>
#include <string>

#include "compare_strategies/data.hpp"

namespace compare {

/// Reads what --data names. \throws healthai::Error for what cannot be read or does not fit the task
inline Dataset read_dataset(const Flags& flags) {
  return read_table(flags);
}

/// One line about the data.
inline void describe(const Dataset& data, const Flags& flags, std::FILE* out) {
  std::size_t tests = 0;
  for (const bool test : data.test) tests += test ? 1 : 0;
  std::fprintf(out,
               "%s: %zu rows to train on, %zu to test, %lld features; %zu rows dropped for missing values\n",
               flags.data.c_str(), data.rows.count() - tests, tests,
               static_cast<long long>(data.rows.x.cols()), data.dropped);
}

}  // namespace compare
