#pragma once

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <boost/asio/ssl/error.hpp>
#include <boost/system/error_code.hpp>
#include <memory>
#include <string>

#include "healthai/transport/socket/tls.hpp"

namespace socket_test {

struct SslFree {
  void operator()(SSL* p) const noexcept { SSL_free(p); }
  void operator()(SSL_SESSION* p) const noexcept { SSL_SESSION_free(p); }
};

/// A handshake in memory, after which each side sends the other one byte. Either ends well, or has a sentence that says
/// why it did not.
class Handshake {
 public:
  /// \param host what the node expects; "" leaves out `expect_coordinator`
  Handshake(SSL_CTX* server_context, SSL_CTX* client_context, const std::string& host = "localhost",
            SSL_SESSION* resumed = nullptr)
      : server(SSL_new(server_context)), client(SSL_new(client_context)) {
    BIO* server_end = nullptr;
    BIO* client_end = nullptr;
    BIO_new_bio_pair(&server_end, 0, &client_end, 0);
    SSL_set_bio(server.get(), server_end, server_end);
    SSL_set_bio(client.get(), client_end, client_end);
    SSL_set_accept_state(server.get());
    SSL_set_connect_state(client.get());
    if (!host.empty()) healthai::expect_coordinator(client.get(), host);
    if (resumed != nullptr) SSL_set_session(client.get(), resumed);
    Progress at_server;
    Progress at_client;
    for (int i = 0; i < 50 && !(at_server.over && at_client.over); ++i) {
      step(client.get(), at_client, client_error);
      step(server.get(), at_server, server_error);
    }
    if (!at_client.over) client_error = "(waits for ever)";
    if (!at_server.over) server_error = "(waits for ever)";
  }
  [[nodiscard]] bool good() const { return server_error.empty() && client_error.empty(); }

  std::unique_ptr<SSL, SslFree> server;
  std::unique_ptr<SSL, SslFree> client;
  std::string server_error{};  ///< what `tls_error` says
  std::string client_error{};

 private:
  struct Progress {
    bool sent = false;
    bool over = false;
  };
  static void step(SSL* connection, Progress& progress, std::string& sentence) {
    if (progress.over) return;
    ERR_clear_error();
    char byte = '!';
    int result = SSL_do_handshake(connection);
    if (result == 1 && !progress.sent) {
      result = SSL_write(connection, &byte, 1);
      progress.sent = result == 1;
    }
    if (result == 1) result = SSL_read(connection, &byte, 1);
    progress.over = result == 1;
    if (progress.over) return;
    const int kind = SSL_get_error(connection, result);
    if (kind == SSL_ERROR_WANT_READ || kind == SSL_ERROR_WANT_WRITE) return;
    progress.over = true;
    // As Asio makes it.
    const boost::system::error_code failure(static_cast<int>(ERR_get_error()),
                                            boost::asio::error::get_ssl_category());
    sentence = healthai::tls_error(connection, failure);
  }
};

}  // namespace socket_test
