// Secure aggregation over TLS among more members than a few, with random drop-outs.
#include "transport/socket/secure_scale.hpp"

namespace transport_socket_secure_scale_test {

TEST_CASE("Twenty members over TLS, as many of whom are lost at random as may be, and one more") {
  socket_test::require_plain_bits_over_tls(20, 1);
}

}  // namespace transport_socket_secure_scale_test
