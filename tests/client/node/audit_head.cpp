#include "healthai/client/node/audit_head.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "client/node/scratch.hpp"
#include "healthai/serialization/archive.hpp"

namespace client_node_audit_head_test {

#if !defined(_WIN32)

using healthai::AuditHead;
using node_test::has;

TEST_CASE("a head as text, for people to keep") {
  AuditHead head{12, healthai::sha256("abc")};
  CHECK(head.str() == "12:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(AuditHead::parse(head.str()) == head);
  for (const std::string& bad : std::vector<std::string>{
           "", ":", "12", "12:", "12:ab", head.str() + "0", " " + head.str(), "-" + head.str(),
           "x" + head.str(), "1x:" + head.str().substr(3), "18446744073709551616:" + head.str().substr(3)}) {
    CAPTURE(bad);
    CHECK(has(node_test::error_of([&] { (void)AuditHead::parse(bad); }),
              "invalid_argument: the head of an audit log is COUNT:HASH, a number and 64 hexadecimal digits "
              "in lower case, not \"" +
                  bad));
  }
}

TEST_CASE("a head travels") {
  const AuditHead head{12, healthai::sha256("abc")};
  CHECK(healthai::from_bytes<AuditHead>(healthai::to_bytes(head)) == head);
}

#endif

}  // namespace client_node_audit_head_test
