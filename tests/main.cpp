// The main function of every test program. (DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN has no effect after a precompiled header
// that includes doctest.)
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

int main(int argc, char** argv) {
  return doctest::Context(argc, argv).run();
}
