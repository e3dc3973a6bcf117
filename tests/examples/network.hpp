#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>

#include "folders.hpp"
#include "run_example.hpp"

/// What the programs of a federation over a network need: demonstration certificates of a coordinator at localhost and of
/// the sites north and south (if they are asked for), a table and a policy.
class Network {
 public:
  enum class Certificates : bool { none, made };
  explicit Network(Certificates certificates = Certificates::made) {
    if (certificates == Certificates::made) make_certificates();
    std::string rows = "time,dead,age,sex,ph.ecog\n";
    for (int i = 0; i < 30; ++i) {
      rows += std::to_string(100 + 7 * i) + "," + std::to_string(i % 3 == 0 ? 0 : 1) + "," +
              std::to_string(50 + (i * 5) % 17) + "," + std::to_string(i % 2) + "," + std::to_string(i % 4) +
              "\n";
    }
    write("north.csv", rows);
    write("south.csv", rows);
    write("policy.json",
          R"({"tasks": {"train.f64": {"requests_per_day": 10}}, "rounds_per_run": 10, "largest_model": 9,
      "minimum_cohort": 20, "columns": ["time", "dead", "age", "sex", "ph.ecog"]})");
  }
  [[nodiscard]] std::string file(const std::string& name) const { return folder_.path(name).string(); }
  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(file(name), std::ios::binary) << text;
    return file(name);
  }
  /// The flags for one party's certificate and key, and the authority's certificate.
  [[nodiscard]] std::string tls(const std::string& certificate, const std::string& key = {}) const {
    return " --certificate " + file("c/" + certificate + ".pem") + " --key " +
           file("c/" + (key.empty() ? certificate : key) + ".key") + " --authorities " +
           file("c/authority.pem") + " ";
  }

 private:
  void make_certificates() const {
    const ProgramResult made =
        run_command("bash \"" + source_folder() + "/examples/make_certificates.sh\" demonstration \"" +
                    file("c") + "\" localhost north south");
    CAPTURE(made.output);
    REQUIRE(made.status == 0);
  }

  ExampleFolder folder_;
};

/// The settings in the block of a page of docs/ that is called NAME, with every file in the folder of `network`.
inline std::string documented_settings(const Network& network, const std::string& name,
                                       const std::string& page = "deploying.md") {
  std::ifstream file(source_folder() + "/docs/" + page);
  std::string text;
  bool inside = false;
  std::string before;
  for (std::string line; std::getline(file, line); before = line) {
    if ((line == "```toml" || line == "```json") && before == "<!-- " + name + " -->") {
      inside = true;
      continue;
    }
    if (line == "```") inside = false;
    if (!inside) continue;
    for (const auto& [there, here] : {std::pair("/etc/healthai/policy.json", network.file("policy.json")),
                                      std::pair("/srv/registry/lung.csv", network.file("north.csv")),
                                      std::pair("/etc/healthai/", network.file("c") + "/"),
                                      std::pair("/var/lib/healthai/", network.file("var") + "-")}) {
      const std::size_t at = line.find(there);
      if (at != std::string::npos) line.replace(at, std::string(there).size(), here);
    }
    text += line + "\n";
  }
  REQUIRE(!text.empty());
  return network.write(name, text);
}

/// A program ended with one line that contains `words`, and the exit status for what the caller did wrong.
inline void check_refused(const std::string& program, const ProgramResult& result, const std::string& words) {
  CAPTURE(words);
  CAPTURE(result.output);
  CHECK(result.status == 2);
  CHECK(result.says(words));
  const std::size_t line = result.output.rfind('\n', result.output.size() - 2) + 1;  // 0 if there is one only
  CHECK(result.output.compare(line, program.size() + 2, program + ": ") == 0);
}
