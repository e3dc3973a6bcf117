#include "healthai/server/federated_learning_rate.hpp"

#include <doctest/doctest.h>

#include "../quadratic.hpp"
#include "healthai/client/local_trainer.hpp"
#include "healthai/transport/in_process.hpp"

namespace server_federated_learning_rate_test {

using namespace healthai;

TEST_CASE("the learning rate is one over the pooled bound of curvature") {
  InProcess clients;
  clients.add("a", LocalTrainer(Quadratic<double>{{2.0}, {0.0}, 30}));
  clients.add("b", LocalTrainer(Quadratic<double>{{10.0}, {0.0}, 10}));
  CHECK(federated_learning_rate(clients) == doctest::Approx(1 / ((30 * 2.0 + 10 * 10.0) / 40)));
}

TEST_CASE("without curvature there is nothing to derive it from") {
  InProcess flat;
  flat.add("a", LocalTrainer(Quadratic<double>{{0.0}, {0.0}, 3}));
  CHECK_THROWS_WITH_AS(static_cast<void>(federated_learning_rate(flat)),
                       doctest::Contains("give a learning rate"), Error);
}

}  // namespace server_federated_learning_rate_test
