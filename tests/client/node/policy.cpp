#include "healthai/client/node/policy.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "client/node/scratch.hpp"
#include "folders.hpp"

namespace client_node_policy_test {

#if !defined(_WIN32)

namespace {

using healthai::NodeFacts;
using healthai::Policy;
using healthai::Quota;
using healthai::RequestFacts;
using node_test::error_of;
using node_test::has;

constexpr const char* whole_file = R"({
  "tasks": {"train.f64": {"requests_per_day": 3}, "evaluate.f64": {"requests_per_day": 2}},
  "requests_per_day": 4,
  "rounds_per_run": 3,
  "largest_model": 1000,
  "minimum_cohort": 50,
  "minimum_cohort_in_sum": 20,
  "rows_per_parameter": 0.1,
  "columns": ["age", "sex", "time"],
  "objective": {
    "proximal_mu": {"largest": 1.5},
    "local_steps": {"smallest": 5, "largest": 100},
    "learning_rate": {"largest": 0.5},
    "linear_correction": true, "control_variates": true, "initial_loss": false, "dynamic_regularisation": false
  },
  "batch": {"smallest": 16, "largest": 256},
  "mods": {"clip": {"largest": 1.0}, "noise": {"smallest": 0.5}, "version": 2},
  "metrics": true,
  "require_secure_aggregation": false,
  "minimum_threshold": 4,
  "require_dp": false,
  "manual_approval": true,
  "coordinators": ["trial", "registry"],
  "require_opener": true,
  "runs": [17, 18446744073709551615]
})";

/// What the whole policy above allows.
RequestFacts good_request() {
  RequestFacts request;
  request.task = "train.f64";
  request.coordinator = "trial";
  request.run = 17;
  request.round = 1;
  request.parameters = 100;
  request.needs = {.proximal = true, .linear_correction = true, .local_steps = true, .learning_rate = true};
  request.proximal_mu = 0.1;
  request.local_steps = 10;
  request.learning_rate = 0.05;
  request.approved = true;
  return request;
}
NodeFacts good_node() {
  return {.rows = 60,
          .columns = {"age", "time"},
          .mods = {{"clip", 1.0}, {"noise", 0.5}, {"version", 2}, {"other", 7}},
          .batch = 32};
}
Policy whole() {
  return Policy::parse(whole_file);
}
std::string refusal(const RequestFacts& request, const NodeFacts& node = good_node(),
                    const Policy& policy = whole(), const Quota& quota = Quota()) {
  return policy.refusal(request, node, quota).value_or("");
}
/// The refusal of the good request after `change`.
std::string refusal_when(const std::function<void(RequestFacts&, NodeFacts&)>& change) {
  RequestFacts request = good_request();
  NodeFacts node = good_node();
  change(request, node);
  return refusal(request, node);
}
std::string refusal_under(const std::function<void(Policy&)>& change) {
  Policy policy = whole();
  change(policy);
  return refusal(good_request(), good_node(), policy);
}
std::string error_of_parsing(const std::string& text) {
  return error_of([&] { (void)Policy::parse(text, "p.json"); });
}

}  // namespace

TEST_CASE("every setting of a policy file arrives") {
  const Policy policy = whole();
  CHECK(policy.tasks.size() == 2);
  CHECK(policy.tasks.at("train.f64").requests_per_day == 3);
  CHECK(policy.tasks.at("evaluate.f64").requests_per_day == 2);
  CHECK(policy.requests_per_day == 4);
  CHECK(policy.rounds_per_run == 3);
  CHECK(policy.largest_model == 1000);
  CHECK(policy.minimum_cohort == 50);
  CHECK(policy.minimum_cohort_in_sum == 20);
  CHECK(policy.rows_per_parameter == 0.1);
  CHECK(policy.columns == std::set<std::string>{"age", "sex", "time"});
  CHECK(policy.objective.proximal_mu == healthai::Bounds<double>{0, 1.5});
  CHECK(policy.objective.local_steps == healthai::Bounds<std::uint64_t>{5, 100});
  CHECK(policy.objective.learning_rate == healthai::Bounds<double>{0, 0.5});
  CHECK(policy.objective.parts() == healthai::ObjectiveParts{true, true, true, true, false, true, false});
  CHECK(policy.batch == healthai::Bounds<std::uint64_t>{16, 256});
  CHECK(policy.mods.at("clip") == healthai::Bounds<double>{0, 1});
  CHECK(policy.mods.at("noise").contain(1e300));
  CHECK(policy.mods.at("version") == healthai::Bounds<double>{2, 2});
  CHECK(policy.metrics);
  CHECK(!policy.require_secure_aggregation);
  CHECK(policy.minimum_threshold == 4);
  CHECK(!policy.require_dp);
  CHECK(policy.manual_approval);
  CHECK(policy.coordinators == std::set<std::string>{"registry", "trial"});
  CHECK(policy.require_opener);
  CHECK(policy.runs == std::set<std::uint64_t>{17, std::numeric_limits<std::uint64_t>::max()});
}

