#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "healthai/client/node/secure_member.hpp"
#include "healthai/crypto/hex.hpp"
#include "healthai/secagg/serve_secure.hpp"
#include "healthai/transport/socket/server.hpp"
#include "healthai/transport/socket/task_service.hpp"
#include "secagg/steps.hpp"
#include "transport/socket/certificates.hpp"
#include "transport/socket/nodes.hpp"

/// Members of secure sums over TLS, who can be lost in any step.
namespace socket_test {

using namespace healthai;
using namespace secagg_steps_test;

/// Sites with certificates and signing keys, on one roster.
struct Sites {
  TestCertificates certificates{};
  std::vector<SigningKey> keys{};

  explicit Sites(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i)
      keys.push_back(SigningKey::read_or_make(certificates.path(Keys::name(i).str() + ".signing")));
    std::string text = "{\"sites\": [";
    for (std::size_t i = 0; i < count; ++i) {
      const std::string id = Keys::name(i).str();
      text += std::string(i == 0 ? "" : ", ") + "{\"id\": \"" + id + "\", \"pins\": [\"" +
              certificates.pin(id) + "\"], \"signing_keys\": [\"" + hex(keys[i].public_key().bytes()) +
              "\"]}";
    }
    certificates.write("roster.json", text + "]}\n");
  }
  [[nodiscard]] Roster roster() const { return Roster::read(certificates.path("roster.json")); }
  [[nodiscard]] SocketServerOptions listens() const {
    SocketServerOptions options;
    options.address = "127.0.0.1";
    options.tls = certificates.coordinator();
    options.roster = roster();
    options.reconnect_within = 200ms;
    return options;
  }
  [[nodiscard]] SocketClientOptions connects(std::size_t i, std::uint16_t port) {
    SocketClientOptions to = to_port(port);
    to.host = "localhost";
    to.plaintext = false;
    to.tls = certificates.site(Keys::name(i).str());
    return to;
  }
  [[nodiscard]] secagg::SecureMember member(std::size_t i,
                                            const secagg::SecAggOptions& protocol = lenient) const {
    return secagg::member_of(roster(), Keys::name(i), keys[i], {.options = protocol});
  }
};

/// What becomes of a member in a step of a round: it only throws, or its connection breaks off.
enum class Fate { none, refuses, starts_anew, leaves };
using Fates = std::function<Fate(std::uint64_t round, unsigned step)>;

/// A member in a thread: where it is to be lost, its connection breaks off before it answers, and what it knew is gone.
class Member {
 public:
  Member(Sites& sites, std::size_t i, std::uint16_t port, Fates fates,
         const secagg::SecAggOptions& protocol = lenient)
      : to_(sites.connects(i, port)),
        thread_([this, self = sites.member(i, protocol), i, fates = std::move(fates)] {
          while (run(self, i, fates)) {
          }
        }) {}

 private:
  /// \return whether to start anew
  bool run(const secagg::SecureMember& self, std::size_t i, const Fates& fates) {
    std::stop_source lost;
    Fate fate = Fate::none;
    TaskHandlers handlers =
        watched(secagg::secure_handlers<Train<double>>(TaskHandlers::of(Exact{i, {}}), self),
                [&](unsigned step, std::uint64_t round) {
                  fate = met_ ? Fate::none : fates(round, step);
                  if (fate == Fate::none) return;
                  if (fate == Fate::refuses) throw std::runtime_error("the power is out");
                  met_ = fate == Fate::starts_anew;  // and then it is over
                  lost.request_stop();
                  throw std::runtime_error("lost");
                });
    TaskService service(Keys::name(i), std::move(handlers));
    secagg::serve_secure<Train<double>>(service);
    return serve(service, to_, lost.get_token()) == ServeEnd::stop_requested && fate == Fate::starts_anew;
  }
  SocketClientOptions to_;
  bool met_ = false;
  std::jthread thread_;
};

inline bool same_bits(const Parameters<double>& a, const Parameters<double>& b) {
  return a.layout() == b.layout() && std::equal(a.span().begin(), a.span().end(), b.span().begin());
}

}  // namespace socket_test
