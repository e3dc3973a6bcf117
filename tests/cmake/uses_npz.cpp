#include <healthai/data/npz.hpp>

int main(int argc, char** argv) {
  return argc > 1 && healthai::NpzFile(argv[1]).names().empty() ? 1 : 0;
}