TEST_CASE("what the policy allows is allowed") {
  CHECK(refusal(good_request()).empty());
  // On the limits themselves.
  CHECK(refusal_when([](auto& request, auto& node) {
          request.parameters = 600;
          request.proximal_mu = 1.5;
          request.local_steps = 5;
          request.learning_rate = 0.5;
          request.batch = 16;
          node.rows = 60;
          node.batch = 1;
        }).empty());
  CHECK(refusal_when([](auto& request, auto& node) {
          node.rows = 50;
          request.needs = {};
          request.proximal_mu = 0;  // no term at all
          request.local_steps.reset();
          request.learning_rate.reset();
        }).empty());
  CHECK(refusal_when([](auto& request, auto& node) {  // a sum, in which a small hospital may take part
          request.secure_aggregation = true;
          request.threshold = 4;
          request.opener = "trial";
          request.parameters = 1000;
          node.rows = 20;
        })
            .empty());
  CHECK(refusal_when([](auto& request, auto&) {
          request.task = "evaluate.f64";
          request.metrics_only = true;
        }).empty());
}

TEST_CASE("every limit refuses, and says which limit it is") {
  const auto expect = [](const std::string& sentence, const std::string& expected) {
    CAPTURE(sentence);
    CHECK(sentence == "the policy of this node " + expected);
  };
  expect(refusal_when([](auto& request, auto&) { request.task = "statistics.cox\n\x1b[31m"; }),
         "does not allow the task \"statistics.cox??[31m\"; allowed are: evaluate.f64, train.f64");
  expect(refusal_when([](auto& request, auto&) { request.coordinator = "stranger"; }),
         "does not allow the coordinator \"stranger\"");
  expect(refusal_when([](auto& request, auto&) { request.run = 18; }), "does not allow run 18");
  expect(refusal_when([](auto& request, auto&) { request.approved = false; }),
         "asks that a person approves run 17, and nobody has");
  expect(refusal_under([](Policy& policy) { policy.require_secure_aggregation = true; }),
         "requires secure aggregation (require_secure_aggregation), and this request is plain");
  expect(refusal_when([](auto& request, auto&) {
           request.secure_aggregation = true;
           request.threshold = 3;
         }),
         "requires that at least 4 clients are needed to open a sum (minimum_threshold), and here it is 3");
  expect(refusal_when([](auto& request, auto&) { request.secure_aggregation = true; }),
         "requires that at least 4 clients are needed to open a sum (minimum_threshold), and here it is not "
         "said");
  const std::string opener =
      "requires that a secure sum names one of its coordinators as who opens it (require_opener), and here ";
  const auto opened_by = [](const std::string& name, bool listed = true) {
    Policy policy = whole();
    if (!listed) policy.coordinators.reset();
    RequestFacts request = good_request();
    request.secure_aggregation = true;
    request.threshold = 4;
    request.opener = name;
    return refusal(request, good_node(), policy);
  };
  expect(opened_by(""), opener + "nobody is named");
  expect(opened_by("stranger\n"), opener + "it is \"stranger?\"");
  expect(opened_by("Trial"), opener + "it is \"Trial\"");
  expect(opened_by("trial", false), opener + "it is \"trial\"");  // a program's mistake: none are listed
  CHECK(opened_by("registry").empty());
  expect(refusal_under([](Policy& policy) { policy.require_dp = true; }),
         "requires differential privacy (require_dp), and this request has none");
  Policy secret = whole();
  secret.metrics = false;
  RequestFacts evaluation = good_request();
  evaluation.task = "evaluate.f64";
  evaluation.metrics_only = true;
  expect(refusal(evaluation, good_node(), secret), "does not let metrics leave (metrics)");
  expect(refusal_when([](auto&, auto& node) { node.mods.erase("clip"); }),
         "requires that replies pass \"clip\" with at most 1 (mods), and the node is not set up so");
  expect(refusal_when([](auto&, auto& node) { node.mods["clip"] = 1.01; }),
         "requires that replies pass \"clip\" with at most 1 (mods), and the node is not set up so");
  expect(
      refusal_when([](auto&, auto& node) { node.mods["noise"] = std::numeric_limits<double>::quiet_NaN(); }),
      "requires that replies pass \"noise\" with at least 0.5 (mods), and the node is not set up so");
  expect(refusal_when([](auto&, auto& node) { node.mods["version"] = 3; }),
         "requires that replies pass \"version\" with exactly 2 (mods), and the node is not set up so");
  expect(refusal_when([](auto& request, auto&) { request.parameters = 1001; }),
         "allows models of at most 1000 parameters (largest_model), and this one has 1001");
  expect(refusal_when([](auto& request, auto&) {
           request.needs.initial_loss = request.needs.dynamic_regularisation = true;
         }),
         "does not let a coordinator set: initial loss, dynamic regularisation (objective)");
  expect(refusal_when([](auto& request, auto&) { request.needs.update_clip = true; }),
         "does not let a coordinator set: update clip (objective)");
  expect(refusal_under([](Policy& policy) { policy.objective = {}; }),
         "does not let a coordinator set: proximal mu, linear correction, local steps, learning rate "
         "(objective)");
  expect(refusal_when([](auto& request, auto&) { request.proximal_mu = 1.6; }),
         "allows a proximal mu of at most 1.5, and this request is outside of that");
  expect(refusal_when([](auto& request, auto&) { request.proximal_mu = -0.1; }),
         "allows a proximal mu of at most 1.5, and this request is outside of that");
  expect(refusal_when([](auto& request, auto&) { request.proximal_mu.reset(); }),
         "allows a proximal mu of at most 1.5, and this request does not say which it asks for");
  expect(refusal_when([](auto& request, auto&) { request.local_steps = 101; }),
         "allows a number of local steps of 5 to 100, and this request is outside of that");
  expect(refusal_when([](auto& request, auto&) { request.local_steps = 4; }),
         "allows a number of local steps of 5 to 100, and this request is outside of that");
  expect(refusal_when([](auto& request, auto&) {
           request.needs.local_steps = false;  // a contradiction does not open a way around the limit
           request.local_steps = 101;
         }),
         "allows a number of local steps of 5 to 100, and this request is outside of that");
  expect(refusal_when(
             [](auto& request, auto&) { request.learning_rate = std::numeric_limits<double>::quiet_NaN(); }),
         "allows a learning rate of at most 0.5, and this request is outside of that");
  expect(refusal_when([](auto& request, auto&) { request.learning_rate = 0.51; }),
         "allows a learning rate of at most 0.5, and this request is outside of that");
  CHECK(refusal_under([](Policy& policy) { policy.batch.reset(); }).empty());
}

