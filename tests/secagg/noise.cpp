#include "healthai/secagg/noise.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <boost/math/distributions/chi_squared.hpp>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <numeric>
#include <string>
#include <vector>

#include "healthai/secagg/secure_aggregation.hpp"
#include "healthai/secagg/secure_handlers.hpp"
#include "healthai/serialization/archive.hpp"
#include "healthai/server/federation.hpp"
#include "healthai/strategy/fedavg.hpp"
#include "healthai/transport/in_process.hpp"
#include "refusals.hpp"
#include "secagg/members.hpp"

namespace secagg_noise_test {

using namespace secagg_test;
using refusals_test::refuses;

namespace {

using Words = std::vector<std::uint32_t>;

Layout row(std::size_t length) {
  return Layout({{"x", {length}}});
}
/// Of 7 members, of whom 5 must stay and one may collude.
SumNoise noise_for_seven(double multiplier, std::uint32_t grid_bits) {
  return SumNoise{multiplier, grid_bits}.within(SecAggParameters::of(7, {.corrupt = 0.1, .dropout = 0}));
}
Words encoded(const SegmentPlan& plan, const Summand<double>& summand, std::uint64_t seed) {
  Words words(plan.size());
  Stream random(seed, Purpose::test);
  static_cast<void>(plan.encode(summand, std::span<std::uint32_t>(words), random));
  return words;
}
void add_words(Words& sum, const Words& words) {
  for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += words[i];
}
/// P(-reach), ..., P(reach) of a sum of discrete Gaussians, by the definition: exact but for what is beyond `reach` (12 deviations).
std::vector<double> sum_distribution(double variance, int draws, int reach) {
  std::vector<double> one;
  for (int x = -reach; x <= reach; ++x) one.push_back(std::exp(-x * x / (2 * variance)));
  const double total = std::accumulate(one.begin(), one.end(), 0.0);
  for (double& p : one) p /= total;
  std::vector<double> all = one;
  for (int draw = 1; draw < draws; ++draw) {
    std::vector<double> next(all.size());
    for (int x = -reach; x <= reach; ++x) {
      for (int y = -reach; y <= reach; ++y) {
        if (std::abs(x - y) <= reach)
          next[static_cast<std::size_t>(x + reach)] +=
              all[static_cast<std::size_t>(y + reach)] * one[static_cast<std::size_t>(x - y + reach)];
      }
    }
    all = next;
  }
  return all;
}
/// The probability of a chi-square statistic that is at least this one, of classes that are expected at least 8 times.
double chi_square_tail(const std::map<int, int>& seen, const std::vector<double>& expected, int reach,
                       double draws) {
  double statistic = 0, of_class = 0, in_class = 0;
  int classes = 0;
  for (int x = -reach; x <= reach; ++x) {
    const auto found = seen.find(x);
    in_class += found == seen.end() ? 0 : found->second;
    of_class += draws * expected[static_cast<std::size_t>(x + reach)];
    if (of_class < 8) continue;
    statistic += (in_class - of_class) * (in_class - of_class) / of_class;
    of_class = in_class = 0;
    ++classes;
  }
  return boost::math::cdf(boost::math::complement(boost::math::chi_squared(classes - 1), statistic));
}

}  // namespace

TEST_CASE("noise of a secure sum: t - c members make the whole of it") {
  const SumNoise noise = noise_for_seven(3, 10);
  CHECK(noise.honest == 4);  // t = 5, c = 1
  CHECK(noise.member_variance(1) == doctest::Approx(9 * 0x1p20 / 4).epsilon(1e-12));
  CHECK(noise.member_variance(1) * 4 >= 9 * 0x1p20);  // never less
  // Three segments are up to sqrt(3) longer together.
  CHECK(noise.member_variance(3) == doctest::Approx(3 * 9 * 0x1p20 / 4).epsilon(1e-12));
  CHECK(noise.mechanism() == Mechanism{NoiseKind::gaussian, 3, 1, 1});
  CHECK(from_bytes<SumNoise>(to_bytes(noise)) == noise);
  CHECK_FALSE(SumNoise{}.on());
  CHECK(SumNoise{}.within(SecAggParameters::of(7, {.corrupt = 0.1, .dropout = 0})) == SumNoise{});
}

TEST_CASE("noise of a secure sum: the words are the clipped whole numbers and the noise, and nothing else") {
  const SegmentPlan plan({{"update", row(3), true, 2}, {"extra", row(1), false, 8}}, {{"loss", 100}}, 1, 7,
                         noise_for_seven(1, 16));
  CHECK(plan.ring_bits() == 32);
  CHECK(plan.size() == 6);
  CHECK(plan.vectors()[0].levels == 131072);
  const Summand<double> summand{57,  // rows: they do not travel
                                {{"update", true, Parameters<double>(row(3), std::vector<double>{3, -4, 0})},
                                 {"extra", false, Parameters<double>(row(1), std::vector<double>{1})}},
                                {{"loss", -25}}};
  const Words words = encoded(plan, summand, 5);
  std::vector<std::int64_t> noise(5);
  {
    // Each segment is drawn for itself.
    Stream random(5, Purpose::test);
    const auto gaussian = DiscreteGaussian::of_variance(plan.noise().member_variance(3));
    for (const auto& [at, count] : {std::pair{0, 3}, {3, 1}, {4, 1}})
      gaussian.add_to(std::span(noise).subspan(static_cast<std::size_t>(at), static_cast<std::size_t>(count)),
                      random);
  }
  CHECK(words[0] == 1);
  const auto plain = [&](std::size_t i) { return static_cast<std::int32_t>(words[i + 1]) - noise[i]; };
  // (3, -4, 0) is 5 long and becomes 2 long, which are 65536 steps, less what rounding may add.
  CHECK(plain(0) == std::llround(0.6 * (65536 - std::sqrt(3) / 2)));
  CHECK(plain(1) == -std::llround(0.8 * (65536 - std::sqrt(3) / 2)));
  CHECK(plain(2) == 0);
  CHECK(plain(0) * plain(0) + plain(1) * plain(1) <= std::int64_t{65536} * 65536);
  CHECK(plain(3) == 8192);
  CHECK(plain(4) == -16384);

  // A sum of some is the sum of these numbers, in the units of the segments.
  Words sum = words;
  add_words(sum, words);
  const Summand<double> opened = plan.decode(std::span<const std::uint32_t>(sum), 2);
  CHECK(opened.weight == 2);
  CHECK(opened.vectors[0].values.data()[1] == 2 * static_cast<double>(plain(1) + noise[1]) * 2 / 65536);
  CHECK(opened.vectors[1].values.data()[0] == 2 * static_cast<double>(plain(3) + noise[3]) * 8 / 65536);
  CHECK(opened.scalars[0].value == 2 * static_cast<double>(plain(4) + noise[4]) * 100 / 65536);
  CHECK(from_bytes<SegmentPlan>(to_bytes(plan)) == plan);

  Stream random(1, Purpose::test);
  Words out(plan.size());
  CHECK(plan.encode(summand, std::span<std::uint32_t>(out), random).size() == 1);  // one segment was clipped
  refuses([&] { static_cast<void>(plan.decode(std::span<const std::uint32_t>(sum), 3)); }, error::overflow,
          "together they weigh 2");
  sum[2] = 0x7fffffff;
  refuses([&] { static_cast<void>(plan.decode(std::span<const std::uint32_t>(sum), 2)); }, error::overflow,
          "\"update\": a sum of 2147483647 steps");
  refuses([&] { static_cast<void>(plan.encode_nearest(summand, std::span<std::uint32_t>(out))); },
          error::invalid_argument, "needs a generator");
  Summand<double> broken = summand;
  broken.vectors[0].values.data()[1] = std::nan("");
  refuses([&] { static_cast<void>(plan.encode(broken, std::span<std::uint32_t>(out), random)); },
          error::not_finite, "NaN");
}

TEST_CASE(
    "noise of a secure sum: whatever a member has, its whole numbers are no longer than the sensitivity") {
  CHECK(rc::check([] {
    const auto size = static_cast<std::size_t>(*rc::gen::inRange(1, 40));
    const auto grid_bits = static_cast<std::uint32_t>(*rc::gen::inRange(6, 16));
    const double clip = std::pow(10.0, *rc::gen::inRange(-6, 7));
    const SegmentPlan plan({{"u", row(size), true, clip}, {"v", row(size), false, 3 * clip}}, {{"n", 7}}, 1,
                           7, {2, grid_bits, 4});
    Stream random(*rc::gen::arbitrary<std::uint64_t>(), Purpose::test);
    const auto any = [&](double within) {  // up to a thousand clips, and far below the grid
      return within * (2 * uniform(random) - 1) * std::pow(10.0, 8 * uniform(random) - 5);
    };
    Summand<double> with{1, {}, {{"n", any(7)}}}, without{1, {}, {{"n", 0}}};
    for (const char* name : {"u", "v"}) {
      Parameters<double> values(row(size));
      for (double& value : values.span()) value = any(clip);
      with.vectors.push_back({name, *name == 'u', values});
      without.vectors.push_back({name, *name == 'u', Parameters<double>(row(size))});
    }
    // The same noise in both.
    const Words one = encoded(plan, with, 3), zeros = encoded(plan, without, 3);
    double squares = 0;
    for (std::size_t i = 0; i < one.size(); ++i)
      squares += std::pow(static_cast<double>(static_cast<std::int32_t>(one[i] - zeros[i])), 2);
    RC_ASSERT(one[0] == zeros[0]);
    RC_ASSERT(squares <= 3 * std::pow(4.0, grid_bits));
    // And no shorter than rounding makes them, where something is to be clipped.
    const double length = norm(with.vectors[0].values);
    if (length > clip)
      RC_ASSERT(squares >= std::pow(std::ldexp(1, static_cast<int>(grid_bits)) - 2 * std::sqrt(40), 2));
  }));
}

TEST_CASE("noise of a secure sum: the opened sum has the distribution of a sum of discrete Gaussians") {
  // Seven members, of whom five are in the sum; each coordinate's noise has the variance (0.4 * 2^6)^2 / 4.
  const std::size_t size = 4000;
  const SegmentPlan plan({{"v", row(size), false, 1}}, {}, 1, 7, noise_for_seven(0.4, 6));
  const double variance = 0.16 * 4096 / 4;
  const int survivors = 5, sums = 10, reach = 350;  // 12 standard deviations of the sum
  std::map<int, int> seen;
  double squares = 0, lag = 0;
  for (int sum = 0; sum < sums; ++sum) {
    Words words(plan.size());
    for (int member = 0; member < survivors; ++member) {
      Parameters<double> values(row(size));
      values.data()[0] = member - 2;  // clipped, so that all five cancel: -1, -1, 0, 1, 1
      add_words(words, encoded(plan, {3.0 * member, {{"v", false, values}}, {}},
                               static_cast<std::uint64_t>(10 * sum + member)));
    }
    CHECK(words[0] == 5);
    for (std::size_t i = 1; i <= size; ++i) {
      const auto value = static_cast<std::int32_t>(words[i]);
      ++seen[value];
      squares += static_cast<double>(value) * value;
      if (i > 1) lag += static_cast<double>(value) * static_cast<std::int32_t>(words[i - 1]);
    }
  }
  const double draws = static_cast<double>(size) * sums;
  // The relative standard deviation of such a mean square is sqrt(2 / draws), that of a correlation 1 / sqrt(draws); five of them.
  CHECK(squares / draws == doctest::Approx(survivors * variance).epsilon(5 * std::sqrt(2 / draws)));
  CHECK(squares / draws > 0.16 * 4096);  // sigma^2, though only five of seven are in it
  CHECK(std::fabs(lag / squares) < 5 / std::sqrt(draws));
  CHECK(chi_square_tail(seen, sum_distribution(variance, survivors, reach), reach, draws) > 1e-4);
  // The test can tell: seven members' noise, or four's, is another distribution.
  CHECK(chi_square_tail(seen, sum_distribution(variance, 4, reach), reach, draws) < 1e-9);
  CHECK(chi_square_tail(seen, sum_distribution(variance * 0.9, survivors, reach), reach, draws) < 1e-9);
}

TEST_CASE("noise of a secure sum: the ring has room for it, but for a probability of 2^-40") {
  const auto plan = [](std::uint64_t clients, double multiplier, std::uint32_t grid_bits) {
    return SegmentPlan({{"v", row(1000), false, 1}}, {}, 1, clients, {multiplier, grid_bits, 2});
  };
  CHECK(plan(10, 5, 20).ring_bits() == 32);
  CHECK(plan(10, 50, 24).ring_bits() == 64);
  for (const std::uint64_t clients : {3U, 100U}) {
    for (const std::uint32_t grid_bits : {12U, 20U}) {
      const SumNoise noise{2, grid_bits, 2};
      const double most = noise.most_in_sum(clients, 1, 1000);
      const double clipped = std::ldexp(static_cast<double>(clients), static_cast<int>(grid_bits));
      const double stddev = std::sqrt(static_cast<double>(clients) * noise.member_variance(1));
      // Two-sided normal tails of all coordinates together; the bound is one on these, too.
      const double deviations = (most - clipped) / stddev;
      CHECK(1000 * std::erfc(deviations / std::sqrt(2.0)) < 0x1p-40);
      CHECK(1000 * std::erfc((deviations - 0.5) / std::sqrt(2.0)) > 0x1p-43);  // and not much more than that
      CHECK(most < std::ldexp(1, static_cast<int>(plan(clients, 2, grid_bits).ring_bits()) - 1));
    }
  }
  refuses([&] { static_cast<void>(plan(std::uint64_t{1} << 33U, 1, 30)); }, error::overflow,
          "do not fit in 64");
}

TEST_CASE("noise of a secure sum: settings that promise what they cannot keep are refused") {
  const auto plan = [](const SumNoise& noise, std::uint64_t most_weight = 1, std::size_t size = 10) {
    return [=] { static_cast<void>(SegmentPlan({{"v", row(size), true, 1}}, {}, most_weight, 7, noise)); };
  };
  CHECK_NOTHROW(plan({1, 20, 4})());
  refuses(plan({1, 20, 4}, 100), error::invalid_argument, "all clients weigh the same");
  refuses(plan({1, 20, 0}), error::invalid_argument, "count on none");
  refuses(plan({-1, 20, 4}), error::invalid_argument, "must be positive, but is -1");
  refuses(plan({std::nan(""), 20, 4}), error::invalid_argument, "must be positive, but is nan");
  refuses(plan({std::numeric_limits<double>::infinity(), 20, 4}), error::invalid_argument,
          "must be positive");
  refuses(plan({1, 0, 4}), error::invalid_argument, "grid_bits must be in [1, 30], but are 0");
  refuses(plan({1, 31, 4}), error::invalid_argument, "grid_bits must be in [1, 30], but are 31");
  refuses(plan({0.5, 3, 4}), error::invalid_argument, "variance of 16 to 2^62 steps");
  refuses(plan({1e4, 30, 4}), error::invalid_argument, "variance of 16 to 2^62 steps");
  refuses(plan({8, 2, 4}, 1, 1000), error::invalid_argument, "take more grid_bits");
  // What a coordinator claims costs no memory.
  refuses(plan({1, 20, 4}, 1, std::size_t{1} << 50U), error::invalid_argument, "take more grid_bits");
  // A sparse graph's threshold is of neighbours: it does not tell how many are in the sum.
  refuses(
      [] {
        static_cast<void>(SumNoise{1}.within(
            SecAggParameters::of(1000, {.adversary = Adversary::semi_honest, .corrupt = 0.05})));
      },
      error::invalid_argument, "only a full graph tells");
}

TEST_CASE("noise of a secure sum: a member compares the terms with its own rules") {
  Cohort cohort(7);  // t = 5, c = 1
  const ClientId self = cohort.members->id(0);
  const auto reason = [&](const SumNoise& noise, const ClientRules& rules) {
    Terms terms = cohort.terms;
    terms.plan = SegmentPlan({{"v", row(4), false, 1}}, {}, 1, 7, noise);
    try {
      require_acceptable(terms, *cohort.members, rules, self);
    } catch (const Error& e) {
      CHECK(e.id() == error::secagg_terms);
      return std::string(e.what());
    }
    return std::string();
  };
  const auto says = [&](const SumNoise& noise, const ClientRules& rules, const char* what) {
    const std::string found = reason(noise, rules);
    CHECK_MESSAGE(found.find(what) != std::string::npos, found);
  };
  ClientRules strict, with_ledger, fears_two;
  strict.minimum_noise_multiplier = 2;
  with_ledger.debit = [](const Mechanism&) {};
  fears_two.options = {.corrupt = 0.2, .dropout = 0};
  CHECK(reason({}, {}).empty());
  CHECK(reason({1, 20, 4}, {}).empty());
  CHECK(reason({1, 20, 4}, with_ledger).empty());
  CHECK(reason({2, 20, 4}, strict).empty());
  CHECK(reason({2, 20, 1}, strict).empty());  // more than is needed
  says({}, strict, "without noise, which this member demands");
  says({}, with_ledger, "without noise, which this member demands");
  says({1.99, 20, 4}, strict, "its noise multiplier is 1.99, expected at least 2");
  says({3, 20, 5}, strict, "counts on 5 honest members, but of a threshold of 5 as many as 1 may collude");
  // The coordinator's own idea of how many collude is not asked.
  cohort.terms.parameters.corrupt = 0;
  says({3, 20, 5}, strict, "counts on 5 honest members");
  says({3, 20, 4}, fears_two, "as many as 2 may collude");
  CHECK(reason({3, 20, 3}, fears_two).empty());
}

namespace {

/// Sends an update of zeros but for its first number.
struct Still {
  Layout layout{};
  double first = 0;
  double rows = 1;
  bool silent = false;
  TrainReply<double> train(const TrainRequest<double>&, std::stop_token) const {
    if (silent) throw std::runtime_error("the power is out");
    TrainReply<double> reply;
    reply.update = Parameters<double>(layout);
    reply.update.data()[0] = first;
    reply.num_examples = rows;
    reply.local_steps = 1;
    reply.metrics.add("loss", 3, 4);
    reply.metrics.add("age", 3, 4);
    return reply;
  }
  static EvaluateReply evaluate(const EvaluateRequest<double>&, std::stop_token) { return {}; }
};

struct Hospitals {
  Cohort cohort{7};  // t = 5, c = 1
  Layout layout = row(4096);
  InProcess transport{{.threads = 1}};
  std::vector<std::vector<Mechanism>> debits{7};

