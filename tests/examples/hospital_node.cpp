#include <doctest/doctest.h>

#include <string>

#include "network.hpp"

namespace examples_hospital_node_test {

namespace {

void refused(const std::string& arguments, const std::string& words) {
  check_refused("hospital_node", run_example("hospital_node", arguments), words);
}
/// What every call needs.
std::string base(const Network& network, const std::string& id = "north") {
  return "--id " + id + " --host localhost --data " + network.file("north.csv") + " --policy " +
         network.file("policy.json") + " --check ";
}

}  // namespace

TEST_CASE("hospital_node --help tells the flags") {
  const ProgramResult result = run_example("hospital_node", "--help");
  CHECK(result.status == 0);
  for (const char* flag : {"--config",      "--id",          "--host",         "--port",
                           "--certificate", "--key",         "--authorities",  "--passphrase-file",
                           "--plaintext",   "--proxy",       "--proxy-port",   "--proxy-credentials",
                           "--data",        "--time-column", "--event-column", "--covariates",
                           "--policy",      "--state",       "--audit-log",    "--audit-key",
                           "--stop-file",   "--health-port", "--dry-run",      "--check"}) {
    CAPTURE(flag);
    CHECK(result.says(flag));
  }
}

TEST_CASE("hospital_node: what is wrong with flags or files is one line and exit status 2") {
  const Network network(Network::Certificates::none);
  const std::string plain = base(network) + "--plaintext ";
  refused("", "required");
  refused("--id north --host localhost --data x.csv --plaintext", "--policy is required");
  refused("--host localhost --data x.csv --policy p.json --plaintext", "--id is required");
  refused(base(network), "--certificate: is needed, with --key and --authorities");
  refused(base(network) + "--certificate x.pem", "--certificate requires");
  refused(base(network) + "--plaintext" + network.tls("north"), "excludes");
  refused(plain + "--port many", "many");
  refused(plain + "--proxy-port 3128", "--proxy-port requires --proxy");
  refused(plain + "--proxy-credentials x", "--proxy-credentials requires --proxy");
  refused(plain + "--proxy a --proxy-port big", "big");
  refused(plain + "--audit-log a.jsonl", "--audit-log requires --audit-key");
  refused(plain + "--health-port 70000", "70000");
  refused(plain + "--frobnicate", "--frobnicate");
  refused(plain + "--config " + network.file("no.toml"), "no.toml");
  refused(plain + "--config " + network.write("odd.toml", "polcy = \"x\"\n"), "polcy");
  refused(plain + "--time-column days", "days");
  refused(plain + "--event-column died", "died");
  refused(plain + "--covariates age,sexx", "sexx");

  const auto with = [&](const std::string& data, const std::string& policy, const std::string& id = "north") {
    return "--plaintext --check --host localhost --id '" + id + "' --data " + data + " --policy " + policy;
  };
  const std::string data = network.file("north.csv");
  const std::string policy = network.file("policy.json");
  refused(with(network.file("no.csv"), policy), "no.csv");
  refused(with(network.write("bad.csv", "time,dead,age,sex,ph.ecog\n1,1,old,0,1\n"), policy), "age");
  refused(with(network.write("gaps.csv", "time,dead,age,sex,ph.ecog\n1,1,,0,1\n"), policy),
          "no row has a value in every column used");
  refused(with(data, network.file("no.json")), "no.json");
  refused(with(data, network.write("odd.json", "{\"minimum_cohrot\": 20}")),
          "at /minimum_cohrot: there is no such setting here; known are: tasks, ");
  refused(with(data, network.write("text.json", "{\"metrics\": \"yes\"}")), "at /metrics: expected");
  refused(with(data, policy, "North!"), "North!");
  refused(plain + "--state " + network.file("no/such/folder"), "no/such/folder");
  refused(plain + "--audit-log " + network.file("no/log") + " --audit-key " + network.file("audit.key"),
          "no/log");
}

TEST_CASE("hospital_node --check says what the policy allows, and looks at the certificate") {
  const Network network;
  const ProgramResult plain =
      run_example("hospital_node", base(network) + "--plaintext --state " + network.file("state"));
  CAPTURE(plain.output);
  CHECK(plain.status == 0);
  CHECK(plain.says("north: 30 patients\n"));
  CHECK(plain.says("Task train.f64: at most 10 requests a day.\n"));
  CHECK(plain.says("Secure aggregation is required"));
  CHECK(plain.says("everything is in order"));

  const ProgramResult good = run_example("hospital_node", base(network) + network.tls("north") +
                                                              "--audit-log " + network.file("audit.jsonl") +
                                                              " --audit-key " + network.file("audit.key"));
  CAPTURE(good.output);
  CHECK(good.status == 0);
  CHECK(good.says("certificate of north, valid for another 36"));
  CHECK(good.says("everything is in order"));
  CHECK(std::filesystem::exists(network.file("audit.key.pub")));

  refused(base(network, "south") + network.tls("north"), "the certificate is that of north, not of south");
  refused(base(network) + network.tls("coordinator"),
          "expected a site's certificate, but its extended key usage is serverAuth");
  refused(base(network) + network.tls("north", "south"), "got the key of another");
  refused(base(network) + network.tls("nobody"), "nobody.pem");
}

TEST_CASE("hospital_node does not take part while its stop file is there") {
  const Network network(Network::Certificates::none);
  const ProgramResult result = run_example(
      "hospital_node", "--id north --host localhost --port 1 --plaintext --data " +
                           network.file("north.csv") + " --policy " + network.file("policy.json") +
                           " --stop-file " + network.write("stop", ""));
  CAPTURE(result.output);
  CHECK(result.status == 0);
  CHECK(result.says("\nstopped\n"));
}

TEST_CASE("hospital_node understands the settings of docs/deploying.md") {
  const Network network;
  const ProgramResult result =
      run_example("hospital_node", "--check --config " + documented_settings(network, "node.toml"));
  CAPTURE(result.output);
  CHECK(result.status == 0);
  CHECK(result.says("certificate of north, valid for another 36"));
  CHECK(result.says("everything is in order"));
}

}  // namespace examples_hospital_node_test
