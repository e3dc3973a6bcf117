// federated_statistics --coordinator and statistics_node as processes of their own, on the loopback.
#include <doctest/doctest.h>

#include <array>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "background.hpp"
#include "network.hpp"

namespace examples_federated_statistics_network_test {

namespace {

using nlohmann::json;

constexpr std::array sites{"north", "south", "west"};

/// What each hospital allows: all that the commands below ask of these columns.
json open_policy() {
  json policy = json::parse(R"({
    "rounds_per_run": 1, "minimum_cohort": 20, "columns": ["time", "dead", "age", "sex"],
    "require_secure_aggregation": false, "require_dp": false,
    "statistics": {"columns": ["time", "dead", "age", "sex"],
                   "levels": {"sex": [1, 2], "dead": [0, 1]},
                   "most_cut_points": {"age": 101, "time": 101},
                   "time_grid": [200, 400, 600, 800, 1000, 1200]}})");
  for (const char* task :
       {"column_sums",       "site_columns",      "column_levels",       "threshold_counts",
        "bin_counts",        "cell_counts",       "cross_products",      "glm_moments.f64",
        "glm_step.f64",      "distinct_times",    "life_table",          "site_log_rank",
        "cox_moments.f64",   "cox_site_step.f64", "cox_concordance.f64", "cox_event_counts.f64",
        "cox_risk_sets.f64", "cox_baseline.f64",  "local_cox_fit",       "local_glm_fit"})
    policy["tasks"][task]["requests_per_day"] = 200;
  return policy;
}

/// The lung data among three hospitals, with a file and a policy for each, and a port for the coordinator.
class Hospitals {
 public:
  explicit Hospitals(Network::Certificates certificates = Network::Certificates::none)
      : network_(certificates), port_(std::to_string(free_port())) {
    std::ifstream file(source_folder() + "/examples/data/lung_hospitals.csv");
    std::string header;
    std::getline(file, header);
    std::string all = "site," + header + "\n";
    std::string without_west = all;
    std::array<std::string, 3> own{all, all, all};
    std::size_t row = 0;
    for (std::string line; std::getline(file, line); ++row) {
      const std::size_t site = row % 3;
      line = std::string(sites[site]) + "," + line + "\n";
      all += line;
      own[site] += line;
      if (site < 2) without_west += line;
    }
    for (std::size_t i = 0; i < 3; ++i) network_.write(std::string(sites[i]) + ".csv", own[i]);
    network_.write("all.csv", all);
    network_.write("two.csv", without_west);
    network_.write("policy.json", open_policy().dump());
    settings("plaintext = true\n");
  }

  [[nodiscard]] const Network& network() const { return network_; }
  [[nodiscard]] std::string file(const std::string& name) const { return network_.file(name); }
  /// The settings of the coordinator, beside its port.
  void settings(const std::string& text) const {
    network_.write("study.toml", "port = " + port_ + "\nwait = 30\n" + text);
  }
  [[nodiscard]] std::unique_ptr<Background> node(const std::string& site,
                                                 std::vector<std::string> more = {"--plaintext"},
                                                 const std::string& policy = "policy.json") const {
    std::vector<std::string> words{"--id",           site,
                                   "--host",         "localhost",
                                   "--port",         port_,
                                   "--data",         file(site + ".csv"),
                                   "--policy",       file(policy),
                                   "--state",        file("state_" + site),
                                   "--audit-log",    file(site + ".jsonl"),
                                   "--audit-key",    file(site + ".key"),
                                   "--retry-within", "1"};
    words.insert(words.end(), more.begin(), more.end());
    return std::make_unique<Background>("statistics_node", words, file(site + ".log"));
  }
  /// An analysis over the network.
  [[nodiscard]] ProgramResult ask(const std::string& command) const {
    return run_example("federated_statistics",
                       command + " --coordinator " + file("study.toml") + " --json " + file("result.json"));
  }
  /// What it finds, without what tells of the run itself.
  [[nodiscard]] json found(const std::string& command) const {
    const ProgramResult result = ask(command);
    INFO(command, "\n", result.output);
    REQUIRE(result.status == 0);
    return read();
  }
  /// The same analysis in one process, under the same rules.
  [[nodiscard]] json simulated(const std::string& command, const std::string& data = "all.csv") const {
    const ProgramResult result = run_example(
        "federated_statistics", command + " --data " + file(data) + " --site-column site --policy " +
                                    file("policy.json") + " --json " + file("result.json"));
    INFO(command, "\n", result.output);
    REQUIRE(result.status == 0);
    return read();
  }

