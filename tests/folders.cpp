#include "folders.hpp"

std::string source_folder() {
  return HEALTHAI_SOURCE_DIR;
}
std::string examples_folder() {
  return HEALTHAI_EXAMPLES_DIR;
}
