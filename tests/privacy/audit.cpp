// Sums with discrete Gaussian noise, under attack: noise of who sums, of who sends, of all who send together, and on updates of hospitals.
#include "privacy/audit.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "client/wrapping.hpp"
#include "healthai/client/clipped.hpp"
#include "healthai/core/random.hpp"
#include "healthai/privacy/clipped_gradient_sum.hpp"
#include "healthai/privacy/discrete_gaussian.hpp"
#include "healthai/privacy/noise_source.hpp"
#include "healthai/secagg/segments.hpp"

namespace privacy_audit_test {

using namespace healthai;
using namespace audit;

namespace {

/// A sum of integer vectors in two dimensions, of which one is there or not. \param length of that one, in units of the sensitivity
Release central(double noise_multiplier, double length = 1) {
  const double sensitivity = 1000;
  const auto gaussian =
      DiscreteGaussian::of_variance(noise_multiplier * noise_multiplier * sensitivity * sensitivity);
  return [=, random = Stream(1, Purpose::test)](bool there) mutable {
    const auto one = static_cast<std::int64_t>(there ? 0.6 * length * sensitivity : 0);
    const auto two = static_cast<std::int64_t>(there ? 0.8 * length * sensitivity : 0);
    std::vector<std::int64_t> sums{345 + one, -12 + two};
    gaussian.add_to(sums, random);
    return 0.6 * static_cast<double>(sums[0]) + 0.8 * static_cast<double>(sums[1]);
  };
}

/// What a secure sum opens, of hospitals whose updates have two numbers: one of them sends (30, 40) or zeros, the others something that
/// everybody knows. The clip is 1. Colluding hospitals tell the coordinator their noise, so that it is as if they had none: here only the
/// honest ones are there.
/// \param counted_on  how many honest ones the noise is divided by
/// \param honest      how many there are
Release distributed(double noise_multiplier, std::uint64_t counted_on, int honest, double longer_clip = 1) {
  const Layout layout{{"w", {2}}};
  const secagg::SegmentPlan plan({{"update", layout, true, longer_clip}}, {}, 1, 20,
                                 {noise_multiplier / longer_clip, 10, counted_on});
  return [=, random = Stream(2, Purpose::test)](bool there) mutable {
    std::vector<std::uint32_t> sum(plan.size()), words(plan.size());
    for (int k = 0; k < honest; ++k) {
      const double scale = k > 0 ? 0.001 * k : there ? 1.0 : 0.0;
      const Parameters<double> update(layout, std::vector<double>{30 * scale, 40 * scale});
      static_cast<void>(
          plan.encode(Summand<double>{100, {{"update", true, update}}, {}}, std::span(words), random));
      for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += words[i];
    }
    const auto opened = plan.decode(std::span<const std::uint32_t>(sum), static_cast<std::uint64_t>(honest));
    const Parameters<double>& total = opened.vectors[0].values;
    return 0.6 * total.data()[0] + 0.8 * total.data()[1];
  };
}

/// Noise on each hospital's own vector, that one's being seen.
Release local(double noise_multiplier) {
  return distributed(noise_multiplier, 1, 1);
}

/// The same of hospitals that hand in much else: an update, three numbers, and one of half the length, as an adaptive clip's count has. All are as
/// long as they may be, or zeros.
/// \param plan_multiplier  of the noise, whose sensitivity is what all of these are together
Release of_several(double plan_multiplier) {
  const Layout layout{{"w", {2}}};
  const double share = 0.5;
  const secagg::SegmentPlan plan({{"update", layout, true, 1}},
                                 {{"a", 10}, {"b", 3}, {"c", 1}, {"within", 0.5, 65536, share}}, 1, 20,
                                 {plan_multiplier, 10, 4});
  return [=, random = Stream(6, Purpose::test)](bool there) mutable {
    std::vector<std::uint32_t> sum(plan.size()), words(plan.size());
    for (int k = 0; k < 4; ++k) {
      const double scale = k == 0 && there ? 1 : 0;
      const Parameters<double> update(layout, std::vector<double>{30 * scale, 40 * scale});
      const Summand<double> all{
          1,
          {{"update", true, update}},
          {{"a", 10 * scale}, {"b", 3 * scale}, {"c", 5 * scale}, {"within", 0.5 * scale}}};
      static_cast<void>(plan.encode(all, std::span(words), random));
      for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += words[i];
    }
    const auto opened = plan.decode(std::span<const std::uint32_t>(sum), 4);
    const Parameters<double>& total = opened.vectors[0].values;
    // In lengths, each weighed by how long it is: the noise of all is alike.
    const auto number = [&](std::size_t i) { return opened.scalars[i].value; };
    return 0.6 * total.data()[0] + 0.8 * total.data()[1] + number(0) / 10 + number(1) / 3 + number(2) +
           share * share * number(3) / 0.5;
  };
}

/// A sum with discrete Laplace noise. \param noise_multiplier  its scale, in units of the sensitivity
Release laplace(double noise_multiplier) {
  const DiscreteLaplace noise(static_cast<std::uint64_t>(noise_multiplier * 1000));
  return [=, random = Stream(7, Purpose::test)](bool there) mutable {
    return static_cast<double>((there ? 1345 : 345) + noise(random));
  };
}

/// A hospital's training of many steps: whatever it does, here it goes far.
struct Trained {
  double far = 0;
  TrainReply<double> train(const TrainRequest<double>& request, std::stop_token) const {
    TrainReply<double> reply;
    reply.update = Parameters<double>(request->parameters.layout(), std::vector<double>{3 * far, -4 * far});
    reply.num_examples = 10;
    return reply;
  }
  static EvaluateReply evaluate(const EvaluateRequest<double>&, std::stop_token) { return {}; }
};

/// Updates of five hospitals, each clipped to 0.5, and noise on their sum; one of them went far, or has zeros.
/// \param weight  of the one; the noise is that for equal weights of 1
Release of_updates(double noise_multiplier, double bound, double weight = 1) {
  const auto request = wrapping::train_at(Layout{{"w", {2}}}, {0, 0});
  const double clip = 0.5;
  const double stddev = noise_multiplier * clip * 1024;  // in steps of 1/1024
  return [=, noise = std::make_shared<ExactNoise<Stream>>(Stream(4, Purpose::test))](bool there) {
    std::vector<std::int64_t> sums(2);
    for (int k = 0; k < 5; ++k) {
      Clipped client{Trained{k > 0 ? 0.1 * k : there ? 7.0 : 0.0}, {.bound = bound}};
      const auto update = client.train(request, {}).update;
      for (std::size_t j = 0; j < 2; ++j)
        sums[j] += static_cast<std::int64_t>((k > 0 ? 1 : weight) * update.data()[j] * 1024);  // towards 0
    }
    noise->add_gaussian(sums, stddev * stddev);
    return 0.6 * static_cast<double>(sums[0]) - 0.8 * static_cast<double>(sums[1]);
  };
}

}  // namespace

TEST_CASE("audit: the claims are those of the analytic Gaussian mechanism") {
  // Computed with 30 digits: delta(1, 1) = Phi(-1/2) - e Phi(-3/2).
  CHECK(analytic_delta(1, 1) == doctest::Approx(0.12693674).epsilon(1e-6));
  CHECK(analytic_delta(1, claimed_epsilon(1)) == doctest::Approx(delta).epsilon(1e-9));
  CHECK(claimed_epsilon(1, 0.5) < claimed_epsilon(1));
}

TEST_CASE("audit: a sum with discrete Gaussian noise leaks no more than is claimed, and nearly that") {
  const double claim = claimed_epsilon(1);
  const double proven = proven_epsilon(central(1));
  CHECK(proven < claim);
  CHECK(proven > 0.5 * claim);  // so that the attack is worth its name
}

TEST_CASE("audit: it notices noise of half the size, and a vector that was not clipped") {
  const double claim = claimed_epsilon(1);
  CHECK(proven_epsilon(central(0.5)) > claim);
  CHECK(proven_epsilon(central(1, 3)) > claim);
}

TEST_CASE("audit: noise on a hospital's own vector") {
  const double claim = claimed_epsilon(1);
  const double proven = proven_epsilon(local(1));
  CHECK(proven < claim);
  CHECK(proven > 0.5 * claim);
  CHECK(proven_epsilon(local(0.5)) > claim);
}

TEST_CASE("audit: noise that hospitals put together under secure aggregation") {
  const double claim = claimed_epsilon(1);
  // The smallest sum that is opened: as many honest ones as are counted on.
  const double proven = proven_epsilon(distributed(1, 4, 4), 12000);
  CHECK(proven < claim);
  CHECK(proven > 0.5 * claim);
  // More of them add more noise than is needed.
  CHECK(proven_epsilon(distributed(1, 4, 8), 4000) < claim);
  // Bugs: the noise divided by all 16 on the roster; an account that forgets who drops out; a clip that is not the one of the noise.
  CHECK(proven_epsilon(distributed(1, 16, 4), 8000) > claim);
  CHECK(proven_epsilon(distributed(1, 4, 1), 8000) > claim);
  CHECK(proven_epsilon(distributed(1, 4, 4, 3), 8000) > claim);
}

TEST_CASE("audit: several vectors and numbers in one secure sum are together what is claimed") {
  const double claim = claimed_epsilon(1);
  const double proven = proven_epsilon(of_several(1), 12000);
  CHECK(proven < claim);
  CHECK(proven > 0.5 * claim);
  // A bug: noise for one segment, where there are four and one of half the length.
  CHECK(proven_epsilon(of_several(1 / std::sqrt(4.25)), 8000) > claim);
}

TEST_CASE("audit: a sum with discrete Laplace noise") {
  const double claim = 1;  // of scale over sensitivity 1, with no delta at all
  const double proven = proven_epsilon(laplace(1));
  CHECK(proven < claim);
  CHECK(proven > 0.5 * claim);
  CHECK(proven_epsilon(laplace(0.5)) > claim);  // a bug
}

TEST_CASE("audit: updates of hospitals, clipped as a whole") {
  const double claim = claimed_epsilon(1);
  const double proven = proven_epsilon(of_updates(1, 0.5));
  CHECK(proven < claim);
  CHECK(proven > 0.5 * claim);
  // Bugs: noise of half the size, no clipping to speak of, noise for equal weights under weights that differ.
  CHECK(proven_epsilon(of_updates(0.5, 0.5)) > claim);
  CHECK(proven_epsilon(of_updates(1, 2)) > claim);
  CHECK(proven_epsilon(of_updates(1, 0.5, 3)) > claim);
}

}  // namespace privacy_audit_test
