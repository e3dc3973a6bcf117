#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>

#include "network.hpp"

namespace examples_coordinator_test {

namespace {

void refused(const std::string& arguments, const std::string& words) {
  check_refused("coordinator", run_example("coordinator", arguments), words);
}

}  // namespace

TEST_CASE("coordinator --help tells the flags") {
  const ProgramResult result = run_example("coordinator", "--help");
  CHECK(result.status == 0);
  for (const char* flag : {"--config",      "--port",        "--address",     "--certificate",
                           "--key",         "--authorities", "--roster",      "--passphrase-file",
                           "--plaintext",   "--clients",     "--wait",        "--reconnect-within",
                           "--deadline",    "--quorum",      "--covariates",  "--strategy",
                           "--proximal-mu", "--rounds",      "--local-steps", "--learning-rate",
                           "--tolerance",   "--seed",        "--checkpoint",  "--resume",
                           "--json",        "--anchors",     "--check",       "--rehearse",
                           "--time-column", "--event-column"}) {
    CAPTURE(flag);
    CHECK(result.says(flag));
  }
}

TEST_CASE("coordinator: what is wrong with flags is one line and exit status 2") {
  const Network network(Network::Certificates::none);
  const std::string plain = "--plaintext --clients 2 --port 0 --check ";
  refused("", "--certificate: is needed, with --key, --authorities and --roster");
  refused("--certificate x.pem", "--certificate requires");
  refused("--plaintext", "--clients: is needed with --plaintext");
  refused("--plaintext --roster x.json" + network.tls("coordinator"), "excludes");
  refused("--plaintext --clients 2 --check --port many", "many");
  refused("--plaintext --clients 2 --check --port 70000", "70000");
  refused(plain + "--strategy fedmagic", "fedmagic");
  refused(plain + "--proximal-mu -1", "--proximal-mu");
  refused(plain + "--rounds 0", "--rounds");
  refused(plain + "--local-steps 0", "--local-steps");
  refused(plain + "--learning-rate 0", "--learning-rate");
  refused(plain + "--tolerance -1", "--tolerance");
  refused("--plaintext --clients some", "some");
  refused("--plaintext --clients -1", "-1");
  refused(plain + "--wait -1", "--wait");
  refused(plain + "--deadline soon", "soon");
  refused(plain + "--quorum few", "few");
  refused(plain + "--quorum -1", "--quorum");
  refused(plain + "--deadline -1", "--deadline");
  refused(plain + "--reconnect-within -1", "--reconnect-within");
  refused(plain + "--reconnect-within ever", "ever");
  refused(plain + "--seed x", "--seed");
  refused(plain + "--resume", "--resume requires --checkpoint");
  refused(plain + "--time-column t", "--time-column requires --rehearse");
  refused(plain + "--event-column e", "--event-column requires --rehearse");
  refused(plain + "--frobnicate", "--frobnicate");
  refused(plain + "--config " + network.file("no.toml"), "no.toml");
  refused(plain + "--config " + network.write("odd.toml", "rouds = 5\n"), "rouds");
  refused(plain + "--address nowhere", "must be an IPv4 or IPv6 address, not \"nowhere\"");
  refused(plain + "--address 192.0.2.1",
          "without TLS a coordinator listens at the loopback only, not at 192.0.2.1");
  refused("--rehearse " + network.file("no.csv"), "no.csv");
  refused("--rehearse " + network.file("north.csv") + " --covariates age,sexx", "sexx");
}

TEST_CASE("coordinator --check looks at port, certificates and roster") {
  const Network network;
  const std::string roster = " --roster " + network.file("c/roster.json") + " --port 0 --check";
  const ProgramResult plain = run_example("coordinator", "--plaintext --clients 2 --port 0 --check");
  CHECK(plain.status == 0);
  CHECK(plain.says("listens at port "));
  CHECK(plain.says("everything is in order"));

  // With the flags in a file.
  const ProgramResult good =
      run_example("coordinator",
                  "--port 0 --check --config " +
                      network.write("study.toml", "certificate = \"" + network.file("c/coordinator.pem") +
                                                      "\"\nkey = \"" + network.file("c/coordinator.key") +
                                                      "\"\nauthorities = \"" +
                                                      network.file("c/authority.pem") + "\"\nroster = \"" +
                                                      network.file("c/roster.json") + "\"\nrounds = 50\n"));
  CAPTURE(good.output);
  CHECK(good.status == 0);
  CHECK(good.says("roster of 2 sites, digest "));
  CHECK(good.says("compare it with the hospitals by telephone"));
  CHECK(good.says("certificate valid for another 36"));
  CHECK(good.says("everything is in order"));

  refused(network.tls("north") + roster,
          "expected a coordinator's certificate, but its extended key usage is clientAuth");
  refused(network.tls("coordinator", "north") + roster, "got the key of another");
  refused(network.tls("no") + roster, "no.pem");
  refused(network.tls("coordinator") + "--port 0 --check --roster " + network.file("no.json"), "no.json");
  refused(
      network.tls("coordinator") + "--port 0 --check --roster " + network.write("odd.json", "{\"site\": []}"),
      "\"site\" is not understood");
  refused(network.tls("coordinator") + roster + " --passphrase-file " + network.file("no.txt"), "no.txt");
  std::filesystem::permissions(network.file("c/coordinator.key"), std::filesystem::perms::others_read,
                               std::filesystem::perm_options::add);
  refused(network.tls("coordinator") + roster, "chmod 600");
}

TEST_CASE("coordinator: a port that somebody else has") {
  const int taken = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  REQUIRE(::bind(taken, reinterpret_cast<const sockaddr*>(&address), size) == 0);
  REQUIRE(::listen(taken, 1) == 0);
  REQUIRE(::getsockname(taken, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  const std::string port = std::to_string(ntohs(address.sin_port));
  refused("--plaintext --clients 2 --check --address 127.0.0.1 --port " + port,
          "cannot listen at 127.0.0.1, port " + port + ": Address already in use");
  ::close(taken);
}

TEST_CASE("coordinator --rehearse runs the study in one process; without hospitals it gives up") {
  const Network network(Network::Certificates::none);
  const ProgramResult rehearsal =
      run_example("coordinator", "--rounds 3 --rehearse " + network.file("north.csv") + "," +
                                     network.file("south.csv") + " --json " + network.file("result.json"));
  CAPTURE(rehearsal.output);
  CHECK(rehearsal.status == 0);
  CHECK(rehearsal.says("2 hospitals, 60 patients, 3 rounds"));
  CHECK(rehearsal.says("ph.ecog"));
  CHECK(std::filesystem::exists(network.file("result.json")));
  refused("--plaintext --clients 2 --port 0 --wait 0", "only 0 of 2 hospitals came within 0 s");
}

TEST_CASE("coordinator understands the settings of docs/deploying.md") {
  const Network network;
  const ProgramResult result = run_example(
      "coordinator", "--check --port 0 --config " + documented_settings(network, "coordinator.toml"));
  CAPTURE(result.output);
  CHECK(result.status == 0);
  CHECK(result.says("roster of 2 sites, digest "));
  CHECK(result.says("everything is in order"));
}

}  // namespace examples_coordinator_test
