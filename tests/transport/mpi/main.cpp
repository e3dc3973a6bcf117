// The main function of the tests that are run by mpirun: every rank runs every test, and those of rank 0 speak.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <healthai/transport/mpi/transport.hpp>
#include <stdexcept>
#include <string>

namespace {

/// What the job does when one of its ranks throws: run with this in place of the tests.
int last_rank_throws(const healthai::MpiSession& mpi) {
  healthai::MpiTransport ranks;
  if (mpi.rank() + 1 == mpi.size()) throw std::runtime_error("the disk of this rank is full");
  if (!ranks.coordinates()) ranks.serve<healthai::Train<double>>();
  return ranks.clients().empty() ? 0 : 1;  // waits for the rank that has gone
}

}  // namespace

int main(int argc, char** argv) {
  return healthai::MpiSession::run([&](const healthai::MpiSession& mpi) {
    if (argc == 2 && argv[1] == std::string("--last-rank-throws")) return last_rank_throws(mpi);
    doctest::Context context(argc, argv);
    if (mpi.rank() > 0) context.setOption("quiet", true);
    return context.run();
  });
}
