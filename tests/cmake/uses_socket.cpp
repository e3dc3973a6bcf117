#include <healthai/crypto/signing_key.hpp>
#include <healthai/transport/socket/roster.hpp>
#include <string>

int main() {
  const std::string pin(64, 'a');
  const healthai::Roster roster =
      healthai::Roster::parse(R"({"sites": [{"id": "north", "pins": [")" + pin + R"("]}]})", "here");
  return roster.digest().size() == 64 && roster.contains("north") ? 0 : 1;
}