TEST_CASE("the batch is bounded whoever chooses it") {
  const std::string sentence =
      "the policy of this node allows batches of 16 to 256 rows (batch), and it would be another";
  CHECK(refusal_when([](auto&, auto& node) { node.batch = 15; }) == sentence);
  CHECK(refusal_when([](auto&, auto& node) { node.batch.reset(); }) == sentence);
  CHECK(refusal_when([](auto& request, auto&) { request.batch = 1; }) == sentence);
  CHECK(refusal_when([](auto& request, auto&) { request.batch = 257; }) == sentence);
  Policy policy = whole();
  policy.batch.reset();
  RequestFacts request = good_request();
  request.batch = 32;
  CHECK(refusal(request, good_node(), policy) ==
        "the policy of this node does not let a coordinator set the batch (batch)");
  request.batch.reset();
  NodeFacts node = good_node();
  node.batch.reset();
  CHECK(refusal(request, node, policy).empty());
}

TEST_CASE("a refusal tells the coordinator nothing of the data, and the node's own log everything") {
  RequestFacts request = good_request();
  NodeFacts node = good_node();
  node.rows = 49;
  auto found = whole().judge(request, node, Quota());
  REQUIRE(found);
  CHECK(found->sentence ==
        "the policy of this node requires more rows than this request would use (minimum_cohort)");
  CHECK(found->detail == found->sentence + " (49 rows, at least 50)");
  request.secure_aggregation = true;
  request.threshold = 5;
  request.opener = "trial";
  node.rows = 19;
  found = whole().judge(request, node, Quota());
  REQUIRE(found);
  CHECK(!has(found->sentence, "19"));
  CHECK(has(found->detail, "(19 rows, at least 20)"));
  request = good_request();
  request.parameters = 601;
  found = whole().judge(request, good_node(), Quota());
  REQUIRE(found);
  CHECK(found->sentence ==
        "the policy of this node requires more rows for a model of this size (rows_per_parameter)");
  CHECK(has(found->detail, "(60 rows for 601 parameters)"));
  node = good_node();
  node.columns.push_back("hiv_status");
  found = whole().judge(good_request(), node, Quota());
  REQUIRE(found);
  CHECK(found->sentence ==
        "the policy of this node does not allow all the columns that would be used (columns)");
  CHECK(has(found->detail, "not allowed: hiv_status"));
}

