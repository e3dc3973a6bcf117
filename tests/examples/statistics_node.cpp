#include <doctest/doctest.h>

#include <string>

#include "network.hpp"

namespace examples_statistics_node_test {

namespace {

constexpr const char* policy =
    R"({"tasks": {"column_sums": {"requests_per_day": 10}, "colum_sums": {"requests_per_day": 10}},
  "rounds_per_run": 1, "minimum_cohort": 20, "columns": ["age"], "require_secure_aggregation": false, "require_dp": false,
  "statistics": {"columns": ["age", "agee"]}})";

void refused(const std::string& arguments, const std::string& words) {
  check_refused("statistics_node", run_example("statistics_node", arguments), words);
}
std::string base(const Network& network) {
  return "--id north --host localhost --check --data " + network.file("north.csv") + " --policy " +
         network.write("statistics.json", policy) + " --state " + network.file("state") + " ";
}

}  // namespace

TEST_CASE("statistics_node --help tells the flags") {
  const ProgramResult result = run_example("statistics_node", "--help");
  CHECK(result.status == 0);
  for (const char* flag : {"--config",       "--id",          "--host",        "--port",
                           "--certificate",  "--key",         "--authorities", "--passphrase-file",
                           "--plaintext",    "--proxy",       "--proxy-port",  "--proxy-credentials",
                           "--retry-within", "--data",        "--delimiter",   "--policy",
                           "--state",        "--audit-log",   "--audit-key",   "--approvals",
                           "--stop-file",    "--health-port", "--dry-run",     "--check"}) {
    CAPTURE(flag);
    CHECK(result.says(flag));
  }
}

TEST_CASE("statistics_node --check says what the policy allows, and what in it has no meaning here") {
  const Network network(Network::Certificates::none);
  const ProgramResult result = run_example("statistics_node", base(network) + "--plaintext");
  CAPTURE(result.output);
  CHECK(result.status == 0);
  CHECK(result.says("north: 30 patients\n"));
  CHECK(result.says("Task column_sums: at most 10 requests a day.\n"));
  CHECK(result.says("WARNING: the policy allows the task \"colum_sums\", which this program does not offer"));
  CHECK(result.says("WARNING: the policy's statistics may read the column \"agee\""));
  CHECK(result.says("everything is in order"));
}

TEST_CASE("statistics_node: what is wrong with flags or files is one line and exit status 2") {
  const Network network(Network::Certificates::none);
  refused("--id north --host localhost --data x.csv --policy p.json --plaintext", "--state is required");
  refused(base(network), "--certificate: is needed, with --key and --authorities");
  refused(base(network) + "--plaintext --delimiter ab", "--delimiter: is one character");
  refused(base(network) + "--plaintext --retry-within 0", "--retry-within");
  refused(base(network) + "--plaintext --audit-log a.jsonl", "--audit-log requires --audit-key");
  refused("--id north --host localhost --plaintext --check --data " + network.file("no.csv") + " --policy " +
              network.write("statistics.json", policy) + " --state " + network.file("state"),
          "no.csv");
  refused("--id north --host localhost --plaintext --check --data " + network.file("north.csv") +
              " --policy " + network.write("odd.json", R"({"statistics": {"colums": ["age"]}})") +
              " --state " + network.file("state"),
          "at /statistics/colums: there is no such setting here");
}

TEST_CASE("statistics_node does not take part while its stop file is there, and needs its folder") {
  const Network network(Network::Certificates::none);
  const ProgramResult stopped =
      run_example("statistics_node", "--id north --host localhost --port 1 --plaintext --data " +
                                         network.file("north.csv") + " --policy " +
                                         network.write("statistics.json", policy) + " --state " +
                                         network.file("state") + " --stop-file " + network.write("stop", ""));
  CAPTURE(stopped.output);
  CHECK(stopped.status == 0);
  CHECK(stopped.says("\nstopped\n"));
  refused("--id north --host localhost --plaintext --check --data " + network.file("north.csv") +
              " --policy " + network.file("statistics.json") + " --state " + network.file("no/such/folder"),
          "no/such/folder");
}

}  // namespace examples_statistics_node_test
