// DP-SGD under attack, as it is and with the mistakes that are made with it.
#include "privacy/audit.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <numeric>
#include <vector>

#include "client/wrapping.hpp"
#include "healthai/client/private_trainer.hpp"
#include "healthai/core/random.hpp"
#include "healthai/model/logistic.hpp"
#include "healthai/privacy/privacy_loss_accountant.hpp"

namespace privacy_audit_training_test {

using namespace healthai;
using namespace audit;

namespace {

constexpr std::size_t batches = 8;   // of an epoch
constexpr double epoch_noise = 0.8;  // its noise multiplier

struct Exact {
  ExactNoise<Stream> inner{Stream(3, Purpose::test)};
  void add_gaussian(std::span<std::int64_t> sums, double variance) { inner.add_gaussian(sums, variance); }
  [[nodiscard]] Stream& generator() { return inner.generator(); }
};
/// A bug: noise of half the standard deviation.
struct HalfNoise : Exact {
  void add_gaussian(std::span<std::int64_t> sums, double variance) { inner.add_gaussian(sums, variance / 4); }
};
/// A bug: nothing is added where there is nothing to hide.
struct NoNoiseOnNothing : Exact {
  void add_gaussian(std::span<std::int64_t> sums, double variance) {
    if (std::any_of(sums.begin(), sums.end(), [](std::int64_t sum) { return sum != 0; }))
      inner.add_gaussian(sums, variance);
  }
};
/// A bug: rows are dealt in a random order, so that each is in exactly one of the batches of an epoch. It stands in for the generator, of
/// which a trainer asks one number a row: 0 is in the batch, the largest is not.
struct Shuffled : Exact {
  struct Dealer {
    using result_type = std::uint64_t;
    Stream random{5, Purpose::test};
    std::vector<std::size_t> order{};
    std::size_t asked = 0;  // in this epoch
    explicit Dealer(std::size_t rows) : order(rows) { std::iota(order.begin(), order.end(), std::size_t{0}); }
    static constexpr result_type min() { return 0; }
    static constexpr result_type max() { return std::numeric_limits<result_type>::max(); }
    result_type operator()() {
      if (asked == 0) shuffle(std::span<std::size_t>(order), random);
      const std::size_t row = asked % order.size(), batch = asked / order.size();
      asked = (asked + 1) % (order.size() * order.size());
      return order[row] == batch ? 0 : max();  // batches of one row
    }
  } dealer{batches};
  [[nodiscard]] Dealer& generator() { return dealer; }
};
static_assert(NoiseSource<Exact> && NoiseSource<HalfNoise> && NoiseSource<NoNoiseOnNothing> &&
              NoiseSource<Shuffled>);

/// Rows with a given gradient each, of one number.
struct Rows {
  using Scalar = double;
  std::vector<double> gradients{};
  bool one_gradient_a_batch = false;  ///< a bug: the sum of the batch is what is clipped
  [[nodiscard]] static Layout layout() { return Layout{{"w", {1}}}; }
  [[nodiscard]] std::size_t num_examples() const { return gradients.size(); }
  static double loss(const Parameters<double>&, std::span<const std::size_t>, Parameters<double>&) {
    return 0;
  }
  static Metrics evaluate(const Parameters<double>&) { return {}; }
  template <class Visit>
  void for_each_gradient(const Parameters<double>&, std::span<const std::size_t> rows, Visit&& visit) const {
    double sum = 0;
    for (const std::size_t row : rows) {
      sum += gradients[row];
      if (!one_gradient_a_batch) visit(std::span<const double>(&gradients[row], 1));
    }
    if (one_gradient_a_batch) visit(std::span<const double>(&sum, 1));
  }
  static void add_penalty(const Parameters<double>&, Parameters<double>&) {}
};

/// The noised sum of clipped gradients of one step, in clips. The trainer moves by the rate 1 over the expected batch.
template <class Trainer>
double noised_sum(Trainer& trainer) {
  static const auto request = wrapping::train_at(Rows::layout(), {0});
  const auto reply = trainer.train(request, {});
  return -reply.update.data()[0] * trainer.training().sampling_rate * reply.num_examples;
}
/// One step over rows with these gradients, of which the last is a patient's or 0: as if he were not, but for the number of rows.
template <class Noise>
Release one_step(std::vector<double> others, double his, double rate, bool one_gradient_a_batch = false) {
  const PrivateTraining training{
      .clip = 1, .noise_multiplier = 1, .sampling_rate = rate, .steps = 1, .learning_rate = 1};
  const auto trainer = [&](double last) {
    Rows rows{others, one_gradient_a_batch};
    rows.gradients.push_back(last);
    return std::make_shared<PrivateTrainer<Rows, Noise>>(rows, training, Noise());
  };
  return [with = trainer(his), without = trainer(0)](bool there) {
    return noised_sum(there ? *with : *without);
  };
}
/// Eight rows, an epoch of eight steps of which a batch is expected to have one row. The others pull to one side by a clip each, he
/// pulls to the other, or not at all (Chua, Ghazi, Kamath, Kumar, Manurangsi, Sinha, Zhang: How Private are DP-SGD Implementations?, 2024).
/// What the attacker looks at is the logarithm of the likelihood ratio, for batches that are sampled or dealt.
template <class Noise>
Release epoch(bool dealt) {
  const PrivateTraining training{.clip = 1,
                                 .noise_multiplier = epoch_noise,
                                 .sampling_rate = 1.0 / batches,
                                 .steps = 1,
                                 .learning_rate = 1};
  const auto trainer = [&](double last) {
    std::vector<double> gradients(batches, -1);
    gradients.back() = last;
    return std::make_shared<PrivateTrainer<Rows, Noise>>(Rows{gradients}, training, Noise());
  };
  std::vector<double>
      chances;  // of so many others in a sampled batch; more than four are as good as never there
  const boost::math::binomial_distribution<double> others_in(batches - 1, 1.0 / batches);
  for (int others = 0; others < 5; ++others) chances.push_back(boost::math::pdf(others_in, others));
  return [dealt, chances, with = trainer(1), without = trainer(0)](bool there) {
    const auto density = [](double x, double mean) {
      return std::exp(-(x - mean) * (x - mean) / (2 * epoch_noise * epoch_noise));
    };
    double log_ratio = 0, his_batch_with = 0, his_batch_without = 0;
    for (std::size_t step = 0; step < batches; ++step) {
      const double x = noised_sum(there ? *with : *without);
      his_batch_with += density(x, 1) / density(x, -1);
      his_batch_without += density(x, 0) / density(x, -1);
      double sampled_with = 0, sampled_without = 0;
      for (int others = 0; others < 5; ++others) {
        const double chance = chances[static_cast<std::size_t>(others)];
        const double absent = density(x, -others), present = density(x, 1 - others);
        sampled_without += chance * absent;
        sampled_with += chance * (absent + (present - absent) / batches);
      }
      log_ratio += std::log(sampled_with / sampled_without);
    }
    return dealt ? std::log(his_batch_with / his_batch_without) : log_ratio;
  };
}

}  // namespace

TEST_CASE("audit: a step of DP-SGD, with and without sampling") {
  for (const double rate : {1.0, 0.5}) {
    CAPTURE(rate);
    const double claim = claimed_epsilon(1, rate);
    const double proven = proven_epsilon(one_step<Exact>({0.3, -2, 0.1}, 50, rate));
    CHECK(proven < claim);
    CHECK(proven > 0.4 * claim);
    CHECK(proven_epsilon(one_step<HalfNoise>({0.3, -2, 0.1}, 50, rate)) > claim);
  }
}

TEST_CASE("audit: an empty batch gets its noise, and it shows where it does not") {
  const double claim = claimed_epsilon(1, 0.5);
  CHECK(proven_epsilon(one_step<Exact>({}, 1, 0.5)) < claim);
  CHECK(proven_epsilon(one_step<NoNoiseOnNothing>({}, 1, 0.5)) > claim);
}

TEST_CASE("audit: each row is clipped, and it shows where only the batch is") {
  // Five others pull to one side; a patient whose gradient is large turns the whole batch round, by twice its clip.
  const std::vector<double> others(5, -1);
  const double claim = claimed_epsilon(1);
  CHECK(proven_epsilon(one_step<Exact>(others, 1000, 1)) < claim);
  CHECK(proven_epsilon(one_step<Exact>(others, 1000, 1, true)) > claim);
}

TEST_CASE(
    "audit: an epoch of sampled batches keeps what its accountant says, and one of shuffled batches does "
    "not") {
  Releases<Patients> releases;
  releases.add({epoch_noise, 1.0 / batches}, batches);
  const double claim = PrivacyLossAccountant{}.epsilon(releases, Delta<Patients>(delta)).value();
  const double proven = proven_epsilon(epoch<Exact>(false), 10000);
  CHECK(proven < claim);
  CHECK(proven > 0.1 * claim);
  CHECK(proven_epsilon(epoch<Shuffled>(true), 10000) > claim);
}

TEST_CASE("audit: a step on a real model, whose gradients are clipped in two dimensions") {
  // The last of six patients is there, or has zeros only, whose gradient is zero as there is no intercept.
  const auto release = [](double clip, double noise_multiplier) -> Release {
    const auto trainer = [=](bool there) {
      FeatureMatrix<double> x(6, 2);
      x << 1, 0.5, -1, 0.3, 0.2, 0.2, -0.7, -1, 0.1, 2, 3, 4;
      if (!there) x.row(5).setZero();
      const PrivateTraining training{.clip = clip,
                                     .noise_multiplier = noise_multiplier,
                                     .sampling_rate = 1,
                                     .steps = 1,
                                     .learning_rate = 1};
      return std::make_shared<PrivateTrainer<LogisticModel<double>, Exact>>(
          LogisticModel<double>(x, {0, 1, 0, 1, 1, 0}, {.intercept = false}), training, Exact());
    };
    const auto request =
        wrapping::train_at(LogisticModel<double>::layout_for(2, {.intercept = false}), {1, -0.5});
    return [=, with = trainer(true), without = trainer(false)](bool there) {
      const auto reply = (there ? with : without)->train(request, {});
      return -(3 * reply.update.data()[0] + 4 * reply.update.data()[1]);  // along the patient's gradient
    };
  };
  const double claim = claimed_epsilon(1);
  const double proven = proven_epsilon(release(1, 1));
  CHECK(proven < claim);
  CHECK(proven > 0.4 * claim);
  // Clipping left out: the patient's gradient is about 4 long, and the noise is that for 1.
  CHECK(proven_epsilon(release(100, 0.01)) > claim);
}

TEST_CASE("audit: a patient with many rows is one unit if they are grouped, and many if they are not") {
  // Twenty rows of one patient, of 0.4 clips each; others have one row.
  std::vector<double> with(20, 0.4), without(20, 0.0);
  for (auto* rows : {&with, &without}) rows->insert(rows->end(), {-0.5, 0.2});
  std::vector<std::vector<std::size_t>> patients{{}, {20}, {21}};
  for (std::size_t row = 0; row < 20; ++row) patients[0].push_back(row);
  const PrivateTraining training{
      .clip = 1, .noise_multiplier = 1, .sampling_rate = 0.5, .steps = 1, .learning_rate = 1};
  const auto release = [&](const auto& units) -> Release {
    using Trainer = PrivateTrainer<Rows, Exact>;
    return [there = std::make_shared<Trainer>(Rows{with}, training, Exact(), nullptr, units),
            gone = std::make_shared<Trainer>(Rows{without}, training, Exact(), nullptr, units)](
               bool with_him) { return noised_sum(with_him ? *there : *gone); };
  };
  const double claim = claimed_epsilon(1, 0.5);
  CHECK(proven_epsilon(release(patients)) < claim);
  CHECK(proven_epsilon(release(std::vector<std::vector<std::size_t>>{})) > claim);
}

}  // namespace privacy_audit_training_test