TEST_CASE("what is left out is denied") {
  const Policy nothing = Policy::parse("{}");
  CHECK(has(refusal(good_request(), good_node(), nothing), "allowed are: none"));
  // From a policy that allows a plain request, take one setting at a time.
  const auto made = [] {
    Policy policy;
    policy.tasks["train.f64"].requests_per_day = 1;
    policy.rounds_per_run = 1;
    policy.largest_model = 100;
    policy.minimum_cohort = 1;
    policy.columns = {"age", "time"};
    policy.require_secure_aggregation = policy.require_dp = false;
    return policy;
  };
  RequestFacts plain;
  plain.task = "train.f64";
  plain.parameters = 100;
  CHECK(refusal(plain, good_node(), made()).empty());
  const auto without = [&](const std::function<void(Policy&)>& change) {
    Policy policy = made();
    change(policy);
    return refusal(plain, good_node(), policy);
  };
  CHECK(has(without([](Policy& p) { p.tasks.clear(); }), "does not allow the task"));
  CHECK(has(without([](Policy& p) { p.tasks["train.f64"] = {}; }), "allows 0 requests a day of the task"));
  CHECK(has(without([](Policy& p) { p.rounds_per_run = 0; }), "allows 0 rounds a run"));
  CHECK(has(without([](Policy& p) { p.largest_model = 0; }), "at most 0 parameters"));
  CHECK(has(without([](Policy& p) { p.minimum_cohort.reset(); }), "sets no minimum_cohort"));
  CHECK(has(without([](Policy& p) { p.columns.clear(); }), "(columns)"));
  CHECK(has(without([](Policy& p) { p.require_dp = Policy().require_dp; }), "(require_dp)"));
  CHECK(has(without([](Policy& p) { p.require_secure_aggregation = Policy().require_secure_aggregation; }),
            "(require_secure_aggregation)"));
  CHECK(has(without([](Policy& p) { p.coordinators.emplace(); }), "coordinator"));
}

TEST_CASE("a coordinator is allowed by the host that the node connects to") {
  const Policy policy = Policy::parse(R"({"coordinators": ["fl.example.org", "10.1.2.3", "::1"]})");
  CHECK(policy.coordinators == std::set<std::string>{"fl.example.org", "10.1.2.3", "::1"});
}

TEST_CASE("requests a day and rounds a run are counted, a resent request once") {
  auto now = std::chrono::system_clock::time_point(std::chrono::hours(24 * 20000));
  Quota quota({}, [&now] { return now; });
  const Policy policy = whole();
  RequestFacts request = good_request();
  const auto ask = [&](const std::string& task, std::uint64_t round) {
    request.task = task;
    request.round = round;
    std::string sentence = refusal(request, good_node(), policy, quota);
    if (sentence.empty()) quota.count(request);
    return sentence;
  };
  CHECK(ask("train.f64", 1).empty());
  CHECK(ask("train.f64", 1).empty());  // the same again
  CHECK(ask("train.f64", 2).empty());
  CHECK(ask("train.f64", 3).empty());
  CHECK(ask("train.f64", 4) ==
        "the policy of this node allows 3 rounds a run (rounds_per_run), and run 17 has had them");
  CHECK(ask("evaluate.f64", 3).empty());
  CHECK(ask("evaluate.f64", 2) ==
        "the policy of this node allows 4 requests a day (requests_per_day), and they are used up until "
        "midnight UTC");
  request.attempt = 1;
  CHECK(ask("train.f64", 3) ==
        "the policy of this node allows 3 requests a day of the task train.f64, and they are used up until "
        "midnight UTC");
  request.attempt = 0;
  CHECK(ask("train.f64", 2).empty());  // resent, though the day is used up
  now += std::chrono::hours(24);
  CHECK(ask("evaluate.f64", 2).empty());
  request.run = std::numeric_limits<std::uint64_t>::max();
  CHECK(ask("train.f64", 4).empty());  // another run
  now -= std::chrono::hours(48);
  request.round = 5;
  request.attempt = 9;
  CHECK(ask("train.f64", 4).empty());
  CHECK(ask("train.f64", 5).empty());
  CHECK(has(ask("train.f64", 6), "the clock of this node was set back"));
}

