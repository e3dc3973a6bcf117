#include <healthai/data/gzip.hpp>

int main(int argc, char** argv) {
  return argc > 1 && healthai::read_gzip(argv[1]).empty() ? 1 : 0;
}
