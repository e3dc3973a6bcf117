#include "healthai/client/node/request_facts.hpp"

#include <doctest/doctest.h>

#include "healthai/serialization/archive.hpp"

namespace client_node_request_facts_test {

using healthai::RequestFacts;
using healthai::RequestKey;

TEST_CASE("a key holds what tells one request from another, and travels") {
  RequestFacts facts;
  facts.task = "train.f64";
  facts.run = 3;
  facts.round = 4;
  facts.attempt = 5;
  facts.digest = healthai::sha256("request");
  const RequestKey key = facts.key();
  CHECK(key == RequestKey{3, 4, 5, "train.f64", healthai::sha256("request")});
  CHECK(healthai::from_bytes<RequestKey>(healthai::to_bytes(key)) == key);
  const auto differs = [&key](auto change) {
    RequestKey other = key;
    change(other);
    return other != key && (other < key) != (key < other);
  };
  CHECK(differs([](RequestKey& k) { ++k.run; }));
  CHECK(differs([](RequestKey& k) { ++k.round; }));
  CHECK(differs([](RequestKey& k) { ++k.attempt; }));
  CHECK(differs([](RequestKey& k) { k.task = "evaluate.f64"; }));
  CHECK(differs([](RequestKey& k) { k.digest[31] ^= 1U; }));
}

}  // namespace client_node_request_facts_test