TEST_CASE("what is not understood in a file is an error that says where and what") {
  CHECK(error_of_parsing("{").rfind("policy: p.json: this is not JSON: parse error at line 1, column 2", 0) ==
        0);
  CHECK(has(error_of_parsing(""), "policy: p.json: this is not JSON: "));
  CHECK(has(error_of_parsing("{} {}"), "policy: p.json: this is not JSON: "));
  CHECK(has(error_of_parsing("{\"\xff\": 1}"), "policy: p.json: this is not JSON: "));
  CHECK(has(error_of_parsing(R"({"rounds_per_run": 1e999})"), "policy: p.json: this is not JSON: "));
  CHECK(has(error_of_parsing("[1]"),
            "policy: p.json: expected an object with the settings tasks, requests_per_day, "));
  const std::string unknown = error_of_parsing(R"({"minimum_cohrot": 50})");
  CHECK(unknown.rfind("policy: p.json: at /minimum_cohrot: there is no such setting here; known are: tasks, ",
                      0) == 0);
  CHECK(has(unknown, "minimum_cohort, "));
  CHECK(has(error_of_parsing(R"({"metrics": true, "metrics": false})"),
            "p.json: at /metrics: this setting stands here twice"));
  CHECK(has(error_of_parsing(R"({"objective": {"local_steps": {"largest": 1, "largest": 2}}})"),
            "p.json: at /objective/local_steps/largest: this setting stands here twice"));
  CHECK(has(error_of_parsing(R"({"a/b~c": 1})"), "at /a~1b~0c: there is no such setting"));
  CHECK(has(error_of_parsing("{\"" + std::string(200, 'x') + "\\n\": 1}"),
            "/" + std::string(64, 'x') + "...: there"));
  CHECK(has(error_of_parsing(std::string(1000000, '[')), "too deep"));
  CHECK(has(error_of_parsing(std::string((1U << 20U) + 1, ' ')),
            "at most 1048576 bytes, but this has 1048577"));
}

