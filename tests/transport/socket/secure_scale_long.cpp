// Secure aggregation over TLS among many members, which takes its time.
#include "transport/socket/secure_scale.hpp"

namespace transport_socket_secure_scale_long_test {

TEST_CASE("Three to fifty members over TLS, as many of whom are lost at random as may be, and one more") {
  for (std::size_t count = 3; count <= 50; ++count) socket_test::require_plain_bits_over_tls(count, count);
}

TEST_CASE("A hundred members over TLS, as many of whom are lost at random as may be, and one more") {
  socket_test::require_plain_bits_over_tls(100, 3);
}

TEST_CASE("A thousand members over TLS in a sparse graph, of whom fifty are lost at random") {
  socket_test::require_plain_bits_over_tls(1000, secagg_steps_test::sparse,
                                           secagg_steps_test::DropOuts::of_sparse_graph(1000, 50, 4));
}

}  // namespace transport_socket_secure_scale_long_test
