// Runs the built program as a person would, and compares with R 4.2.2, survival 3.5-3.
#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <thread>

#include "folders.hpp"

namespace examples_lung_survival_test {

namespace {

/// A folder of its own, removed at the end.
struct Folder {
  Folder() {
    char name[] = "/tmp/healthai_lung_XXXXXX";
    REQUIRE(mkdtemp(name) != nullptr);
    path = name;
  }
  ~Folder() { CHECK(std::system(("rm -rf '" + path + "'").c_str()) == 0); }
  std::string path;
};

std::string text_of(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

struct Ended {
  int status;
  std::string out;
  std::string err;
};

Ended run(const std::string& arguments) {
  const Folder folder;
  const std::string command =
      "cd '" + folder.path + "' && '" + examples_folder() + "/lung_survival' " + arguments + " >out 2>err";
  const int status = std::system(command.c_str());
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, text_of(folder.path + "/out"),
          text_of(folder.path + "/err")};
}

void check_close(const nlohmann::json& coefficients, std::initializer_list<double> expected) {
  REQUIRE(coefficients.size() == expected.size());
  std::size_t j = 0;
  for (const double value : expected) CHECK(std::fabs(coefficients[j++].get<double>() - value) < 1e-8);
}

const std::string data = source_folder() + "/examples/data/";

}  // namespace

TEST_CASE("FedAvg with one local step is R's fit stratified by hospital") {
  // coxph(Surv(time, dead) ~ age + sex + ph.ecog + strata(hospital)); no ties within a hospital, so both are the same.
  for (const char* ties : {"efron", "breslow"}) {
    const Ended ended = run(std::string("--strategy fedavg --local-steps 1 --json - --ties ") + ties);
    REQUIRE(ended.status == 0);
    const auto json = nlohmann::json::parse(ended.out);
    check_close(json["coefficients"], {0.01218818072396301, -0.5496910046320834, 0.5403424044037637});
    CHECK(std::fabs(json["log_likelihood"].get<double>() - -377.00290503234197) < 1e-8);
    CHECK(std::fabs(json["log_likelihood_null"].get<double>() - -393.0542897132758) < 1e-8);
    CHECK(json["n"] == 227);
    CHECK(json["events"] == 164);
    CHECK(json["sites"] == 10);
    CHECK(json["terms"] == nlohmann::json{"age", "sex", "ph.ecog"});
    CHECK(json["converged"] == true);
    CHECK(json["rounds"].get<int>() > 1);
    CHECK(json["seconds"].get<double>() > 0);
  }
}

TEST_CASE("without arguments it compares, draws and says where") {
  const Folder folder;
  const Ended ended = run("--plot '" + folder.path + "/plots'");
  CHECK(ended.status == 0);
  for (const char* expected :
       {"FedAvg, 1 local step", "FedAvg, 20 local steps", "FedProx, mu 1", "Meta-analysis", "Pooled",
        "/plots/convergence.png", "/plots/forest_sex.png", "/plots/manifest.json"}) {
    CAPTURE(expected);
    CHECK(ended.out.find(expected) != std::string::npos);
  }
  // The known results of R: hospital 1 alone, and the inverse-variance meta-analysis of the ten.
  CHECK(ended.out.find("0.0317 (se 0.026)   -0.4714 (se 0.480)    0.8018") != std::string::npos);
  CHECK(ended.out.find("0.01913146  -0.46055640   0.55135549") != std::string::npos);
  CHECK(text_of(folder.path + "/plots/convergence.png").substr(1, 3) == "PNG");
  CHECK(nlohmann::json::parse(text_of(folder.path + "/plots/manifest.json")).is_object());
}

TEST_CASE("another file with other columns works unchanged") {
  const Folder folder;
  const Ended ended = run("--data '" + data +
                          "icu_networks.csv' --site-column network --time-column days --event-column died " +
                          "--covariates Age,ApacheIIScore --ties breslow --strategy fedavg --json '" +
                          folder.path + "/fit.json'");
  CHECK(ended.status == 0);
  const auto json = nlohmann::json::parse(text_of(folder.path + "/fit.json"));
  CHECK(json["n"] == 1985);
  CHECK(json["sites"] == 8);
  CHECK(json["converged"] == true);
  CHECK(ended.out.find("Pooled") != std::string::npos);
}

TEST_CASE("what is wrong with flags or data is one clear line and exit status 2") {
  const Folder folder;
  const auto with = [&](const std::string& csv, const std::string& more = "") {
    std::ofstream(folder.path + "/data.csv") << csv;
    return run(
        "--strategy fedavg --covariates x --site-column site --time-column time --event-column dead --data "
        "'" +
        folder.path + "/data.csv' " + more);
  };
  const std::string good = "site,time,dead,x\na,1,1,1\na,2,0,2\nb,3,1,5\nb,4,1,2\n";
  REQUIRE(with(good, "--rounds 5").status == 0);
  const auto refused = [](const Ended& ended, const std::string& word) {
    CAPTURE(word);
    CAPTURE(ended.err);
    CHECK(ended.status == 2);
    CHECK(ended.out.empty());
    CHECK(ended.err.find(word) != std::string::npos);
    CHECK(std::count(ended.err.begin(), ended.err.end(), '\n') == 1);
    CHECK(ended.err.find("lung_survival: ") == 0);
  };
  refused(run("--strategy fedmagic"), "fedmagic");
  refused(run("--rounds 0"), "--rounds");
  refused(run("--rounds many"), "many");
  refused(run("--learning-rate -1"), "--learning-rate");
  refused(run("--strategy fedavg --proximal-mu 1"), "--proximal-mu");
  refused(run("--ties sometimes"), "sometimes");
  refused(run("--resume"), "--checkpoint");
  refused(run("--frobnicate"), "--frobnicate");
  refused(run("--data /no/such/file.csv"), "/no/such/file.csv");
  refused(run("--covariates age,sexx"), "sexx");
  refused(run("--time-column tim"), "tim");
  refused(run("--site-column hospitl"), "hospitl");
  refused(with("site,time,dead,x\na,1,1,one\na,2,0,2\n"), "data.csv, line 2");
  refused(with("site,time,dead,x\na,1,1,1\na,2,0\n"), "data.csv, line 3");
  refused(with("site,time,dead,x\na,1,1,1\n,2,0,2\n"), "data.csv, line 3");
  refused(with("site,time,dead,x\na,1,1,1\na,2,1,2\nb,3,1,\n"), "site \"b\" is empty");
  refused(with("site,time,dead,x\na,1,1,1\na,-2,0,2\n"), "-2");
  refused(with("site,time,dead,x\na,1,1,1\na,2,2,2\n"), "data.csv, line 3");
  refused(with("site,time,dead,x\na,1,0,1\na,2,0,2\n"), "no event");
  refused(with("site,time,dead,x\na,1,1,7\na,2,1,7\n"), "constant");
  refused(with(""), "data.csv");
  const Ended nowhere = run("--checkpoint /no/such/folder/run.ckpt --rounds 3");
  CHECK(nowhere.status == 2);
  CHECK(nowhere.err.find("/no/such/folder") != std::string::npos);
  CHECK(std::count(nowhere.err.begin(), nowhere.err.end(), '\n') == 1);
}

TEST_CASE("a hospital of one patient is a warning") {
  const Folder folder;
  std::ofstream(folder.path + "/data.csv")
      << "site,time,dead,x\na,1,1,1\na,2,0,2\na,3,1,1\na,4,1,4\nb,3,1,5\n";
  const Ended ended =
      run("--strategy fedavg --covariates x --site-column site --data '" + folder.path + "/data.csv'");
  CHECK(ended.status == 0);
  CHECK(ended.err.find("warning: site \"b\" has a single patient") != std::string::npos);
}

TEST_CASE("a run that is killed and resumed ends with the same bits") {
  const Folder folder;
  const std::string flags = "--strategy fedavg --learning-rate 0.002 --rounds 20000 --tolerance 0 --json ";
  const Ended whole = run(flags + "'" + folder.path + "/whole.json'");
  REQUIRE(whole.status == 0);
  const std::string program = examples_folder() + "/lung_survival";
  const std::string json = folder.path + "/resumed.json";
  const std::string checkpoint = folder.path + "/run.ckpt";
  int kills = 0;
  for (bool finished = false; !finished;) {
    std::fflush(nullptr);  // or the child would write what the parent has buffered, too
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      if (std::freopen("/dev/null", "w", stderr) == nullptr ||
          std::freopen("/dev/null", "w", stdout) == nullptr)
        std::_Exit(9);
      execl(program.c_str(), program.c_str(), "--strategy", "fedavg", "--learning-rate", "0.002", "--rounds",
            "20000", "--tolerance", "0", "--json", json.c_str(), "--checkpoint", checkpoint.c_str(),
            "--resume", nullptr);
      std::_Exit(9);
    }
    if (kills < 3) {
      std::this_thread::sleep_for(std::chrono::milliseconds(60 + 35 * kills));
      kill(child, SIGKILL);
    }
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    finished = WIFEXITED(status);
    if (finished) REQUIRE(WEXITSTATUS(status) == 0);
    kills += finished ? 0 : 1;
    REQUIRE(kills <= 3);  // anything else than our own kills would be a crash
  }
  CHECK(kills > 0);
  const auto a = nlohmann::json::parse(text_of(folder.path + "/whole.json"));
  const auto b = nlohmann::json::parse(text_of(json));
  CHECK(a["coefficients"] == b["coefficients"]);
  CHECK(a["log_likelihood"] == b["log_likelihood"]);
  CHECK(b["rounds"] == 20000);
}

}  // namespace examples_lung_survival_test
