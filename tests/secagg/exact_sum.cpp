// Of whatever additive task, in whatever layout and ranges: what the layer opens is the sum of the quantised Summands, bit for bit.
#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "healthai/core/random.hpp"
#include "healthai/secagg/secure_aggregation.hpp"
#include "healthai/secagg/secure_handlers.hpp"
#include "healthai/transport/in_process.hpp"
#include "secagg/members.hpp"

namespace secagg_exact_sum_test {

using namespace secagg_test;

namespace {

/// "Give me sums in these ranges": a task that the library has never heard of.
template <class Scalar_>
struct Census {
  using Scalar = Scalar_;
  struct Broadcast {
    std::vector<VectorSegment> vectors{};
    std::vector<ScalarSegment> numbers{};
    template <class Archive>
    void serialize(Archive& archive, unsigned /*version*/) {
      archive& vectors& numbers;
    }
  };
  using Reply = Summand<Scalar>;
  static constexpr std::string_view name = sizeof(Scalar) == 4 ? "census.f32" : "census.f64";
  [[nodiscard]] static Summand<Scalar> summand(Reply reply) { return reply; }
  [[nodiscard]] static std::size_t bytes(const Broadcast&) noexcept { return 0; }
  [[nodiscard]] static std::size_t bytes(const Reply&) noexcept { return 0; }
  [[nodiscard]] static std::vector<VectorSegment> vector_segments(const Broadcast& request) {
    return request.vectors;
  }
  [[nodiscard]] static std::vector<ScalarSegment> scalar_segments(const Broadcast& request) {
    return request.numbers;
  }
};

/// An "aggregator" that keeps what it is given.
struct Kept {
  template <class Scalar>
  struct State {
    std::vector<double> sum{};
    double weight = 0;
    void add_sum(std::span<const double> values, double of) {
      sum.assign(values.begin(), values.end());
      weight = of;
    }
  };
  template <class Scalar>
  [[nodiscard]] State<Scalar> begin(const Layout&) const {
    return {};
  }
};

template <class T>
T pick(T from, T below) {
  return *rc::gen::inRange<T>(from, below);
}
/// A number between 10^-3 and 10^3, of all orders of magnitude alike.
double any_clip() {
  return std::pow(10.0, pick(-3000, 3000) / 1000.0);
}

template <class Scalar>
struct Case {
  typename Census<Scalar>::Broadcast request{};
  std::uint64_t most_weight = 0;
  std::vector<Summand<Scalar>> summands{};
  std::vector<bool> fails{};