TEST_CASE("every setting of another type or outside its range is an error with its place") {
  const auto at = [](const std::string& text, const std::string& place, const std::string& what) {
    const std::string error = error_of_parsing(text);
    CAPTURE(text);
    CAPTURE(error);
    CHECK(error == "policy: p.json: at " + place + ": " + what);
  };
  for (const std::string key :
       {"requests_per_day", "rounds_per_run", "largest_model", "minimum_cohort", "minimum_cohort_in_sum"}) {
    for (const std::string value :
         {"0", "-1", "1.5", "1e3", "\"7\"", "true", "null", "[1]", "{}", "18446744073709551616"}) {
      const std::string error = error_of_parsing("{\"" + key + "\": " + value + "}");
      CAPTURE(key + value);
      CHECK(has(error, "p.json: at /" + key +
                           ": expected a whole number of at least 1, without point or exponent, "));
    }
  }
  for (const std::string key :
       {"metrics", "require_secure_aggregation", "require_dp", "manual_approval", "require_opener"}) {
    for (const std::string value : {"0", "1", "\"true\"", "null", "[]", "{}"}) {
      CHECK(has(error_of_parsing("{\"" + key + "\": " + value + "}"),
                "at /" + key + ": expected true or false, but"));
    }
  }
  for (const std::string key :
       {"linear_correction", "initial_loss", "control_variates", "dynamic_regularisation", "update_clip"}) {
    at("{\"objective\": {\"" + key + "\": 1}}", "/objective/" + key, "expected true or false, but this is 1");
  }
  at(R"({"minimum_threshold": 2})", "/minimum_threshold",
     "expected a whole number of at least 3, without point or exponent, but this is 2");
  at(R"({"tasks": ["train.f64"]})", "/tasks",
     "expected an object with a task's name for each setting, but this is a list");
  at(R"({"tasks": {"train.f64": 5}})", "/tasks/train.f64",
     "expected an object with the settings requests_per_day, but this is 5");
  at(R"({"tasks": {"train.f64": {}}})", "/tasks/train.f64",
     "the setting \"requests_per_day\" is missing: every task is metered");
  at(R"({"tasks": {"train.f64": {"requests_per_day": 0}}})", "/tasks/train.f64/requests_per_day",
     "expected a whole number of at least 1, without point or exponent, but this is 0");
  at(R"({"tasks": {"train.f64": {"requests_per_week": 1}}})", "/tasks/train.f64/requests_per_week",
     "there is no such setting here; known are: requests_per_day");
  at(R"({"tasks": {"": {"requests_per_day": 1}}})", "/tasks/",
     "expected a text of 1 to 64 bytes without control characters, but this is the text \"\"");
  at(R"({"rows_per_parameter": -1})", "/rows_per_parameter",
     "expected a number of at least 0, but this is -1");
  at(R"({"rows_per_parameter": "1"})", "/rows_per_parameter",
     "expected a number of at least 0, but this is the text \"1\"");
  at(R"({"columns": "age"})", "/columns", "expected a list, but this is the text \"age\"");
  at(R"({"columns": ["age", 1]})", "/columns/1", "expected a text, but this is 1");
  at(R"({"columns": ["a\u0000b"]})", "/columns/0",
     "expected a text of 1 to 64 bytes without control characters, but this is the text \"a?b\"");
  at(R"({"objective": true})", "/objective",
     "expected an object with the settings proximal_mu, local_steps, learning_rate, linear_correction, "
     "initial_loss, control_variates, dynamic_regularisation, update_clip, but this is true");
  at(R"({"objective": {"steps": 1}})", "/objective/steps",
     "there is no such setting here; known are: proximal_mu, local_steps, learning_rate, linear_correction, "
     "initial_loss, control_variates, dynamic_regularisation, update_clip");
  for (const std::string key : {"proximal_mu", "local_steps", "learning_rate"}) {
    at("{\"objective\": {\"" + key + "\": {\"smallest\": 1}}}", "/objective/" + key,
       "the setting \"largest\" is missing: this limit needs it");
    at("{\"objective\": {\"" + key + "\": {\"smallest\": 2, \"largest\": 1}}}", "/objective/" + key,
       "\"smallest\" is larger than \"largest\"");
    at("{\"objective\": {\"" + key + "\": \"1\"}}", "/objective/" + key,
       "expected a number, or an object with \"smallest\" and \"largest\", but this is the text \"1\"");
  }
  at(R"({"objective": {"local_steps": 1.5}})", "/objective/local_steps",
     "expected a whole number of at least 1, without point or exponent, but this is 1.5");
  at(R"({"objective": {"learning_rate": {"largest": -0.5}}})", "/objective/learning_rate/largest",
     "expected a number of at least 0, but this is -0.5");
  at(R"({"batch": {}})", "/batch", "expected \"smallest\", \"largest\" or both, but this is an object");
  at(R"({"batch": {"smallest": 0}})", "/batch/smallest",
     "expected a whole number of at least 1, without point or exponent, but this is 0");
  at(R"({"batch": {"least": 1}})", "/batch/least",
     "there is no such setting here; known are: smallest, largest");
  at(R"({"mods": ["clip"]})", "/mods",
     "expected an object with a mod's name for each setting, but this is a list");
  at(R"({"mods": {"clip": null}})", "/mods/clip",
     "expected a number, or an object with \"smallest\" and \"largest\", but this is null");
  at(R"({"coordinators": ["Trial"]})", "/coordinators/0",
     "expected a coordinator's host name or IP address, in lower case, such as \"fl.example.org\", but this "
     "is "
     "the text \"Trial\"");
  at(R"({"coordinators": [""]})", "/coordinators/0",
     "expected a coordinator's host name or IP address, in lower case, such as \"fl.example.org\", but this "
     "is "
     "the text \"\"");
  at(R"({"coordinators": [7]})", "/coordinators/0",
     "expected a coordinator's host name or IP address, in lower case, such as \"fl.example.org\", but this "
     "is 7");
  at(R"({"coordinators": "trial"})", "/coordinators", "expected a list, but this is the text \"trial\"");
  at(R"({"runs": [-1]})", "/runs/0",
     "expected a whole number of at least 0, without point or exponent, but this is -1");
  at(R"({"minimum_cohort": 5, "minimum_cohort_in_sum": 6})", "/minimum_cohort_in_sum",
     "larger than minimum_cohort, which holds for sums too then");
  CHECK(
      has(error_of_parsing(R"({"minimum_cohort_in_sum": 6})"), "the setting \"minimum_cohort\" is missing"));
  CHECK(has(error_of_parsing(R"({"require_opener": true})"),
            "the setting \"coordinators\" is missing: require_opener lets none but these open a secure sum"));
  CHECK_FALSE(Policy::parse(R"({"require_opener": false})").require_opener);
}

