#include "healthai/secagg/terms.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "healthai/aggregation/weighted_mean.hpp"
#include "healthai/secagg/secure_aggregation.hpp"
#include "healthai/secagg/secure_handlers.hpp"
#include "healthai/secagg/session.hpp"
#include "healthai/serialization/archive.hpp"
#include "healthai/transport/in_process.hpp"
#include "refusals.hpp"
#include "secagg/members.hpp"
#include "secagg/steps.hpp"

namespace secagg_terms_test {

using namespace secagg_test;
using refusals_test::refuses;
using secagg_steps_test::Exact;
using secagg_steps_test::Keys;
using secagg_steps_test::layout;

TEST_CASE("who opens a sum: a member compares it with its own rules") {
  const Cohort cohort(10);
  const ClientId self = cohort.members->id(3);
  const auto judged = [&](const std::string& opener, std::vector<std::string> allowed) {
    Terms terms = cohort.terms;
    terms.opener = opener;
    ClientRules rules;
    rules.openers = std::move(allowed);
    require_acceptable(terms, *cohort.members, rules, self);
    return 0;
  };
  CHECK(judged("", {}) == 0);
  CHECK(judged("fl.example.org", {}) == 0);
  CHECK(judged("fl.example.org", {"relay.south", "fl.example.org"}) == 0);
  refuses([&] { return judged("", {"fl.example.org"}); }, error::secagg_terms, "do not say who opens it");
  refuses([&] { return judged("fl.example.com", {"fl.example.org"}); }, error::secagg_terms,
          "it would be opened by \"fl.example.com\"");
  refuses([&] { return judged("fl.example.or", {"fl.example.org"}); }, error::secagg_terms, "opened by");
  // What is no name is not repeated, and not believed by whoever takes any.
  for (const std::string& no_name : {std::string("Fl.example.org"), std::string("a\nb"), std::string("a b"),
                                     std::string(1, '\0'), std::string(254, 'a'), std::string("\xc3\xa4")}) {
    refuses([&] { return judged(no_name, {}); }, error::secagg_terms, "is no name");
    CHECK_FALSE(is_opener_name(no_name));
  }
  for (const char* name : {"fl.example.org", "localhost", "10.0.0.1", "::1", "relay_south-2"})
    CHECK(is_opener_name(name));
  CHECK_FALSE(is_opener_name(""));
}

TEST_CASE("who opens a sum is signed, and terms that do not say it are what they were") {
  Terms terms = Cohort(4).terms;
  const auto before = to_bytes(terms);
  CHECK(before.at(0) == std::byte{0});
  const Digest unnamed = request_digest("train.f64", terms, {});
  terms.opener = "fl.example.org";
  const auto named = to_bytes(terms);
  CHECK(named.at(0) == std::byte{1});  // which programs of before do not know
  CHECK(named.size() == before.size() + 8 + terms.opener.size());
  CHECK(std::equal(before.begin() + 4, before.end(), named.begin() + 4));
  CHECK(from_bytes<Terms>(named).opener == "fl.example.org");
  CHECK(from_bytes<Terms>(before).opener.empty());
  const Digest one = request_digest("train.f64", terms, {});
  terms.opener = "fl.example.com";
  CHECK(one != unnamed);
  CHECK(one != request_digest("train.f64", terms, {}));
}

TEST_CASE("a region's members give no sum to a coordinator of another name, nor to one that says none") {
  const Keys keys(4);
  InProcess hospitals({.threads = 1});
  for (std::size_t i = 0; i < 4; ++i) {
    SecureMember self = keys.member(i);
    self.rules.openers = {"relay.south.example.org"};
    hospitals.add(Keys::name(i),
                  secure_handlers<Train<double>>(TaskHandlers::of(Exact{i, {}}), std::move(self)));
  }
  const auto sum_by = [&](const std::string& opener, std::uint64_t round) {
    auto options = secagg_steps_test::options();
    options.opener = opener;
    SecureAggregation secure{hospitals, keys.members, options};
    return secure.sum<Train<double>>(WeightedMean{}, hospitals.clients(),
                                     std::make_shared<const TrainBroadcast<double>>(TrainBroadcast<double>{
                                         {7, round, 0}, 1, Parameters<double>(layout), {}}),
                                     Deadline::max());
  };
  CHECK(sum_by("relay.south.example.org", 1).contributors.size() == 4);
  for (const std::string other : {"fl.example.org", "relay.north.example.org", ""}) {
    const auto none = sum_by(other, 2);
    CHECK(none.contributors.empty());
    CHECK(none.states.empty());
    REQUIRE(none.failures.size() == 4);
    for (const Failure& failure : none.failures) CHECK(failure.error == "secagg_terms");
  }
  CHECK(sum_by("relay.south.example.org", 2).contributors.size() == 4);  // nothing has happened to it
  refuses([&] { return sum_by("Relay South", 3); }, "a host name in lower case, not \"Relay South\"");
}

}  // namespace secagg_terms_test