 private:
  [[nodiscard]] json read() const {
    json result = json::parse(std::ifstream(file("result.json")));
    result.erase("manifest");
    return result;
  }
  Network network_;
  std::string port_;
};

const std::string survival = "--time-column time --event-column dead ";
const std::string grid = " --grid 200,400,600,800,1000,1200";

}  // namespace

TEST_CASE("over a network every command finds what it finds in one process under the same rules") {
  const Hospitals hospitals;
  hospitals.settings("plaintext = true\nanchors = \"" + hospitals.file("anchors.txt") + "\"\n");
  const std::vector<std::string> commands{"describe --columns age,time --by sex",
                                          "quantile --columns time --range 0,1200",
                                          "histogram --columns age --range 30,90 --bins 4",
                                          "crosstab --columns sex,dead",
                                          "ttest --columns age --by sex",
                                          "correlation --columns age,sex",
                                          "pca --columns age,sex",
                                          "glm --target dead --family binomial --covariates \"age,C(sex)\"",
                                          "cox " + survival + "--covariates age,sex",
                                          "km " + survival + "--by sex" + grid,
                                          "logrank " + survival + "--by sex" + grid,
                                          "logrank " + survival + "--by sex --strata site" + grid,
                                          "meta " + survival + "--covariates age,sex"};
  std::vector<json> expected;
  for (const std::string& command : commands) expected.push_back(hospitals.simulated(command));
  {
    const auto north = hospitals.node("north");
    const auto south = hospitals.node("south");
    const auto west = hospitals.node("west");
    for (std::size_t i = 0; i < commands.size(); ++i) {
      // The nodes stay: the program that asks is started anew each time.
      const json found = hospitals.found(commands[i] + " --sites north,south,west");
      CAPTURE(commands[i]);
      CHECK(found == expected[i]);
      CHECK(found.at("sites").size() == 3);
    }
    const ProgramResult exact = hospitals.ask("km " + survival + "--by sex --sites 3");
    CHECK(exact.status == 2);
    CHECK(exact.says("with --grid"));
    const ProgramResult quantile = hospitals.ask("quantile --columns age --sites 3");
    CHECK(quantile.status == 2);
    CHECK(quantile.says("with --range LOW,HIGH"));
    CHECK(north->running());
    CHECK(south->running());
    CHECK(west->running());
  }
  // Each answer stands in the hospital's log, which is where it was when the coordinator noted that.
  std::string anchor;
  {
    std::ifstream anchors(hospitals.file("anchors.txt"));
    std::string command, site, at;
    while (anchors >> command >> site >> at) {
      if (site == "west") anchor = at;
    }
  }
  const ProgramResult verified =
      run_example("audit_log", "verify " + hospitals.file("west.jsonl") + " --key " +
                                   hospitals.file("west.key.pub") + " --anchor " + anchor);
  CAPTURE(verified.output);
  CHECK(verified.status == 0);
}

