#include <healthai/transport/mpi/transport.hpp>

int main(int argc, char** /*argv*/) {
  if (argc == 1) return 0;  // there may be no mpirun
  return healthai::MpiSession::run([](const healthai::MpiSession&) {
    healthai::MpiTransport ranks;
    return ranks.coordinates() && !ranks.clients().empty() ? 1 : 0;
  });
}