  explicit Hospitals(std::size_t silent, const std::function<void(Index, ClientRules&)>& rules = {}) {
    for (Index i = 0; i < 7; ++i) {
      const ClientId& id = cohort.members->id(i);
      SecureMember member{id, cohort.keys[i], cohort.members, {}, {}};
      member.rules.debit = [this, i](const Mechanism& spent) { debits[i].push_back(spent); };
      if (rules) rules(i, member.rules);
      const Still client{layout, i == 0 ? 50.0 : 0.0, 10.0 + i, i >= 7 - silent};
      transport.add(id, secure_handlers<Train<double>, Evaluate<double>>(TaskHandlers::of(client), member));
    }
  }
  [[nodiscard]] auto sum(const SumNoise& noise, bool control_variates = false) {
    SecureAggregationOptions options;
    options.ranges.noise = noise;
    options.ranges.update_clip = 100;
    options.ranges.training_numbers = {{"metric/loss/n", 100}};
    SecureAggregation secure{transport, cohort.members, options};
    TrainBroadcast<double> asked{{1, 1, 0}, 0, Parameters<double>(layout), {}};
    asked.objective.control_variates = control_variates;
    const auto work = std::make_shared<const TrainBroadcast<double>>(std::move(asked));
    return secure.sum<Train<double>>(WeightedMean{}, cohort.members->ids(), work, Deadline::max());
  }
};

}  // namespace

TEST_CASE("noise of a secure sum: whoever drops out, what is opened has at least sigma^2") {
  for (const std::size_t silent : {0U, 2U}) {  // five must stay
    CAPTURE(silent);
    Hospitals hospitals(silent);
    // Two segments, the update and the loss: sigma is 0.5 * sqrt(2) clips.
    auto part = hospitals.sum({.noise_multiplier = 0.5, .grid_bits = 16});
    REQUIRE(part.contributors.size() == 7 - silent);
    CHECK(part.failures.size() == silent);
    CHECK(part.weight == static_cast<double>(7 - silent));  // not their rows
    REQUIRE(part.scalars.size() == 1);
    const Parameters<double> mean = part.states.at(0).finish();
    const double sigma_squared = 0.5 * 0.5 * 2 * 100 * 100, contributors = static_cast<double>(7 - silent);
    double squares = 0;
    for (std::size_t i = 1; i < mean.size(); ++i) squares += std::pow(mean.data()[i] * contributors, 2);
    squares /= static_cast<double>(mean.size() - 1);
    // Six standard deviations of such a mean square, of 4095 numbers.
    CHECK(squares == doctest::Approx(contributors / 4 * sigma_squared).epsilon(6 * std::sqrt(2 / 4095.0)));
    CHECK(squares >= sigma_squared);
    // 50 of one member and zeros of the others, under noise.
    CHECK(std::fabs(mean.data()[0] * contributors - 50) < 7 * std::sqrt(contributors / 4 * sigma_squared));
    CHECK(std::fabs(part.scalars[0].value - 3 * contributors) <
          7 * std::sqrt(contributors / 4 * sigma_squared));
    for (Index i = 0; i < 7; ++i) {
      REQUIRE(hospitals.debits[i].size() == 1);
      CHECK(hospitals.debits[i][0] == Mechanism{NoiseKind::gaussian, 0.5, 1, 1});
    }
  }
}

TEST_CASE("noise of a secure sum: what its budget does not allow stays with a member") {
  Hospitals hospitals(0, [](Index i, ClientRules& rules) {
    if (i == 3) {
      rules.debit = [](const Mechanism&) { throw Error(error::privacy_budget, "nothing is left"); };
    }
    if (i == 4) rules.minimum_noise_multiplier = 9;
  });
  const auto part = hospitals.sum({.noise_multiplier = 0.5, .grid_bits = 16});
  REQUIRE(part.failures.size() == 2);
  CHECK(part.failures[0].client == hospitals.cohort.members->id(3));
  CHECK(part.failures[0].error == "privacy_budget");
  CHECK(part.failures[1].error == "secagg_terms");
  CHECK(part.contributors.size() == 5);
  // With a ledger no sum without noise; nobody has looked at data, so nothing was spent.
  for (auto& debits : hospitals.debits) debits.clear();
  const auto plain = hospitals.sum({});
  CHECK(plain.contributors.empty());
  CHECK(plain.failures.size() == 7);
  for (const Failure& failure : plain.failures) CHECK(failure.error == "secagg_terms");
  for (const auto& debits : hospitals.debits) CHECK(debits.empty());
}

TEST_CASE("noise of a secure sum: strategies that need to know how many rows there are have none") {
  Hospitals hospitals(0);
  const auto part = hospitals.sum({.noise_multiplier = 0.5, .grid_bits = 16}, true);
  CHECK(part.contributors.empty());
  REQUIRE(part.failures.size() == 7);
  CHECK(part.failures[0].error == "invalid_argument");
  CHECK(part.failures[0].message.find("Scaffold") != std::string::npos);
  for (const auto& debits : hospitals.debits) CHECK(debits.empty());
}

TEST_CASE(
    "noise of a secure sum: the count of a clip that adapts has the paper's noise, whatever is summed beside "
    "it") {
  // Members who only look at the plan that they are told.
  const std::size_t count = 40;
  const Cohort cohort(count, {.corrupt = 0, .dropout = 0});
  SegmentPlan seen;
  InProcess hospitals({.threads = 1});
  for (Index i = 0; i < count; ++i) {
    TaskHandlers looks;
    looks.offer<Advertise<Train<double>>>([&seen](const Request<Advertise<Train<double>>::Broadcast>& request,
                                                  std::stop_token) -> AdvertisedKeys {
      seen = request->terms.plan;
      throw Error(error::refused, "it has seen enough");
    });
    hospitals.add(cohort.members->id(i), std::move(looks));
  }
  const auto failure_of = [&](double multiplier, std::vector<ScalarSegment> numbers, std::size_t extras) {
    SecureAggregationOptions options;
    options.protocol = {.corrupt = 0, .dropout = 0};
    options.ranges.noise.noise_multiplier = multiplier;
    options.ranges.training_numbers = std::move(numbers);
    SecureAggregation secure{hospitals, cohort.members, options};
    SumRules rules;
    rules.extra_vectors.emplace();
    for (std::size_t i = 0; i < extras; ++i)
      rules.extra_vectors->push_back({"extra" + std::to_string(i), false});
    TrainBroadcast<double> work{{7, 1, 0}, 1, Parameters<double>(row(3)), {}};
    work.objective.update_clip = 2;
    seen = {};
    const auto part = secure.sum<Train<double>>(WeightedMean{}, hospitals.clients(),
                                                std::make_shared<const TrainBroadcast<double>>(work),
                                                Deadline::max(), rules);
    REQUIRE(part.failures.size() == count);
    return part.failures.front().message;
  };
  const auto check = [&](double multiplier, std::vector<ScalarSegment> numbers, std::size_t extras) {
    failure_of(multiplier, std::move(numbers), extras);
    auto others = static_cast<double>(seen.vectors().size());
    double share = 0;  // the squares of the lengths, by the plan itself
    for (const ScalarSegment& segment : seen.scalars())
      (segment.name == within_clip ? share : others) += segment.share * segment.share;
    REQUIRE(share > 0);
    // Of at least t members, of whom each adds its part.
    const double variance =
        seen.noise().member_variance(others + share) * static_cast<double>(seen.noise().honest);
    const double steps = std::ldexp(1, static_cast<int>(seen.noise().grid_bits));
    const double of_count = 0.5 * std::sqrt(variance) / (std::sqrt(share) * steps);
    const double of_others = std::sqrt(variance) / steps;
    const auto paper = adaptive_clipping_noise(multiplier, count);
    CHECK(of_count == doctest::Approx(paper.count_stddev).epsilon(1e-9));
    CHECK(of_others == doctest::Approx(std::sqrt(others) * paper.update_multiplier).epsilon(1e-9));
    return seen.scalars().size() + seen.vectors().size();
  };
  CHECK(check(1, {}, 0) == 2);
  CHECK(check(1, {{"a", 1}, {"b", 2}}, 0) == 4);
  CHECK(check(1, {{"a", 1}, {"b", 2, 65536, 0.5}}, 3) == 7);
  CHECK(check(1.5, {{"a", 1}, {"b", 2, 65536, 0.5}}, 0) == 4);
  // A range of the user's for the count is the user's.
  failure_of(1, {{std::string(within_clip), 0.5, 65536, 0.25}}, 0);
  REQUIRE(seen.scalars().size() == 1);
  CHECK(seen.scalars()[0].share == 0.25);
  // Where so much else is noised that the count would say nothing, nobody is asked.
  const std::string why = failure_of(3.9, {{"a", 1}, {"b", 2}, {"c", 2}, {"d", 2}, {"e", 2}}, 0);
  CHECK(why.find("more than a tenth of them") != std::string::npos);
  CHECK(seen.segments() == 0);
}

TEST_CASE("noise of a secure sum: it is part of what is signed") {
  const Cohort cohort(7);
  Terms terms = cohort.terms;
  const auto digest = [&](const SumNoise& noise) {
    terms.plan = SegmentPlan({{"v", row(4), false, 1}}, {}, 1, 7, noise);
    return request_digest("train.f64", terms, {});
  };
  const Digest first = digest({1, 20, 4});
  CHECK(first == digest({1, 20, 4}));
  CHECK(first != digest({1.5, 20, 4}));
  CHECK(first != digest({1, 20, 3}));
  CHECK(first != digest({}));
}

}  // namespace secagg_noise_test
