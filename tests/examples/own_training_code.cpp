#include <doctest/doctest.h>

#include <cmath>

#include "../../examples/own_training_code/stay_model.hpp"
#include "run_example.hpp"

namespace examples_own_training_code_test {

TEST_CASE("foreign training code takes part, fails by name and can be interrupted") {
  const ProgramResult result = run_example("own_training_code");
  CAPTURE(result.output);
  CHECK(result.status == 0);
  CHECK(result.says("round 1: 3 hospitals, squared error"));
  CHECK(result.says("round 2: 2 hospitals, squared error"));
  CHECK(result.says("failed: client south threw: the database is down for maintenance"));
  CHECK(result.says("round 4: 3 hospitals, squared error"));
  CHECK(result.number_after("round 4: 3 hospitals, squared error") <
        result.number_after("round 1: 3 hospitals, squared error"));
  // What the simulated data were made with: days = 6 + 0.5 age + 1.5 severity + noise of variance 1/3. Four rounds and the
  // penalties keep it from being exact.
  CHECK(result.number_after("days =") == doctest::Approx(6).epsilon(0.05));
  CHECK(result.says("round 4: 0 hospitals, model unchanged: stopped by the caller"));
  CHECK(result.says("closed after 3 rounds"));
}

TEST_CASE("the hospital's solver with a pull finds the minimum of the pulled objective") {
  const StayModel model = simulated(5, 60, 0.3);
  const Weights anchor{1, 2, 3};
  const double pull = 0.7;
  Weights w{};
  for (int pass = 0; pass < 200; ++pass) model.sweep(w, anchor, pull);
  for (std::size_t j = 0; j < w.size(); ++j) {  // the gradient vanishes
    double gradient = model.ridge * w[j] + pull * (w[j] - anchor[j]);
    for (const Stay& stay : model.stays) {
      gradient -= stay.features[j] * (stay.days - StayModel::predict(w, stay)) /
                  static_cast<double>(model.stays.size());
    }
    CHECK(std::fabs(gradient) < 1e-12);
  }
}

}  // namespace examples_own_training_code_test
