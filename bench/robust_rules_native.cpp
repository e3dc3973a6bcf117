// The robust rules as a user gets them who compiles for the processor at hand (-march=native): Krum's distances are one matrix
// product, which Eigen makes with the widest vectors that it is compiled for.
#define HEALTHAI_BENCH_NATIVE
#include "robust_rules.cpp"
