#pragma once

#include <atomic>
#include <CLI/CLI.hpp>
#include <cstdint>
#include <cstdio>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

#include "healthai/transport/socket/client.hpp"

namespace hospital_node {

/// What the command line, and the file of --config, say.
struct Flags {
  std::string id{};
  std::string host{};
  std::uint16_t port = 7443;
  healthai::TlsFiles tls{};
  bool plaintext = false;
  std::string proxy_host{};
  std::uint16_t proxy_port = 3128;
  std::string proxy_credentials{};
  std::string data{};
  std::string time_column = "time";
  std::string event_column = "dead";
  std::vector<std::string> covariates{"age", "sex", "ph.ecog"};
  std::string policy{};
  std::string state{};
  std::string audit_log{};
  std::string audit_key{};
  std::string stop_file{};
  std::uint16_t health_port = 0;
  bool dry_run = false;
  bool check = false;
};

/// Reads the command line. Prints help or the one thing that is wrong, and then returns the exit status.
inline std::optional<int> parse(int argc, char** argv, Flags& flags) {
  CLI::App app{
      "A hospital's end of a Cox regression between hospitals: connects to the coordinator, and answers what "
      "the policy allows. No "
      "record leaves; every request and every byte that does is written down in the audit log."};
  app.set_config("--config", "",
                 "a TOML file with any of these settings, such as: host = \"fl.example.org\"");
  app.allow_config_extras(CLI::config_extras_mode::error);  // a misspelt setting is not passed over
  app.add_option("--id", flags.id, "the site's id, as in its certificate")->required();
  app.add_option("--host", flags.host, "the coordinator, as its certificate calls it")->required();
  app.add_option("--port", flags.port, "its port")->capture_default_str();
  auto* certificate =
      app.add_option("--certificate", flags.tls.certificate, "PEM file of this site's certificate");
  auto* key = app.add_option("--key", flags.tls.private_key, "PEM file of its private key");
  auto* authorities = app.add_option("--authorities", flags.tls.authorities,
                                     "PEM file of the authority that signs certificates");
  app.add_option("--passphrase-file", flags.tls.passphrase_file,
                 "file with the passphrase of the private key");
  certificate->needs(key)->needs(authorities);
  app.add_flag("--plaintext", flags.plaintext, "no encryption, on the loopback only: for trying things out")
      ->excludes(certificate);
  auto* proxy = app.add_option("--proxy", flags.proxy_host, "an HTTP proxy on the way");
  app.add_option("--proxy-port", flags.proxy_port, "its port")->needs(proxy)->capture_default_str();
  app.add_option("--proxy-credentials", flags.proxy_credentials, "file with USER:PASSWORD for it")
      ->needs(proxy);
  app.add_option("--data", flags.data, "CSV file with one patient a row")->required();
  app.add_option("--time-column", flags.time_column, "follow-up time")->capture_default_str();
  app.add_option("--event-column", flags.event_column, "1: died at that time, 0: censored")
      ->capture_default_str();
  app.add_option("--covariates", flags.covariates,
                 "columns that may be used; rows without a value in one are left out")
      ->delimiter(',')
      ->capture_default_str();
  app.add_option("--policy", flags.policy,
                 "JSON file of what this hospital allows (docs/node-policy-and-audit.md)")
      ->required();
  app.add_option("--state", flags.state, "folder for replies and counts, which survive a restart");
  auto* log = app.add_option("--audit-log", flags.audit_log, "file of what was asked and what left");
  auto* log_key = app.add_option("--audit-key", flags.audit_key,
                                 "file of the key that signs it; made if it is not there");
  log->needs(log_key);
  app.add_option("--stop-file", flags.stop_file,
                 "while a file of this name exists, this hospital does not take part");
  app.add_option("--health-port", flags.health_port,
                 "answer GET /health at this port of the loopback, for monitoring");
  app.add_flag("--dry-run", flags.dry_run, "show what would leave; nothing does");
  app.add_flag("--check", flags.check, "only look whether everything is in order, and say what is not");
  try {
    app.parse(argc, argv);
    if (!flags.plaintext && flags.tls.certificate.empty()) {
      throw CLI::ValidationError(
          "--certificate",
          "is needed, with --key and --authorities (examples/make_certificates.sh makes them)");
    }
  } catch (const CLI::Success& help) {
    return app.exit(help);
  } catch (const CLI::Error& e) {
    std::cerr << "hospital_node: " << e.what() << " (see --help)\n";
    return 2;
  }
  return std::nullopt;
}

/// \param connected  is kept up to date by the connection
inline healthai::SocketClientOptions client_options(const Flags& flags, std::atomic<bool>& connected) {
  healthai::SocketClientOptions options;
  options.host = flags.host;
  options.port = flags.port;
  options.plaintext = flags.plaintext;
  if (!flags.plaintext) options.tls = flags.tls;
  if (!flags.proxy_host.empty())
    options.proxy = healthai::HttpProxy{flags.proxy_host, flags.proxy_port, flags.proxy_credentials};
  options.on_event = [&connected](const healthai::SocketEvent& event) {
    connected = event.kind == healthai::SocketEvent::Kind::connected;
    std::fprintf(stderr, "%s\n", event.message.c_str());
  };
  return options;
}

/// Says what a coordinator will see of this node. \throws healthai::Error naming what is wrong
inline int check(const Flags& flags) {
  if (!flags.plaintext) {
    static_cast<void>(healthai::client_tls(flags.tls));
    const healthai::PeerIdentity me = healthai::certificate_identity(flags.tls.certificate);
    if (me.id != healthai::ClientId(flags.id)) {
      throw healthai::Error(healthai::error::identity,
                            "the certificate is that of " + me.id.str() + ", not of " + flags.id);
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

}  // namespace hospital_node
