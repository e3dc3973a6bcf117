#pragma once

#include <string>

/// Where things are. Functions and not macros, so that test files are compiled the same in every checkout.
std::string source_folder();
std::string examples_folder();  ///< the built ones
