#include "healthai/serialization/archive.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>
#include <boost/serialization/array.hpp>
#include <boost/serialization/complex.hpp>
#include <boost/serialization/deque.hpp>
#include <boost/serialization/list.hpp>
#include <boost/serialization/map.hpp>
#include <boost/serialization/optional.hpp>
#include <boost/serialization/set.hpp>
#include <boost/serialization/string.hpp>
#include <boost/serialization/unordered_map.hpp>
#include <boost/serialization/utility.hpp>
#include <boost/serialization/valarray.hpp>
#include <boost/serialization/vector.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <complex>
#include <deque>
#include <limits>
#include <list>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <valarray>
#include <vector>

#include "healthai/core/training.hpp"
#include "healthai/server/round_report.hpp"

namespace serialization_archive_test {

using namespace healthai;

template <class T>
T round_trip(const T& value) {
  const auto bytes = to_bytes(value);
  CHECK(bytes.size() == encoded_size(value));
  return from_bytes<T>(bytes);
}
template <class T>
bool survives(const T& value) {
  return from_bytes<T>(to_bytes(value)) == value;
}
/// Equal bytes are equal values here, and NaN is equal to itself.
template <class T>
bool survives_bitwise(const T& value) {
  const auto bytes = to_bytes(value);
  return to_bytes(from_bytes<T>(bytes)) == bytes;
}

enum class Colour : std::int8_t { red = -1, green = 4 };
enum class Switch : bool { off, on };

/// As Boost's tutorial writes them: a private member and a friend.
class Intrusive {
 public:
  Intrusive() = default;
  Intrusive(int a, std::string b) : a_(a), b_(std::move(b)) {}
  friend bool operator==(const Intrusive&, const Intrusive&) = default;