  explicit Case(std::size_t n, std::size_t spare) {
    const bool small = pick(0, 2) == 0;  // fits a ring of 32 bits
    most_weight = pick<std::uint64_t>(1, small ? 50 : 1'000'000);
    const auto any_levels = [&] { return pick<std::uint64_t>(1, std::uint64_t{1} << (small ? 20U : 40U)); };
    const std::size_t vectors = pick<std::size_t>(0, 4);
    for (std::size_t v = 0; v < vectors; ++v) {
      std::vector<std::size_t> shape(pick<std::size_t>(0, 4));
      for (std::size_t& extent : shape) extent = pick<std::size_t>(0, 6);
      request.vectors.push_back({"v" + std::to_string(v), Layout{{"first", shape}, {"second", {3}}},
                                 pick(0, 2) == 0, any_clip(), any_levels()});
    }
    for (std::size_t s = pick<std::size_t>(0, 4); s > 0; --s)
      request.numbers.push_back({"s" + std::to_string(s), any_clip(), any_levels()});
    fails.assign(n, false);
    for (std::size_t k = 0; k < spare; ++k) fails[pick<std::size_t>(0, n)] = pick(0, 2) == 0;
    Stream random(pick<std::uint64_t>(0, 1'000'000), Purpose::test);
    // Some numbers are beyond the clip, some at it, some zero.
    const auto any_number = [&](double clip) {
      const std::uint64_t kind = random() % 8;
      if (kind == 0) return 0.0;
      if (kind == 1) return random() % 2 == 0 ? clip : -clip;
      return clip * 1.2 * (2 * (static_cast<double>(random() >> 11U) * 0x1p-53) - 1);
    };
    for (std::size_t i = 0; i < n; ++i) {
      Summand<Scalar> summand;
      summand.weight = static_cast<double>(random() % (most_weight + 1));
      for (const VectorSegment& segment : request.vectors) {
        Parameters<Scalar> values(segment.layout);
        for (Scalar& value : values.span()) value = static_cast<Scalar>(any_number(segment.clip));
        summand.vectors.push_back({segment.name, segment.weighted, std::move(values)});
      }
      for (const ScalarSegment& segment : request.numbers)
        summand.scalars.push_back({segment.name, any_number(segment.clip)});
      summands.push_back(std::move(summand));
    }
  }
};

/// What the layer makes of a case, over `InProcess`.
template <class Scalar>
PartialAggregate<Kept, Scalar> opened(const Case<Scalar>& one, const Cohort& cohort, bool nearest) {
  InProcess hospitals({.threads = 1});
  for (std::size_t i = 0; i < one.summands.size(); ++i) {
    TaskHandlers work;
    work.offer<Census<Scalar>>(
        [&one, i](const Request<typename Census<Scalar>::Broadcast>&, std::stop_token) {
          if (one.fails[i]) throw std::runtime_error("the power is out");
          return one.summands[i];
        });
    const ClientId& id = cohort.members->id(static_cast<Index>(i));
    SecureMember self{id, cohort.keys[i], cohort.members, {}, {}, nearest};
    self.rules.options = {.corrupt = 0, .dropout = 0};
    hospitals.add(id, secure_handlers<Census<Scalar>>(std::move(work), std::move(self)));
  }
  SecureAggregationOptions options;
  options.protocol = {.corrupt = 0, .dropout = 0};
  options.ranges.levels = 2;
  options.ranges.most_examples = one.most_weight;
  SecureAggregation secure{hospitals, cohort.members, options};
  return secure.template sum<Census<Scalar>>(
      Kept{}, cohort.members->ids(), std::make_shared<const typename Census<Scalar>::Broadcast>(one.request),
      Deadline::max());
}

/// A generator of one and the same bits.
struct Always {
  using result_type = std::uint64_t;
  std::uint64_t bits = 0;
  std::uint64_t operator()() const { return bits; }
  static constexpr std::uint64_t min() { return 0; }
  static constexpr std::uint64_t max() { return ~std::uint64_t{0}; }
};

/// Sums words in the ring of the plan, and reads them.
template <class Word, class Scalar, class Encode>
Summand<double> summed(const SegmentPlan& plan, const Case<Scalar>& one, const Encode& encode) {
  std::vector<Word> sum(plan.size());
  std::uint64_t there = 0;
  for (std::size_t i = 0; i < one.summands.size(); ++i) {
    if (one.fails[i]) continue;
    ++there;
    std::vector<Word> words(plan.size());
    encode(one.summands[i], std::span<Word>(words));
    for (std::size_t k = 0; k < sum.size(); ++k) sum[k] = static_cast<Word>(sum[k] + words[k]);
  }
  return plan.decode(std::span<const Word>(sum), there);
}

template <class Scalar>
void holds(bool nearest) {
  static std::map<std::size_t, Cohort> cohorts;  // keys cost more than a sum
  const auto n = pick<std::size_t>(3, 6);
  const Cohort& cohort = cohorts.try_emplace(n, n, SecAggOptions{.corrupt = 0, .dropout = 0}).first->second;
  const Case<Scalar> one(n, n - cohort.session()->threshold());
  const SegmentPlan plan(one.request.vectors, one.request.numbers, one.most_weight, n);
  const auto part = opened(one, cohort, nearest);
  for (std::size_t i = 0; i < n; ++i) {
    const ClientId& id = cohort.members->id(static_cast<Index>(i));
    RC_ASSERT(std::ranges::count(part.contributors, id) == (one.fails[i] ? 0 : 1));
  }
  const auto with = [&](const auto& encode) {
    return plan.ring_bits() == 32 ? summed<std::uint32_t>(plan, one, encode)
                                  : summed<std::uint64_t>(plan, one, encode);
  };
  const auto at_nearest =
      with([&](const auto& summand, auto words) { (void)plan.encode_nearest(summand, words); });
  RC_ASSERT(part.weight == at_nearest.weight);
  RC_ASSERT(part.states.size() == one.request.vectors.size());
  RC_ASSERT(part.scalars.size() == one.request.numbers.size());
  if (nearest) {
    for (std::size_t v = 0; v < part.states.size(); ++v) {
      RC_ASSERT(std::ranges::equal(part.states[v].sum, at_nearest.vectors[v].values.span()));
      RC_ASSERT(
          part.states[v].weight ==
          (one.request.vectors[v].weighted ? part.weight : static_cast<double>(part.contributors.size())));
    }
    RC_ASSERT(part.scalars == at_nearest.scalars);
    return;
  }
  // Rounded at random: between all levels below and all above. Random bits of zeros alone round up whatever is between two levels, of
  // ones alone down.
  const auto ends = [&](std::uint64_t bits) {
    return with([&](const auto& summand, auto words) {
      Always always{bits};
      (void)plan.encode(summand, words, always);
    });
  };
  const Summand<double> above = ends(0), below = ends(~std::uint64_t{0});
  for (std::size_t v = 0; v < part.states.size(); ++v) {
    for (std::size_t k = 0; k < part.states[v].sum.size(); ++k) {
      RC_ASSERT(part.states[v].sum[k] >= below.vectors[v].values.data()[k]);
      RC_ASSERT(part.states[v].sum[k] <= above.vectors[v].values.data()[k]);
    }
  }
  for (std::size_t s = 0; s < part.scalars.size(); ++s) {
    RC_ASSERT(part.scalars[s].name == above.scalars[s].name);
    RC_ASSERT(part.scalars[s].value >= below.scalars[s].value);
    RC_ASSERT(part.scalars[s].value <= above.scalars[s].value);
  }
}

}  // namespace

TEST_CASE("any task, layout, ranges, weights and drop-outs: the very bits of the sum of what was quantised") {
  CHECK(rc::check("double, rounded to the nearest level", [] { holds<double>(true); }));
  CHECK(rc::check("float, rounded to the nearest level", [] { holds<float>(true); }));
}

TEST_CASE("rounded at random, each number of the sum is between those of the levels below and above") {
  CHECK(rc::check("double, rounded at random", [] { holds<double>(false); }));
}

TEST_CASE("rounded with the same random bits: the same bits of the sum, with masks and without") {
  CHECK(rc::check("words of a stream, masked and opened", [] {
    static std::map<std::size_t, Cohort> cohorts;
    const auto n = pick<std::size_t>(3, 5);
    Cohort cohort = cohorts.try_emplace(n, n, SecAggOptions{.corrupt = 0, .dropout = 0}).first->second;
    const Case<double> one(n, 0);
    cohort.terms.plan = SegmentPlan(one.request.vectors, one.request.numbers, one.most_weight, n);
    const SegmentPlan& plan = cohort.terms.plan;
    const auto session = cohort.session();
    CollectingKeys keys(session);
    std::vector<Advertising> advertising;
    std::vector<SharingSecrets> sharing;
    std::vector<Confirming> confirming;
    for (Index i = 0; i < n; ++i) {
      advertising.emplace_back(session, i, cohort.keys[i]);
      RC_ASSERT(!keys.add(i, advertising[i].message()));
    }
    CollectingShares shares(std::move(keys));
    for (Index i = 0; i < n; ++i) {
      sharing.emplace_back(std::move(advertising[i]), shares.message());
      RC_ASSERT(!shares.add(i, sharing[i].message()));
    }
    CollectingVectors vectors(std::move(shares));
    std::vector<Masking> masking;
    RingVector in_the_open(plan.ring_bits(), plan.size());
    const auto seed = pick<std::uint64_t>(0, 1'000'000);
    for (Index i = 0; i < n; ++i) {
      masking.emplace_back(std::move(sharing[i]), vectors.messages().at(i));
      RingVector vector(plan.ring_bits(), plan.size());
      Stream random(seed, Purpose::test, i);
      vector.visit([&](auto words) { (void)plan.encode(one.summands[i], words, random); });
      in_the_open += vector;
      vector.visit([&](auto words) { masking[i].mask(words); });
      RC_ASSERT(!vectors.add(i, vector));
    }
    CollectingConfirmations confirmations(session, std::move(vectors).finish());
    for (Index i = 0; i < n; ++i) {
      confirming.emplace_back(std::move(masking[i]), confirmations.message());
      RC_ASSERT(!confirmations.add(i, confirming[i].message()));
    }
    CollectingReleases releases(std::move(confirmations));
    for (Index i = 0; i < n; ++i)
      RC_ASSERT(!releases.add(i, Unmasking(std::move(confirming[i]), releases.message()).message()));
    RC_ASSERT(std::move(releases).open() == in_the_open);
  }));
}

}  // namespace secagg_exact_sum_test
