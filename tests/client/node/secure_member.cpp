#include "healthai/client/node/secure_member.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace client_node_secure_member_test {

using namespace healthai;
using namespace healthai::secagg;

namespace {

std::string pin(char digit) {
  return std::string(64, digit);
}
RosterSite site(const std::string& id, char digit, const std::vector<SigningKey>& keys) {
  RosterSite made{id, {pin(digit)}, {}};
  for (const SigningKey& key : keys) made.signing_keys.push_back(hex(key.public_key().bytes()));
  return made;
}
template <class Call>
std::string error_of(Call call) {
  try {
    call();
  } catch (const Error& e) {
    return std::string(e.id().name()) + ": " + e.what();
  }
  return {};
}

}  // namespace

TEST_CASE("Members are the sites of a roster, in order, each with its signing keys") {
  const std::vector<SigningKey> keys{SigningKey::make(), SigningKey::make(), SigningKey::make(),
                                     SigningKey::make()};
  const Roster roster(
      {site("west", '1', {keys[0]}), site("east", '2', {keys[1], keys[3]}), site("north", '3', {keys[2]})});
  const auto members = members_of(roster);
  CHECK(members->ids() == std::vector<ClientId>{"east", "north", "west"});
  const std::vector<std::byte> text(5);
  CHECK(members->verifies(0, text, keys[1].sign(text)));
  CHECK(members->verifies(0, text, keys[3].sign(text)));  // while it is renewed
  CHECK(members->verifies(2, text, keys[0].sign(text)));
  CHECK_FALSE(members->verifies(1, text, keys[0].sign(text)));

  const SecureMember self =
      member_of(roster, "east", keys[3], {.options = {}, .minimum_threshold = 3}, "joined");
  CHECK(self.id == ClientId("east"));
  CHECK(self.members->ids() == members->ids());
  CHECK(self.rules.minimum_threshold == 3);
  CHECK(self.joined_file == "joined");
}

TEST_CASE("What is missing on a roster is said, with what to put there") {
  const std::vector<SigningKey> keys{SigningKey::make(), SigningKey::make(), SigningKey::make()};
  const Roster roster(
      {site("west", '1', {keys[0]}), site("east", '2', {keys[1]}), site("north", '3', {keys[2]})});
  const std::string own = hex(keys[0].public_key().bytes());
  CHECK(error_of([&] { (void)member_of(roster, "north", keys[0]); }) ==
        "identity: \"north\" is on the roster, but signs with another key than is listed; the public half of "
        "its key "
        "is " +
            own + ": have it added as one of the site's signing_keys, in everybody's copy");
  CHECK(error_of([&] {
          (void)member_of(roster, "south", keys[0]);
        }).find("identity: \"south\" is not on the roster") == 0);
  const Roster keyless({site("west", '1', {keys[0]}), site("east", '2', {}), site("north", '3', {keys[2]})});
  CHECK(error_of([&] {
          (void)members_of(keyless);
        }).find("roster: site east has no signing_keys on the roster") == 0);
  const Roster pair({site("west", '1', {keys[0]}), site("east", '2', {keys[1]})});
  CHECK(error_of([&] { (void)members_of(pair); }).find("secagg_terms: ") == 0);
}

}  // namespace client_node_secure_member_test