 private:
  friend class boost::serialization::access;
  template <class Archive>
  void serialize(Archive& archive, const unsigned /*version*/) {
    archive& boost::serialization::make_nvp("a", a_);
    archive& BOOST_SERIALIZATION_NVP(b_);
  }
  int a_ = 0;
  std::string b_;
};
struct Base {
  int base = 0;
  friend bool operator==(const Base&, const Base&) = default;
  template <class Archive>
  void serialize(Archive& archive, const unsigned /*version*/) {
    archive& base;
  }
};
/// With save and load apart, and a base.
struct Split : Base {
  double value = 0;
  friend bool operator==(const Split&, const Split&) = default;
  template <class Archive>
  void save(Archive& archive, const unsigned /*version*/) const {
    archive << boost::serialization::base_object<Base>(*this) << value * 2;
  }
  template <class Archive>
  void load(Archive& archive, const unsigned /*version*/) {
    archive >> boost::serialization::base_object<Base>(*this) >> value;
    value /= 2;
  }
  BOOST_SERIALIZATION_SPLIT_MEMBER()
};

namespace elsewhere {
struct Free {
  int a = 0;
  std::vector<Intrusive> b{};
  friend bool operator==(const Free&, const Free&) = default;
};
template <class Archive>
void serialize(Archive& archive, Free& value, const unsigned /*version*/) {
  archive& value.a& value.b;
}
}  // namespace elsewhere

TEST_CASE("plain values") {
  CHECK(survives(true));
  CHECK(survives(std::numeric_limits<long>::min()));
  CHECK(survives(std::numeric_limits<unsigned long long>::max()));
  CHECK(survives('x'));
  CHECK(survives(U'\x1F600'));
  CHECK(survives(-0.0));
  CHECK(std::signbit(round_trip(-0.0)));
  CHECK(survives(std::numeric_limits<double>::denorm_min()));
  CHECK(survives(std::numeric_limits<float>::infinity()));
  CHECK(std::isnan(round_trip(std::numeric_limits<double>::quiet_NaN())));
  CHECK(survives(Colour::red));
  CHECK(survives(Switch::on));
  CHECK(survives(std::string("with \0 inside", 13)));
  CHECK(survives(std::optional<std::string>("x")));
  CHECK(survives(std::optional<std::optional<int>>(std::optional<int>())));
  CHECK(survives(std::array<std::string, 2>{"a", "b"}));
  CHECK(survives(std::pair<int, std::vector<bool>>(1, {true, false, true})));
  CHECK(survives(std::vector<Colour>{Colour::red, Colour::green}));
  CHECK(survives(std::vector<Switch>{Switch::on, Switch::off}));
  int table[2][3] = {{1, 2, 3}, {4, 5, 6}};
  const auto bytes = to_bytes(table);
  int copy[2][3] = {};
  SpanSource source(bytes);
  BinaryReader(source) >> copy;
  CHECK(copy[1][2] == 6);
  CHECK(copy[0][1] == 2);
}

TEST_CASE("what was in the value before does not show") {
  std::optional<int> number = 4;
  std::vector<std::string> strings{"a", "b", "c"};
  std::map<int, int> map{{1, 1}};
  auto empty = to_bytes(std::optional<int>());
  const auto zero = to_bytes(std::uint64_t{0});
  empty.insert(empty.end(), zero.begin(), zero.end());
  empty.insert(empty.end(), zero.begin(), zero.end());
  SpanSource source(empty);
  BinaryReader reader(source);
  reader >> number >> strings >> map;
  reader.finish();
  CHECK(!number.has_value());
  CHECK(strings.empty());
  CHECK(map.empty());
}

TEST_CASE("users' types in each of Boost.Serialization's styles") {
  CHECK(survives(Intrusive(3, "three")));
  CHECK(survives(elsewhere::Free{1, {Intrusive(2, "two")}}));
  Split split;
  split.base = 7;
  split.value = 1.25;
  CHECK(survives(split));
  CHECK(survives(std::map<std::string, std::vector<Intrusive>>{{"a", {Intrusive(1, "b")}}, {"c", {}}}));
}

TEST_CASE("containers whose Boost headers the user includes") {
  CHECK(survives(std::deque<std::string>{"a", "b"}));
  CHECK(survives(std::list<Intrusive>{Intrusive(1, "x")}));
  CHECK(survives(std::set<int>{3, 1, 2}));
  CHECK(survives(std::multiset<int>{1, 1, 2}));
  CHECK(survives(std::multimap<int, std::string>{{1, "a"}, {1, "b"}}));
  CHECK(survives(std::complex<double>(1, 2)));
  CHECK(survives(boost::optional<int>(3)));
  CHECK(survives(boost::optional<int>()));
  const std::valarray<double> values{1, 2, 3};
  CHECK((round_trip(values) == values).min());
  std::unordered_map<int, int> sparse;  // far more buckets than bytes
  sparse.rehash(100000);
  sparse[1] = 2;
  CHECK(survives(sparse));
}

TEST_CASE_TEMPLATE("layouts and parameters", Scalar, float, double) {
  const Layout layout{{"conv.weight", {2, 3}}, {"bias", {}}, {"none", {0, 4}}};
  CHECK(round_trip(layout) == layout);
  CHECK(round_trip(layout).fingerprint() == layout.fingerprint());
  CHECK(round_trip(Layout()) == Layout());
  Parameters<Scalar> parameters(layout);
  for (std::size_t i = 0; i < parameters.size(); ++i) parameters.data()[i] = static_cast<Scalar>(i) / 3;
  const auto copy = round_trip(parameters);
  CHECK(copy.layout() == layout);
  CHECK(
      std::equal(copy.span().begin(), copy.span().end(), parameters.span().begin(), parameters.span().end()));
  CHECK(reinterpret_cast<std::uintptr_t>(copy.data()) % 64 == 0);
  CHECK(round_trip(Parameters<Scalar>()).size() == 0);
}

TEST_CASE("messages and reports") {
  const Layout layout{{"w", {3}}};
  TrainBroadcast<double> broadcast;
  broadcast.id = {5, 2, 1};
  broadcast.seed = 9;
  broadcast.parameters = Parameters<double>(layout);
  broadcast.objective.proximal_mu = 0.5;
  broadcast.objective.linear_correction = Parameters<double>(layout);
  broadcast.objective.learning_rate = 0.125;
  const auto broadcast_copy = round_trip(broadcast);
  CHECK(broadcast_copy.id == broadcast.id);
  CHECK(broadcast_copy.objective.linear_correction->layout() == layout);
  CHECK(broadcast_copy.objective.learning_rate == broadcast.objective.learning_rate);
  CHECK(!broadcast_copy.objective.local_steps.has_value());
  CHECK(survives_bitwise(broadcast));

  TrainReply<float> reply;
  reply.update = Parameters<float>(layout);
  reply.update.data()[1] = -1;
  reply.num_examples = 20;
  reply.metrics.add("loss", 3, 20);
  reply.local_steps = 4;
  reply.partial = true;
  const auto reply_copy = round_trip(reply);
  CHECK(reply_copy.update.data()[1] == -1);
  CHECK(reply_copy.metrics == reply.metrics);
  CHECK(reply_copy.partial);
  CHECK(survives_bitwise(reply));
  CHECK(survives_bitwise(Train<float>::summand(std::move(reply))));

  RoundReport report;
  report.round = 3;
  report.selected = {"a", "b"};
  report.participants = {"a"};
  report.failures = {{"b", "deadline", "no answer within 3 s"}};
  report.evaluation = EvaluationReport{.participants = {"a"}, .quorum = true};
  report.observer_errors = {"on_round: disk full"};
  const auto report_copy = round_trip(report);
  CHECK(report_copy.failures == report.failures);
  CHECK(report_copy.evaluation == report.evaluation);
  CHECK(report_copy.observer_errors == report.observer_errors);
  CHECK(survives_bitwise(report));
  CHECK(survives_bitwise(std::vector<RoundReport>(3, report)));
}

TEST_CASE("any value survives a round trip") {
  using Plain = std::map<std::string, std::vector<std::pair<bool, std::string>>>;
  using Nested = std::map<std::string, std::vector<std::pair<std::int32_t, std::optional<std::string>>>>;
  CHECK(rc::check("nested containers", [](const Plain& plain) {
    Nested value;
    for (const auto& [key, items] : plain) {
      auto& place = value[key];
      for (const auto& [present, text] : items) {
        place.emplace_back(static_cast<std::int32_t>(place.size()) - 1,
                           present ? std::optional(text) : std::nullopt);
      }
    }
    RC_ASSERT(survives(plain));
    RC_ASSERT(survives(value));
  }));
  CHECK(rc::check("numbers", [](const std::vector<std::int64_t>& a, const std::vector<std::uint16_t>& b,
                                const std::vector<bool>& c, const std::set<char>& d) {
    RC_ASSERT(survives(a) && survives(b) && survives(c) && survives(d));
  }));
  CHECK(rc::check("bits of doubles", [](const std::vector<std::uint64_t>& bits) {
    std::vector<double> values;
    for (const std::uint64_t b : bits) values.push_back(std::bit_cast<double>(b));
    const auto copy = from_bytes<std::vector<double>>(to_bytes(values));
    RC_ASSERT(copy.size() == values.size());
    for (std::size_t i = 0; i < bits.size(); ++i) RC_ASSERT(std::bit_cast<std::uint64_t>(copy[i]) == bits[i]);
  }));
  CHECK(rc::check("replies", [] {
    TrainReply<double> reply;
    std::vector<Tensor> tensors;
    for (std::size_t i = 0, n = *rc::gen::inRange<std::size_t>(0, 5); i < n; ++i) {
      const auto shape = *rc::gen::container<std::vector<std::size_t>>(rc::gen::inRange<std::size_t>(0, 4));
      if (shape.size() < 6) tensors.push_back({"t" + std::to_string(i), shape});
    }
    const Layout layout(tensors);
    reply.update = Parameters<double>(layout);
    for (double& x : reply.update.span()) x = *rc::gen::arbitrary<double>();
    reply.num_examples = *rc::gen::arbitrary<double>();
    for (const auto& name : *rc::gen::arbitrary<std::vector<std::string>>()) reply.metrics.add(name, 1, 2);
    const auto copy = from_bytes<TrainReply<double>>(to_bytes(reply));
    RC_ASSERT(copy.update.layout() == layout);
    RC_ASSERT(copy.metrics == reply.metrics);
    RC_ASSERT(to_bytes(copy) == to_bytes(reply));
  }));
}

TEST_CASE("any bytes give a value or an Error") {
  CHECK(rc::check("garbage", [](const std::vector<std::uint8_t>& garbage) {
    const auto bytes = std::as_bytes(std::span(garbage));
    const auto attempt = [bytes]<class T>(T) {
      try {
        // What is accepted was written by a program like this one: the same bytes come out.
        const auto again = to_bytes(from_bytes<T>(bytes));
        RC_ASSERT(std::equal(again.begin(), again.end(), bytes.begin(), bytes.end()));
      } catch (const Error& e) {
        RC_ASSERT(!std::string(e.what()).empty());
      }
    };
    attempt(TrainReply<double>());
    attempt(RoundReport());
    attempt(std::vector<std::optional<std::string>>());
  }));
}

}  // namespace serialization_archive_test
