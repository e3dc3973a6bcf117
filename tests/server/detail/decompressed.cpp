#include "healthai/server/detail/decompressed.hpp"

#include <doctest/doctest.h>

namespace server_detail_decompressed_test {

using namespace healthai;

TEST_CASE("only what was decompressed counts, and what cannot be names the client") {
  const Layout layout{{"w", {2}}};
  detail::DecompressedBytes bytes;
  TrainReply<float> plain;
  plain.update = Parameters<float>(layout);
  CHECK_FALSE(detail::decompressed("north", plain, layout, bytes));
  CHECK(bytes.after == 0);

  TrainReply<float> reply;
  reply.compressed = {"float16", layout.fingerprint(), std::vector<std::byte>(4)};
  reply.extra.push_back({"more", true, Parameters<float>(layout)});
  CHECK_FALSE(detail::decompressed("north", reply, layout, bytes));
  CHECK(bytes.before == 4 + 8);
  CHECK(bytes.after == 8 + 8);

  reply.update = {};
  reply.compressed = {"float16", layout.fingerprint(), std::vector<std::byte>(3)};
  const auto failure = detail::decompressed("north", reply, layout, bytes);
  REQUIRE(failure);
  CHECK(failure->client == "north");
  CHECK(failure->error == "archive_truncated");
  CHECK(failure->message.find("client north sent") == 0);
  CHECK(bytes.before == 12);
}

}  // namespace server_detail_decompressed_test
