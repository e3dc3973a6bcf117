#pragma once

#include <chrono>
#include <CLI/CLI.hpp>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>

#include "healthai/crypto/hex.hpp"
#include "healthai/transport/socket/server.hpp"

namespace over_network {

/// Where a coordinator listens, whom it lets in, and how long it waits: the settings that all coordinators here share.
struct Listening {
  std::string address{};
  std::uint16_t port = 7443;
  healthai::TlsFiles tls{};
  std::string roster{};
  bool plaintext = false;
  std::size_t clients = 0;
  std::size_t wait_seconds = 600;
  std::size_t reconnect_seconds = 60;
  std::size_t deadline_seconds = 0;
  std::string anchors{};

  [[nodiscard]] std::optional<std::chrono::milliseconds> deadline() const {
    if (deadline_seconds == 0) return std::nullopt;
    return std::chrono::seconds(deadline_seconds);
  }
};

inline void add_options(CLI::App& app, Listening& l) {
  app.allow_config_extras(CLI::config_extras_mode::error);  // a misspelt setting is not passed over
  app.add_option("--port", l.port, "where hospitals connect; 0: any free port")->capture_default_str();
  app.add_option("--address", l.address, "the address to listen at; without it, all of this machine");
  const CLI::Range up_to_a_year(0, 366 * 24 * 3600);
  auto* certificate =
      app.add_option("--certificate", l.tls.certificate, "PEM file of the coordinator's certificate");
  auto* key = app.add_option("--key", l.tls.private_key, "PEM file of its private key");
  auto* authorities =
      app.add_option("--authorities", l.tls.authorities, "PEM file of the authority that signs certificates");
  auto* roster =
      app.add_option("--roster", l.roster, "JSON file of the sites that may come in, with their keys");
  app.add_option("--passphrase-file", l.tls.passphrase_file, "file with the passphrase of the private key");
  certificate->needs(key)->needs(authorities)->needs(roster);
  app.add_flag("--plaintext", l.plaintext, "no encryption, on the loopback only: for trying things out")
      ->excludes(certificate);
  app.add_option("--clients", l.clients, "how many hospitals to wait for; without it, all on the roster")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--wait", l.wait_seconds, "seconds to wait for them")
      ->check(up_to_a_year)
      ->capture_default_str();
  app.add_option("--reconnect-within", l.reconnect_seconds,
                 "seconds that a hospital may be away while its answer is waited for")
      ->check(up_to_a_year)
      ->capture_default_str();
  app.add_option("--deadline", l.deadline_seconds, "seconds for a round of answers; 0: as long as it takes")
      ->check(up_to_a_year)
      ->capture_default_str();
  app.add_option("--anchors", l.anchors,
                 "file to append where each hospital's audit log stands, after each round or analysis");
}

/// What no single option can tell. \throws CLI::ValidationError naming the option
inline void require_certificate(const Listening& l) {
  if (l.plaintext || !l.tls.certificate.empty()) return;
  throw CLI::ValidationError(
      "--certificate",
      "is needed, with --key, --authorities and --roster (examples/make_certificates.sh makes them)");
}

/// \throws healthai::Error for a roster that cannot be read
inline healthai::SocketServerOptions server_options(const Listening& l) {
  healthai::SocketServerOptions options;
  options.address = l.address;
  options.port = l.port;
  options.plaintext = l.plaintext;
  options.reconnect_within = std::chrono::seconds(l.reconnect_seconds);
  if (!l.plaintext) {
    options.tls = l.tls;
    options.roster = healthai::Roster::read(l.roster);
  }
  options.on_event = [](const healthai::SocketEvent& event) {
    std::fprintf(stderr, "\r\033[K%s\n", event.message.c_str());
  };
  return options;
}

/// For each hospital that keeps an audit log a line, `WHEN SITE COUNT:HASH`, of which the last word is what `audit_log verify --anchor` takes.
inline void write_anchors(std::FILE* file, const std::string& when, const healthai::SocketServer& hospitals) {
  for (const healthai::RemoteStatus& status : hospitals.status()) {
    if (!status.audit) continue;
    std::fprintf(file, "%s %s %llu:%s\n", when.c_str(), status.client.str().c_str(),
                 static_cast<unsigned long long>(status.audit->count),
                 healthai::hex(status.audit->hash).c_str());
  }
  std::fflush(file);
}

}  // namespace over_network