TEST_CASE("a hospital whose rules forbid a question is left out with the rule's name; one in a dry run too") {
  const Hospitals hospitals;
  json narrow = open_policy();
  narrow["statistics"]["columns"] = json::array({"time", "dead", "age"});
  narrow["statistics"]["levels"].erase("sex");
  hospitals.network().write("narrow.json", narrow.dump());
  const std::string command = "cox " + survival + "--covariates age,sex";
  const json expected = hospitals.simulated(command, "two.csv");
  const auto north = hospitals.node("north");
  auto south = hospitals.node("south");
  auto west = hospitals.node("west", {"--plaintext"}, "narrow.json");
  const json found = hospitals.found(command + " --sites 3");
  CHECK(found.at("coefficients") == expected.at("coefficients"));
  CHECK(found.at("log_likelihood") == expected.at("log_likelihood"));
  CHECK(found.at("sites") == json::array({"north", "south"}));
  REQUIRE(found.at("left_out").size() == 1);
  CHECK(found.at("left_out")[0].at("site") == "west");
  CHECK(found.at("left_out")[0].at("error") == "disclosure");
  CHECK(found.at("left_out")[0].at("message").get<std::string>().find("columns: ") != std::string::npos);

  // Only those who are named are asked, whoever else is there.
  CHECK(hospitals.found("describe --columns age --sites south").at("sites") == json::array({"south"}));

  west->end();
  west = hospitals.node("west", {"--plaintext", "--dry-run"});
  const json dry = hospitals.found("describe --columns age --sites north,south,west");
  CHECK(dry.at("sites") == json::array({"north", "south"}));
  CHECK(dry.at("left_out")[0].at("message").get<std::string>().find("dry run") != std::string::npos);
  CHECK(west->output().find("would leave, for ") != std::string::npos);
}

TEST_CASE("what a hospital has told of its patients outlives its node") {
  const Hospitals hospitals;
  json policy = open_policy();
  policy["statistics"]["cohorts"]["almost"] = json::array({"age >= 43"});  // all but a few
  hospitals.network().write("policy.json", policy.dump());
  auto south = hospitals.node("south");
  CHECK(hospitals.found("correlation --columns age,sex --sites south").at("n") == 76);
  south->end();
  south = hospitals.node("south");
  const ProgramResult few = hospitals.ask("correlation --columns age,sex --cohort almost --sites south");
  CAPTURE(few.output);
  CHECK(few.status == 2);
  CHECK(few.says("smallest_cell: an earlier answer was about nearly the same patients"));
}

