#include "healthai/secagg/patient_gradients.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "healthai/aggregation/weighted_mean.hpp"
#include "healthai/client/node/node.hpp"
#include "healthai/secagg/secure_aggregation.hpp"
#include "healthai/secagg/secure_handlers.hpp"
#include "healthai/secagg/serve_secure.hpp"
#include "healthai/serialization/archive.hpp"
#include "healthai/transport/in_process.hpp"
#include "privacy/audit.hpp"
#include "refusals.hpp"
#include "secagg/members.hpp"
#include "secagg/services.hpp"
#include "test_folder.hpp"

namespace secagg_patient_gradients_test {

using namespace secagg_test;
using refusals_test::refuses;
using Broadcast = PatientGradients::Broadcast;

namespace {

/// A model whose rows have these gradients, wherever it is asked.
struct Fixed {
  using Scalar = double;
  std::vector<std::vector<double>> gradients{};
  std::size_t size = 2;
  [[nodiscard]] Layout layout() const { return Layout{{"w", {size}}}; }
  [[nodiscard]] std::size_t num_examples() const { return gradients.size(); }
  static double loss(const Parameters<double>&, std::span<const std::size_t>, Parameters<double>&) {
    return 0;
  }
  static Metrics evaluate(const Parameters<double>&) { return {}; }
  template <class Visit>
  void for_each_gradient(const Parameters<double>&, std::span<const std::size_t> rows, Visit visit) const {
    for (const std::size_t row : rows) visit(std::span<const double>(gradients[row]));
  }
  static void add_penalty(const Parameters<double>&, Parameters<double>&) {}
};
static_assert(PerExampleModel<Fixed>);

Broadcast asked(std::size_t size, double clip, std::uint32_t grid_bits, std::uint64_t most_patients,
                std::uint64_t round = 1) {
  return {{1, round, 0}, Parameters<double>(Layout{{"w", {size}}}), clip, grid_bits, most_patients};
}
Parameters<double> sum_of(const Fixed& model, const Broadcast& broadcast,
                          SumsPatientGradients<Fixed>::Units units = {}) {
  return SumsPatientGradients{model, std::move(units), model.gradients.size()}(
             {std::make_shared<const Broadcast>(broadcast), "north"}, {})
      .sum;
}
/// Patients with gradients of many lengths, from far below the clip to far above it.
Fixed any_patients(std::size_t count, std::size_t size, std::uint64_t seed) {
  Fixed model{{}, size};
  Stream random(seed, Purpose::test);
  for (std::size_t i = 0; i < count; ++i) {
    std::vector<double> gradient(size);
    const double scale = std::pow(10.0, 4 * uniform(random) - 2);
    for (double& number : gradient) number = scale * (2 * uniform(random) - 1);
    model.gradients.push_back(gradient);
  }
  return model;
}

}  // namespace

TEST_CASE("a hospital's sum is that of its patients' clipped gradients, all rows of one together") {
  const Fixed model{{{3, 4}, {0.3, 0}, {-0.1, 0.2}, {0, 0.4}}};
  const double step = std::ldexp(2, -16);
  // (3, 4) becomes 2 long, less what rounding may add; the others are short enough.
  const auto each = sum_of(model, asked(2, 2, 16, 100));
  const double left = 65536 - std::sqrt(2) / 2;
  CHECK(each.data()[0] == step * (std::round(0.6 * left) + std::round(0.3 / step) + std::round(-0.1 / step)));
  CHECK(each.data()[1] == step * (std::round(0.8 * left) + std::round(0.2 / step) + std::round(0.4 / step)));
  const auto together = sum_of(model, asked(2, 2, 16, 100), {{0, 1}, {3, 2}});
  const double length = std::hypot(3.3, 4.0);
  CHECK(together.data()[0] == step * (std::round(3.3 / length * left) + std::round(-0.1 / step)));
  CHECK(together.data()[1] == step * (std::round(4 / length * left) + std::round(0.6 / step)));
  const auto request = asked(2, 2, 16, 3);
  // What is refused does not depend on how many there are: 4, or 2.
  refuses([&] { return sum_of(model, request); }, error::refused,
          "up to 4 patients, and the request allows for 3");
  refuses([&] { return sum_of(model, request, {{0, 1}, {2, 3}}); }, error::refused, "up to 4 patients");
  CHECK(sum_of(model, asked(2, 2, 16, 4)).size() == 2);
  refuses(
      [&] {
        return SumsPatientGradients{model, {}, 3};
      },
      error::invalid_data, "more than the public bound of 3");
  refuses(
      [&] {
        return sum_of(model, request, {{0, 1}, {2}});
      },
      error::invalid_data, "each of the 4 rows once");
  refuses([&] { return sum_of(model, request, {{0, 1}, {2, 3, 3}}); }, error::invalid_data, "rows once");
  refuses([&] { return sum_of(model, request, {{0, 1, 2, 3}, {}}); }, error::invalid_data, "rows once");
  refuses([&] { return sum_of(model, asked(3, 2, 16, 100)); }, error::layout_mismatch, "north");
  refuses([&] { return sum_of(model, asked(2, 0, 16, 100)); }, "the clip");
  refuses([&] { return sum_of(model, asked(2, 2, 31, 100)); }, "grid_bits");
  refuses([&] { return sum_of(model, asked(2, 2, 16, 0)); }, "most_patients must be in");
  refuses([&] { return sum_of(model, asked(2, 2, 16, (std::uint64_t{1} << 32U) + 1)); }, "most_patients");
  auto broken = asked(2, 2, 16, 100);
  broken.parameters.data()[1] = std::nan("");
  refuses([&] { return sum_of(model, broken); }, error::not_finite, "NaN");
  const auto read = from_bytes<Broadcast>(to_bytes(asked(2, 3, 17, 50)));
  CHECK(read.clip == 3);
  CHECK(read.grid_bits == 17);
  CHECK(read.most_patients == 50);
}

namespace {

/// Seven members, of whom five must stay and one may collude.
struct Hospitals {
  static constexpr Index count = 7;
  secagg_test::Cohort cohort{count};
  std::vector<Fixed> models{};
  InProcess transport{{.threads = 1}};
  std::vector<std::vector<Mechanism>> debits{count};

