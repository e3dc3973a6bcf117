#pragma once

#include <atomic>
#include <chrono>
#include <CLI/CLI.hpp>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>

#include "healthai/transport/socket/client.hpp"

namespace over_network {

/// How a hospital's node reaches its coordinator, and what it answers under: the settings that all nodes here share.
struct Connecting {
  std::string id{};
  std::string host{};
  std::uint16_t port = 7443;
  healthai::TlsFiles tls{};
  bool plaintext = false;
  std::string proxy_host{};
  std::uint16_t proxy_port = 3128;
  std::string proxy_credentials{};
  std::size_t retry_seconds = 60;
  std::string data{};
  std::string policy{};
  std::string state{};
  std::string audit_log{};
  std::string audit_key{};
  std::string approvals{};
  std::string stop_file{};
  std::uint16_t health_port = 0;
  bool dry_run = false;
  bool check = false;
};

inline void add_options(CLI::App& app, Connecting& c) {
  app.set_config("--config", "",
                 "a TOML file with any of these settings, such as: host = \"fl.example.org\"");
  app.allow_config_extras(CLI::config_extras_mode::error);  // a misspelt setting is not passed over
  app.add_option("--id", c.id, "the site's id, as in its certificate")->required();
  app.add_option("--host", c.host, "the coordinator, as its certificate calls it")->required();
  app.add_option("--port", c.port, "its port")->capture_default_str();
  auto* certificate =
      app.add_option("--certificate", c.tls.certificate, "PEM file of this site's certificate");
  auto* key = app.add_option("--key", c.tls.private_key, "PEM file of its private key");
  auto* authorities =
      app.add_option("--authorities", c.tls.authorities, "PEM file of the authority that signs certificates");
  app.add_option("--passphrase-file", c.tls.passphrase_file, "file with the passphrase of the private key");
  certificate->needs(key)->needs(authorities);
  app.add_flag("--plaintext", c.plaintext, "no encryption, on the loopback only: for trying things out")
      ->excludes(certificate);
  auto* proxy = app.add_option("--proxy", c.proxy_host, "an HTTP proxy on the way");
  app.add_option("--proxy-port", c.proxy_port, "its port")->needs(proxy)->capture_default_str();
  app.add_option("--proxy-credentials", c.proxy_credentials, "file with USER:PASSWORD for it")->needs(proxy);
  app.add_option("--retry-within", c.retry_seconds,
                 "while there is no connection, it is tried again at least every so many seconds")
      ->check(CLI::Range(1, 24 * 3600))
      ->capture_default_str();
  app.add_option("--data", c.data, "CSV file with one patient a row")->required();
  app.add_option("--policy", c.policy,
                 "JSON file of what this hospital allows (docs/node-policy-and-audit.md)")
      ->required();
  app.add_option("--state", c.state, "folder for what must survive a restart: counts, replies");
  auto* log = app.add_option("--audit-log", c.audit_log, "file of what was asked and what left");
  auto* log_key =
      app.add_option("--audit-key", c.audit_key, "file of the key that signs it; made if it is not there");
  log->needs(log_key);
  app.add_option("--approvals", c.approvals,
                 "JSON file of the runs that a person has approved, where the policy asks for that");
  app.add_option("--stop-file", c.stop_file,
                 "while a file of this name exists, this hospital does not take part");
  app.add_option("--health-port", c.health_port,
                 "answer GET /health at this port of the loopback, for monitoring");
  app.add_flag("--dry-run", c.dry_run, "show what would leave; nothing does");
  app.add_flag("--check", c.check, "only look whether everything is in order, and say what is not");
}

/// What no single option can tell. \throws CLI::ValidationError naming the option
inline void require_certificate(const Connecting& c) {
  if (c.plaintext || !c.tls.certificate.empty()) return;
  throw CLI::ValidationError(
      "--certificate", "is needed, with --key and --authorities (examples/make_certificates.sh makes them)");
}

/// \param connected  is kept up to date by the connection
inline healthai::SocketClientOptions client_options(const Connecting& c, std::atomic<bool>& connected) {
  healthai::SocketClientOptions options;
  options.host = c.host;
  options.port = c.port;
  options.plaintext = c.plaintext;
  options.retry_at_most = std::chrono::seconds(c.retry_seconds);
  if (!c.plaintext) options.tls = c.tls;
  if (!c.proxy_host.empty())
    options.proxy = healthai::HttpProxy{c.proxy_host, c.proxy_port, c.proxy_credentials};
  options.on_event = [&connected, last = std::string()](const healthai::SocketEvent& event) mutable {
    connected = event.kind == healthai::SocketEvent::Kind::connected;
    if (event.message != last) std::fprintf(stderr, "%s\n", event.message.c_str());
    last = event.message;  // said once while it stays so: a coordinator may be away for days
  };
  return options;
}

/// Says what a coordinator will see of this node. \throws healthai::Error naming what is wrong
inline int check(const Connecting& c) {
  if (!c.plaintext) {
    static_cast<void>(healthai::client_tls(c.tls));
    const healthai::PeerIdentity me = healthai::certificate_identity(c.tls.certificate);
    if (me.id != healthai::ClientId(c.id)) {
      throw healthai::Error(healthai::error::identity,
                            "the certificate is that of " + me.id.str() + ", not of " + c.id);
    }
    const auto days =
        std::chrono::duration_cast<std::chrono::hours>(me.expires - std::chrono::system_clock::now())
            .count() /
        24;
    std::printf("%scertificate of %s, valid for another %lld days; pin %s\n", days < 30 ? "WARNING: " : "",
                me.id.str().c_str(), static_cast<long long>(days), me.key_pin.c_str());
  }
  std::printf("everything is in order\n");
  return 0;
}

}  // namespace over_network