TEST_CASE("a policy file is read, and one that cannot be read says why") {
  const node_test::Folder folder;
  node_test::write_text(folder.file("policy.json"), whole_file);
  CHECK(Policy::read(folder.file("policy.json")).rounds_per_run == 3);
  CHECK(has(error_of([&] { (void)Policy::read(folder.file("no.json")); }),
            "file: " + folder.file("no.json") + ": cannot open the file: No such file"));
  node_test::write_text(folder.file("policy.json"), "{\"x\": 1}");
  CHECK(has(error_of([&] { (void)Policy::read(folder.file("policy.json")); }),
            "policy: " + folder.file("policy.json") + ": at /x: "));
  node_test::write_text(folder.file("policy.json"), std::string((1U << 20U) + 1, ' '));
  CHECK(has(error_of([&] { (void)Policy::read(folder.file("policy.json")); }), "at most 1048576 bytes"));
}

TEST_CASE("the policy that the documentation shows is one") {
  const std::string page = node_test::read_text(source_folder() + "/docs/node-policy-and-audit.md");
  const std::string fence = "```json\n";
  const std::size_t begin = page.find(fence) + fence.size();
  const Policy policy = Policy::parse(page.substr(begin, page.find("```", begin) - begin), "the page");
  RequestFacts request = good_request();
  request.coordinator = "fl.example.org";
  request.needs = {.proximal = true};
  request.local_steps.reset();
  request.learning_rate.reset();
  CHECK(refusal(request, good_node(), policy).empty());
  const nlohmann::json settings = healthai::detail::parse_settings(whole_file, "");
  for (const auto& setting : settings.items()) {
    CAPTURE(setting.key());
    CHECK(has(page, "| `" + setting.key() + "` | "));
  }
}

TEST_CASE("a policy describes itself to people") {
  CHECK(Policy::parse("{}").describe() == "Nothing is allowed: the policy names no task.\n");
  const std::string text = whole().describe();
  CHECK(text == R"(Task evaluate.f64: at most 2 requests a day.
Task train.f64: at most 3 requests a day.
All tasks together: at most 4 requests a day.
Rounds of one run: at most 3.
Coordinators: registry, trial.
Runs: 17, 18446744073709551615, each after a person approved it.
Models: at most 1000 parameters.
Rows, after every filter: at least 50, or 20 where secure aggregation shows only a sum.
Outside secure aggregation: at least 0.1 rows for each parameter.
Columns that may be used: age, sex, time.
A coordinator may set: proximal mu: at most 1.5; local steps: 5 to 100; learning rate: at most 0.5.
A coordinator may ask for: a linear correction, control variates.
Rows a training step: 16 to 256.
Every reply passes clip with at most 1.
Every reply passes noise with at least 0.5.
Every reply passes version with exactly 2.
Metrics may leave.
Secure aggregation is not required; at least 4 clients must be needed to open a sum; a sum must name one of the coordinators as who opens it.
Differential privacy is not required.
Statistics: none may leave, as no column is allowed for them.
)");
  Policy unfinished;
  unfinished.tasks["train.f64"].requests_per_day = 1;
  CHECK(has(unfinished.describe(),
            "Nothing is allowed as long as these are not set: minimum_cohort, rounds_per_run."));
  CHECK(has(unfinished.describe(), "Secure aggregation is required.\nDifferential privacy is required."));
}

#endif

}  // namespace client_node_policy_test