  explicit Hospitals(std::size_t size, const std::function<void(Index, SecureMember&)>& change = {}) {
    for (Index i = 0; i < count; ++i) {
      models.push_back(any_patients(3 + 5 * i, size, 100 + i));
      const ClientId& id = cohort.members->id(i);
      SecureMember self{id, cohort.keys[i], cohort.members, {}, {}};
      self.rules.unit = SumUnit::patient;
      self.rules.debit = [this, i](const Mechanism& spent) { debits[i].push_back(spent); };
      if (change) change(i, self);
      TaskHandlers work;
      work.offer<PatientGradients>(SumsPatientGradients{models[i], {}, 50});
      work.offer<Train<double>>([size](const TrainRequest<double>&, std::stop_token) {
        TrainReply<double> reply;
        reply.update = Parameters<double>(Layout{{"w", {size}}});
        reply.num_examples = 1;
        return reply;
      });
      transport.add(id, secure_handlers<PatientGradients, Train<double>>(std::move(work), std::move(self)));
    }
  }
  template <class T = PatientGradients>
  [[nodiscard]] auto sum(const SumNoise& noise, typename T::Broadcast broadcast,
                         std::set<Index> silent = {}) {
    SecureAggregationOptions options;
    options.ranges.noise = noise;
    SecureAggregation secure{transport, cohort.members, options};
    std::vector<ClientId> ids;
    for (Index i = 0; i < count; ++i) {
      if (!silent.contains(i)) ids.push_back(cohort.members->id(i));
    }
    return secure.sum<T>(WeightedMean{}, ids,
                         std::make_shared<const typename T::Broadcast>(std::move(broadcast)),
                         Deadline::max());
  }
};

}  // namespace

TEST_CASE("the secure sum without noise is the plain sum, to the last step") {
  Hospitals hospitals(6, [](Index, SecureMember& self) {
    self.nearest_rounding = true;
    self.rules.debit = {};
  });
  const Broadcast broadcast = asked(6, 0.7, 20, 1000);
  auto part = hospitals.sum({}, broadcast, {2, 5});
  REQUIRE(part.contributors.size() == 5);
  const auto mean = part.states.at(0).finish();
  const double step = std::ldexp(0.7, -20);
  for (std::size_t j = 0; j < 6; ++j) {
    double steps = 0;
    for (const Index i : {0U, 1U, 3U, 4U, 6U})
      steps += std::round(sum_of(hospitals.models[i], broadcast).data()[j] / step);
    CHECK(steps != 0);
    // A sum of at most 5000 * 2^20 < 2^33 steps is divided by five and multiplied again: off by less than 2^-18 steps.
    CHECK(std::fabs(mean.data()[j] * 5 / step - steps) < 0x1p-17);
  }
}

TEST_CASE("with noise: its variance is that of one patient, whatever the number of patients") {
  constexpr std::size_t size = 4096;
  const double clip = 0.5, multiplier = 3;
  const Broadcast broadcast = asked(size, clip, 16, 100);
  Hospitals hospitals(size);
  auto part = hospitals.sum(broadcast.noise(multiplier), broadcast, {1});
  REQUIRE(part.contributors.size() == 6);
  CHECK(part.weight == 6);
  const auto mean = part.states.at(0).finish();
  double squares = 0;
  std::vector<double> plain(size);
  for (const Index i : {0U, 2U, 3U, 4U, 5U, 6U}) {
    const auto own = sum_of(hospitals.models[i], broadcast);
    for (std::size_t j = 0; j < size; ++j) plain[j] += own.data()[j];
  }
  for (std::size_t j = 0; j < size; ++j) squares += std::pow(6 * mean.data()[j] - plain[j], 2);
  // Six members' noise, where t - c = 4 have the whole variance (3 clips)^2; six standard deviations of such a mean square.
  CHECK(squares / size == doctest::Approx(6.0 / 4 * 9 * clip * clip).epsilon(6 * std::sqrt(2.0 / size)));
  for (Index i = 0; i < 7; ++i) {
    REQUIRE(hospitals.debits[i].size() == (i == 1 ? 0 : 1));
    if (i != 1) CHECK(hospitals.debits[i][0] == Mechanism{NoiseKind::gaussian, multiplier, 1, 1});
  }
}

TEST_CASE("audit: what one patient more or less shows is what is claimed") {
  // Two honest hospitals, as noise of others may be known; one of them has a patient with the gradient (30, 40), or has not.
  const auto release = [](double multiplier, std::uint64_t counted_on) -> audit::Release {
    const Broadcast broadcast = asked(2, 1, 10, 50);
    SumNoise noise = broadcast.noise(multiplier);
    noise.honest = counted_on;
    const SegmentPlan plan(PatientGradients::vector_segments(broadcast), {}, 1, 7, noise);
    REQUIRE(plan.ring_bits() == 32);
    const auto summand = [&](const Fixed& model) {
      return PatientGradients::summand({sum_of(model, broadcast)});
    };
    const auto other = summand(any_patients(20, 2, 1));
    Fixed own = any_patients(10, 2, 2);
    const auto without = summand(own);
    own.gradients.push_back({30, 40});
    const auto with = summand(own);
    return [=, random = Stream(3, Purpose::test)](bool there) mutable {
      std::vector<std::uint32_t> sum(plan.size()), words(plan.size());
      for (const auto* one : {there ? &with : &without, &other}) {
        static_cast<void>(plan.encode(*one, std::span(words), random));
        for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += words[i];
      }
      const auto opened = plan.decode(std::span<const std::uint32_t>(sum), 2);
      const Parameters<double>& total = opened.vectors[0].values;
      return 0.6 * total.data()[0] + 0.8 * total.data()[1];
    };
  };
  const double claimed = audit::claimed_epsilon(1);
  const double proven = audit::proven_epsilon(release(1, 2));
  CHECK(proven < claimed);
  CHECK(proven > 0.6 * claimed);
  // Noise that counts on four times as many honest hospitals as there are has half the deviation, and that shows.
  CHECK(audit::proven_epsilon(release(1, 8)) > claimed);
}

TEST_CASE("a member believes no terms whose noise is for somebody else") {
  const Broadcast broadcast = asked(4, 1, 16, 100);
  const auto all_say = [](const auto& part, const char* error, const char* what) {
    CHECK(part.contributors.empty());
    REQUIRE(part.failures.size() == 7);
    for (const Failure& failure : part.failures) {
      CHECK(failure.error == error);
      CHECK_MESSAGE(failure.message.find(what) != std::string::npos, failure.message);
    }
  };
  Hospitals hospitals(4);
  all_say(hospitals.sum({2, 16}, broadcast), "secagg_terms",
          "its noise hides one hospital, and this member counts in the unit of a patient");
  all_say(hospitals.sum({}, broadcast), "secagg_terms", "without noise");
  // The sum of another grid, or over other numbers of patients, than the noise.
  auto other = broadcast;
  other.grid_bits = 17;
  all_say(hospitals.sum(broadcast.noise(2), other), "secagg_terms", "another vector, clip, grid or number");
  other = broadcast;
  other.most_patients = 200;
  all_say(hospitals.sum(broadcast.noise(2), other), "secagg_terms", "another vector, clip, grid or number");
  // What is no sum over clipped patients.
  const TrainBroadcast<double> training{{1, 1, 0}, 0, Parameters<double>(Layout{{"w", {4}}}), {}};
  all_say(hospitals.sum<Train<double>>(broadcast.noise(2), training), "secagg_terms",
          "the work is no sum over patients");
  for (const auto& debits : hospitals.debits) CHECK(debits.empty());  // nobody has looked at data
  // A member that counts hospitals.
  Hospitals of_hospitals(4, [](Index, SecureMember& self) { self.rules.unit = SumUnit::hospital; });
  all_say(of_hospitals.sum(broadcast.noise(2), broadcast), "secagg_terms",
          "its noise hides one patient, and this member counts in the unit of a hospital");
  CHECK(of_hospitals.sum<Train<double>>({2, 16}, training).contributors.size() == 7);
}

TEST_CASE("the noise: what it is for is part of the terms, and settings that cannot be kept are refused") {
  const SumNoise patients{2, 16, 4, 100};
  CHECK(patients.unit() == SumUnit::patient);
  CHECK(SumNoise{2, 16, 4}.unit() == SumUnit::hospital);
  CHECK(from_bytes<SumNoise>(to_bytes(patients)) == patients);
  CHECK(to_bytes(patients).size() == to_bytes(SumNoise{2, 16, 4}).size() + 8);
  CHECK(to_bytes(SumNoise{2, 16, 4}).at(0) == std::byte{0});  // as programs of before know it
  CHECK(patients.member_variance(3) ==
        patients.member_variance(1));  // one patient is clipped in all segments together
  CHECK(patients.member_variance(1) == SumNoise{2, 16, 4}.member_variance(1));
  // There is room for so many patients, each at its clip.
  CHECK(patients.most_in_sum(7, 1, 10) > 7 * 100 * 65536.0);
  const auto plan = [](std::uint64_t most, std::uint32_t grid_bits) {
    const Broadcast broadcast = asked(4, 1, grid_bits, most);
    SumNoise noise = broadcast.noise(2);
    noise.honest = 4;
    return SegmentPlan(PatientGradients::vector_segments(broadcast), {}, 1, 7, noise);
  };
  CHECK(plan(100, 16).ring_bits() == 32);
  CHECK(plan(10'000, 20).ring_bits() == 64);
  const SumNoise too_many{2, 20, 4, (std::uint64_t{1} << 28U) + 1};
  refuses([&] { return too_many.member_variance(1); }, "most_patients must be at most");
  // A sum that so many patients cannot have, or that is no whole number of steps.
  Stream random(1, Purpose::test);
  const std::vector<double> beyond{100.5}, between{std::ldexp(0.5, -16)}, most{100};
  const auto noised = [&](const std::vector<double>& values) {
    return patients.noised(std::span<const double>(values), 100, patients.member_variance(1), random);
  };
  refuses([&] { return noised(beyond); }, error::invalid_reply, "at most 100 patients");
  refuses([&] { return noised(between); }, error::invalid_reply, "is not what was to be noised");
  CHECK(noised(most).size() == 1);
}

TEST_CASE("a node debits the account of its patients, and no other, before the data are touched") {
  using secagg_steps_test::Services;
  const TestFolder folder;
  const secagg_test::Cohort cohort(4, {.corrupt = 0, .dropout = 0});
  const Broadcast broadcast = asked(2, 1, 16, 100);
  const BudgetAccount patients{"icu-2026", "patient"};
  const auto sums = [&](const BudgetAccount& account, const std::shared_ptr<BudgetLedger>& ledger,
                        std::uint64_t round) {
    Services services;
    std::vector<std::unique_ptr<Node>> nodes;
    for (Index i = 0; i < 4; ++i) {
      const ClientId& id = cohort.members->id(i);
      SecureMember self{id, cohort.keys[i], cohort.members, {}, {}};
      self.rules.options = {.corrupt = 0, .dropout = 0};
      self.rules.unit = SumUnit::patient;
      TaskHandlers work;
      work.offer<PatientGradients>(SumsPatientGradients{any_patients(5, 2, i), {}, 100});
      NodeOptions options;
      options.policy = Policy::parse(
          R"({"tasks": {"patient_gradients.f64": {"requests_per_day": 10}}, "rounds_per_run": 10,
          "largest_model": 2, "minimum_cohort": 5})");
      options.facts.rows = 5;
      if (i == 0) {
        options.ledger = ledger;
        options.sum_account = account;
      } else {
        options.policy.require_dp = false;
      }
      nodes.push_back(std::make_unique<Node>(
          id, secure_handlers<PatientGradients>(std::move(work), std::move(self)), std::move(options)));
      serve_secure<PatientGradients>(*nodes.back());
      services.add(*nodes.back());
    }
    SecureAggregationOptions how;
    how.protocol = {.corrupt = 0, .dropout = 0};
    how.ranges.noise = broadcast.noise(3);
    SecureAggregation secure{services, cohort.members, how};
    auto work = broadcast;
    work.id.round = round;
    return secure.sum<PatientGradients>(WeightedMean{}, cohort.members->ids(),
                                        std::make_shared<const Broadcast>(work), Deadline::max());
  };
  const auto ledger = std::make_shared<BudgetLedger>(
      folder.file("budget"), SigningKey::make(),
      [](const BudgetAccount&, std::span<const Mechanism> after) { return after.front().steps <= 2; });
  CHECK(sums(patients, ledger, 1).contributors.size() == 4);
  CHECK(sums(patients, ledger, 2).contributors.size() == 4);
  REQUIRE(ledger->spent(patients).size() == 1);
  CHECK(ledger->spent(patients)[0] == Mechanism{NoiseKind::gaussian, 3, 1, 2});
  const auto spent = sums(patients, ledger, 3);
  REQUIRE(spent.failures.size() == 1);
  CHECK(spent.failures[0].message.find("its privacy budget does not allow this request") !=
        std::string::npos);
  CHECK(spent.contributors.size() == 3);
  // The account of whole hospitals is another unit, which this noise does not hide.
  const BudgetAccount hospital{"icu-2026", "hospital"};
  const auto other = sums(hospital, ledger, 4);
  REQUIRE(other.failures.size() == 1);
  CHECK(other.failures[0].message.find("(require_dp), and this request has none") != std::string::npos);
  CHECK(ledger->spent(hospital).empty());
}

}  // namespace secagg_patient_gradients_test
