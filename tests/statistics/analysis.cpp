#include "healthai/statistics/analysis.hpp"

#include <doctest/doctest.h>

#include <functional>
#include <limits>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "healthai/client/task_handlers.hpp"
#include "healthai/transport/in_process.hpp"
#include "refusals.hpp"

namespace statistics_analysis_test {

using namespace healthai;
using refusals_test::refuses;

namespace {

/// A question whose answer is a number; and the same that is no sum.
template <int number>
struct Question : SummedStatistic {
  struct Broadcast {
    double asked = 0;
    template <class Archive>
    void serialize(Archive& archive, unsigned /*version*/) {
      archive& asked;
    }
  };
  static constexpr std::string_view name = number == 1 ? "first_question" : "second_question";
  [[nodiscard]] static std::size_t bytes(const Broadcast&) noexcept { return sizeof(double); }
  using SummedStatistic::bytes;
};
using First = Question<1>;
using Second = Question<2>;

using Answer = std::function<double(double)>;
double refuse(double) {
  throw Error(error::disclosure, "minimum_rows: too few");
}
double fail(double) {
  throw Error(error::invalid_data, "the disk is broken");
}
TaskHandlers hospital(const Answer& first, const Answer& second) {
  TaskHandlers handlers;
  handlers.offer<First>([first](const Request<First::Broadcast>& request, std::stop_token) {
    return SummandBuilder().add("x", first(request->asked)).take();
  });
  handlers.offer<Second>([second](const Request<Second::Broadcast>& request, std::stop_token) {
    return SummandBuilder().add("x", second(request->asked)).take();
  });
  return handlers;
}
Answer always(double value) {
  return [value](double) { return value; };
}

}  // namespace

TEST_CASE("sums are over all hospitals, in the order of their ids whatever that of their answers") {
  // In another order the sum is another: 1e16 + 1 - 1e16 = 0, but 1e16 - 1e16 + 1 = 1.
  InProcess all;
  all.add(ClientId("c"), hospital(always(1), always(0)));
  all.add(ClientId("a"), hospital(always(1e16), always(0)));
  all.add(ClientId("b"), hospital(always(-1e16), always(0)));
  Analysis<InProcess> analysis(all);
  CHECK(analysis.sites() == std::vector<ClientId>{ClientId("a"), ClientId("b"), ClientId("c")});
  const Sums sums = analysis.sum<First>({});
  CHECK(sums.number("x") == 1);
  CHECK(sums.sites == analysis.sites());
  const auto replies = analysis.each<First>({});
  REQUIRE(replies.size() == 3);
  CHECK(replies[1].first == ClientId("b"));
  CHECK(replies[1].second.vectors[0].values.data()[0] == -1e16);
  CHECK(analysis.left_out().empty());
}

TEST_CASE("one whose rules forbid the first question is left out, and named with its rule") {
  InProcess all;
  all.add(ClientId("a"), hospital(always(1), always(10)));
  all.add(ClientId("b"), hospital(refuse, always(20)));
  Analysis<InProcess> analysis(all);
  int times = 0;
  const double total = analysis.over_the_same_sites([&] {
    ++times;
    const double first = analysis.sum<First>({}).number("x");
    return first + analysis.sum<Second>({}).number("x");
  });
  CHECK(times == 1);  // nothing was summed with it
  CHECK(total == 11);
  REQUIRE(analysis.left_out().size() == 1);
  CHECK(analysis.left_out()[0].client == ClientId("b"));
  CHECK(analysis.left_out()[0].error == "disclosure");
  CHECK(analysis.left_out()[0].message.find("minimum_rows") != std::string::npos);
}

TEST_CASE("one whose rules forbid a later question: the work begins anew without it") {
  InProcess all;
  all.add(ClientId("a"), hospital(always(1), always(10)));
  all.add(ClientId("b"), hospital(always(2), refuse));
  Analysis<InProcess> analysis(all);
  std::vector<double> firsts;
  const double total = analysis.over_the_same_sites([&] {
    firsts.push_back(analysis.sum<First>({}).number("x"));
    return firsts.back() + analysis.sum<Second>({}).number("x");
  });
  CHECK(firsts == std::vector<double>{3, 1});
  CHECK(total == 11);
  CHECK(analysis.sites() == std::vector<ClientId>{ClientId("a")});
  REQUIRE(analysis.left_out().size() == 1);
}

TEST_CASE("so also where the answers are no sums, and for several one after the other") {
  InProcess all;
  all.add(ClientId("a"), hospital(always(1), always(10)));
  all.add(ClientId("b"), hospital(always(2), refuse));
  // Refuses the second question once the first was asked without "b".
  all.add(ClientId("c"), hospital(always(4), [](double asked) { return asked < 7 ? refuse(asked) : 40; }));
  Analysis<InProcess> analysis(all);
  int times = 0;
  const auto sites = analysis.over_the_same_sites([&] {
    ++times;
    const double first = analysis.sum<First>({}).number("x");
    return analysis.each<Second>({first}).size();
  });
  CHECK(times == 3);
  CHECK(sites == 1);
  CHECK(analysis.left_out().size() == 2);
}

TEST_CASE("no hospital that allows it") {
  InProcess all;
  all.add(ClientId("a"), hospital(refuse, refuse));
  all.add(ClientId("b"), hospital(refuse, refuse));
  Analysis<InProcess> analysis(all);
  refuses([&] { return analysis.sum<First>({}).number("x"); }, error::disclosure,
          "first_question: no hospital allows this; client a: ");
}

TEST_CASE("any other failure is an error, that names the hospital: the sum would be of other patients") {
  InProcess all;
  all.add(ClientId("a"), hospital(always(1), always(1)));
  all.add(ClientId("b"), hospital(refuse, fail));
  all.add(ClientId("c"), hospital(fail, fail));
  Analysis<InProcess> analysis(all);
  refuses([&] { return analysis.sum<First>({}).number("x"); }, error::below_quorum,
          "first_question needs the answer of every hospital, but some failed; client c: ");
  refuses([&] { return analysis.each<Second>({}).size(); }, error::below_quorum, "client b: ");
  CHECK(analysis.left_out().empty());
}

TEST_CASE("an answer that cannot be added is an error") {
  InProcess all;
  all.add(ClientId("a"), hospital(always(std::numeric_limits<double>::quiet_NaN()), always(1)));
  TaskHandlers other;
  other.offer<Second>(
      [](const Request<Second::Broadcast>&, std::stop_token) { return SummandBuilder().add("y", 1).take(); });
  other.offer<First>(
      [](const Request<First::Broadcast>&, std::stop_token) { return SummandBuilder().add("x", 1).take(); });
  all.add(ClientId("b"), std::move(other));
  Analysis<InProcess> analysis(all);
  refuses([&] { return analysis.sum<First>({}).number("x"); }, error::invalid_reply, "client a sent");
  refuses([&] { return analysis.sum<Second>({}).number("x"); }, error::invalid_reply,
          "client b sent other vectors");
}

TEST_CASE("nobody is there") {
  InProcess none;
  refuses([&] { return Analysis<InProcess>(none).sites().size(); }, error::no_clients,
          "at least one hospital");
}

}  // namespace statistics_analysis_test