TEST_CASE("quota, approval and stop file hold for statistics") {
  const Hospitals hospitals;
  json policy = open_policy();
  policy["tasks"]["cross_products"]["requests_per_day"] = 2;
  policy["manual_approval"] = true;
  hospitals.network().write("policy.json", policy.dump());
  const auto north = hospitals.node("north", {"--plaintext", "--approvals", hospitals.file("approved.json"),
                                              "--stop-file", hospitals.file("stop")});
  const auto refused = [&](const std::string& command, const std::string& why) {
    const ProgramResult result = hospitals.ask(command + " --sites north");
    INFO(command, "\n", result.output);
    CHECK(result.status == 2);
    CHECK(result.says(why));
  };
  refused("correlation --columns age,sex", "a person approves");
  hospitals.network().write("approved.json", R"({"approved": [{"coordinator": "localhost", "run": 0}]})");
  CHECK(hospitals.found("correlation --columns age,sex --sites north").at("n") == 76);
  CHECK(hospitals.found("correlation --columns age,sex --sites north").at("n") ==
        76);  // the same questions, counted once
  refused("correlation --columns age,time", "2 requests a day of the task cross_products");
  hospitals.network().write("stop", "");
  for (int i = 0; i < 100 && north->running(); ++i) ::usleep(50'000);
  CHECK_FALSE(north->running());
}

TEST_CASE("over TLS those on the roster are waited for, and who is missing is named") {
  const Hospitals hospitals(Network::Certificates::made);
  const auto path = [&](const std::string& name) { return hospitals.file("c/" + name); };
  const auto tls = [&](const std::string& party) {
    return std::vector<std::string>{"--certificate",      path(party + ".pem"), "--key",
                                    path(party + ".key"), "--authorities",      path("authority.pem")};
  };
  const std::string settings = "certificate = \"" + path("coordinator.pem") + "\"\nkey = \"" +
                               path("coordinator.key") + "\"\nauthorities = \"" + path("authority.pem") +
                               "\"\nroster = \"" + path("roster.json") + "\"\n";
  hospitals.settings(settings);
  const std::string command = "glm --target age --covariates sex";
  const json expected = hospitals.simulated(command, "two.csv");
  const auto north = hospitals.node("north", tls("north"));
  {
    const auto south = hospitals.node("south", tls("south"));
    CHECK(hospitals.found(command) == expected);
  }
  const auto fails = [&](const std::string& flags, const std::string& why) {
    const ProgramResult result = run_example(
        "federated_statistics", command + flags + " --coordinator " + hospitals.file("study.toml"));
    INFO(flags, "\n", result.output);
    CHECK(result.status == 2);
    CHECK(result.says(why));
  };
  hospitals.network().write("study.toml", "port = 0\nwait = 0\n" + settings);
  fails("", "listening at port ");
  fails("", "waiting for north, south\n");
  fails("", "not all hospitals came within 0 s: here are nobody; missing: north, south");
  fails(" --sites 1", "missing: 1 more of north, south");
  fails(" --sites west", "west is not on the roster");
  fails(" --sites 3", "fewer than the 3 to wait for");
}

TEST_CASE("a hospital that is there and does not answer is named at the deadline") {
  const Hospitals hospitals;
  hospitals.settings("plaintext = true\nclients = 2\ndeadline = 1\n");
  const auto north = hospitals.node("north");
  const auto south = hospitals.node("south");
  const std::string command = "describe --columns age";
  CHECK(hospitals.found(command).at("sites").size() == 2);
  // It connects, and is stopped before it is asked: a third hospital is waited for meanwhile.
  hospitals.settings("plaintext = true\nclients = 3\ndeadline = 1\n");
  std::unique_ptr<Background> west;
  std::thread meanwhile([&] {
    for (int i = 0; i < 400 && south->output().find("connected to", south->output().find("disconnected")) ==
                                   std::string::npos;
         ++i)
      ::usleep(50'000);
    south->signal(SIGSTOP);
    west = hospitals.node("west");
  });
  const ProgramResult silent = hospitals.ask(command);
  meanwhile.join();
  CAPTURE(silent.output);
  CHECK(silent.status == 2);
  CHECK(silent.says("client south did not reply"));
  south->signal(SIGCONT);
  CHECK(hospitals.found(command).at("sites").size() == 3);
}

TEST_CASE("the settings of docs/federated-statistics.md are understood") {
  const Network network;
  const std::string page = "federated-statistics.md";
  std::filesystem::rename(documented_settings(network, "statistics_policy.json", page),
                          network.file("policy.json"));
  const ProgramResult node = run_example(
      "statistics_node", "--check --config " + documented_settings(network, "statistics_node.toml", page));
  CAPTURE(node.output);
  CHECK(node.status == 0);
  CHECK_FALSE(node.says("WARNING"));
  const ProgramResult study =
      run_example("federated_statistics", "describe --columns age --sites 3 --coordinator " +
                                              documented_settings(network, "study.toml", page));
  CHECK(study.says("the roster has 2 hospitals, fewer than the 3 to wait for"));
}

TEST_CASE("flags of a network: what is wrong is one line that says what to write instead") {
  const Network network(Network::Certificates::none);
  const std::string study =
      " --coordinator " + network.write("study.toml", "plaintext = true\nport = 0\nwait = 0\n");
  const auto fails = [&](const std::string& flags, const std::string& why) {
    check_refused("federated_statistics",
                  run_example("federated_statistics", "describe --columns age" + flags), why);
  };
  fails(study + " --data x.csv", "--data: is not for --coordinator");
  fails(study + " --delimiter tab", "--delimiter: is not for --coordinator");
  fails(study + " --site-column hospital", "--site-column: is not for --coordinator");
  fails(study + " --policy none",
        "--policy: is not for --coordinator: there each hospital has a policy of its own");
  fails(study + " --secure", "--secure: is not for --coordinator");
  fails(" --sites 3", "--sites: is of hospitals over a network");
  fails(study, "--sites is needed without a roster");
  fails(study + " --sites 0", "--sites takes how many hospitals");
  fails(study + " --sites North,south", "North");
  fails(study + " --sites north,south", "missing: north, south");
  fails(study + " --sites 2", "missing: 2 more");
  fails(study + " --sites north --where age", "expected a filter such as");
  fails(" --coordinator " + network.file("no.toml") + " --sites 2", "no.toml");
  fails(" --sites 2 --coordinator " + network.write("odd.toml", "prot = 1\n"), "prot");
  fails(" --sites 2 --coordinator " + network.write("bare.toml", "port = 1\n"),
        "--certificate: is needed, with --key, --authorities and --roster");
}

}  // namespace examples_federated_statistics_network_test
