// The code on docs/secure-aggregation.md.
#include "healthai/secagg/secure_aggregation.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <regex>
#include <string>
#include <utility>
#include <vector>

#include "folders.hpp"
#include "healthai/crypto/signing_key.hpp"
#include "healthai/healthai.hpp"
#include "healthai/secagg/secure_handlers.hpp"

namespace docs_secure_aggregation_test {

using namespace healthai;

namespace {

struct Mean {
  double value = 0;
  TrainReply<double> train(const TrainRequest<double>& request, std::stop_token) const {
    TrainReply<double> reply;
    reply.update = request->parameters;
    for (double& number : reply.update.span()) number = value - number;
    reply.num_examples = 100;
    return reply;
  }
  EvaluateReply evaluate(const EvaluateRequest<double>&, std::stop_token) const { return {100, {}}; }
};

}  // namespace

TEST_CASE("the page on secure aggregation") {
  const Layout layout{{"mean", {2}}};
  const std::vector<std::string> sites{"north", "east", "south", "west"};
  std::vector<SigningKey> keys;
  std::vector<secagg::Member> list;
  for (const std::string& site : sites) {
    keys.push_back(SigningKey::make());
    list.push_back({site, {keys.back().public_key()}});
  }
  const auto members = std::make_shared<const secagg::Members>(list);
  InProcess hospitals;
  for (std::size_t i = 0; i < sites.size(); ++i) {
    const std::string& site = sites[i];
    const SigningKey& key = keys[i];
    const Mean client{0.1 * static_cast<double>(i)};
    // [member]
    // At a hospital: its client's training leaves it only as a masked part of a sum.
    secagg::SecureMember self{site, key, members, {}, {}};
    self.rules.options = {.corrupt = 0.1, .dropout = 0};  // the least that it accepts
    TaskHandlers handlers = secagg::secure_handlers<Train<double>>(client, std::move(self));
    // [/member]
    hospitals.add(site, handlers);
  }
  // [coordinator]
  SecureAggregationOptions options;
  options.protocol = {.corrupt = 0.1, .dropout = 0};
  options.ranges.update_clip = 1.0;
  options.ranges.most_examples = 100'000;
  SecureAggregation secure{hospitals, members, options};
  Federation federation{FedAvg{}, secure, {.rounds = 3}};
  // [/coordinator]
  // [parameters]
  // What these options come to for this roster, before anybody is asked.
  const auto parameters = secagg::SecAggParameters::of(10, {.corrupt = 0.1, .dropout = 0.2});
  CHECK(parameters.threshold == 6);  // so many must stay in a round
  CHECK(parameters.dropouts == 4);   // so many may fall silent
  // [/parameters]
  const auto outcome = federation.run(Parameters<double>(layout));
  CHECK(outcome.history.at(2).participants.size() == 4);
  CHECK(std::fabs(outcome.parameters.data()[0] - 0.15) < 1e-8);
}

TEST_CASE("the tests that the table of threats names are there") {
  const auto text_of = [](const std::filesystem::path& path) {
    std::ifstream file(path);
    return std::string{std::istreambuf_iterator<char>(file), {}};
  };
  std::string tests;
  for (const auto& entry : std::filesystem::directory_iterator(source_folder() + "/tests/secagg"))
    tests += entry.is_regular_file() ? text_of(entry.path()) : "";
  tests = std::regex_replace(tests, std::regex("\"\\s*\n\\s*\""), "");  // a long name is broken into two
  tests = std::regex_replace(tests, std::regex("TEST_CASE\\(\\s+"), "TEST_CASE(");
  const std::string page = text_of(source_folder() + "/docs/secure-aggregation.md");
  const std::size_t begin = page.find("## Who learns what"), end = page.find("## Choosing parameters");
  REQUIRE(begin < end);
  const std::string table = page.substr(begin, end - begin);
  std::size_t named = 0;
  for (std::size_t at = table.find('"'); at != std::string::npos; at = table.find('"', at + 1)) {
    const std::size_t close = table.find('"', at + 1);
    REQUIRE(close != std::string::npos);
    const std::string name = table.substr(at + 1, close - at - 1);
    CAPTURE(name);
    const std::size_t place = tests.find(name);
    REQUIRE(place != std::string::npos);
    const std::size_t test = tests.rfind("TEST_CASE(", place);
    REQUIRE(test != std::string::npos);
    CHECK(tests.substr(test, place - test).find('\n') == std::string::npos);
    ++named;
    at = close;
  }
  CHECK(named > 15);
}

}  // namespace docs_secure_aggregation_test
