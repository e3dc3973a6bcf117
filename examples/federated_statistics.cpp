// Statistics over hospitals that equal those of the pooled records: tables, tests, regressions, survival curves.
//
//     bash examples/run.sh federated_statistics cox --time-column time --event-column dead --covariates age,sex,ph.ecog --policy none
//     bash examples/run.sh federated_statistics describe --data patients.csv --site-column hospital --columns age,bmi
//     bash examples/run.sh federated_statistics describe --coordinator study.toml --columns age,bmi     hospitals over a network
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <string>

#include "federated_statistics/commands.hpp"
#include "healthai/client/node/statistics_policy.hpp"
#include "healthai/reporting/manifest.hpp"

namespace {

using namespace study;

void write_json(const Study& study, healthai::RunManifest& manifest) {
  Json json = study.result;
  json["notes"] = study.notes;
  json["manifest"] = manifest.json();
  const std::string text = json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
  if (study.flags.json == "-") {
    std::cout << text;
    return;
  }
  std::error_code problem;  // a folder that cannot be made is reported by the write
  const std::filesystem::path path(study.flags.json);
  if (path.has_parent_path()) std::filesystem::create_directories(path.parent_path(), problem);
  if (!(std::ofstream(path) << text).flush())
    throw healthai::Error(healthai::error::file, study.flags.json + ": cannot be written");
}

/// Of --policy, where that is a file.
healthai::DisclosureRules rules_of_file(const std::string& policy) {
  if (policy.empty() || policy == "none") return {};
  return healthai::read_disclosure_rules(policy);
}

void run(const Flags& flags, healthai::RunManifest& manifest) {
  const std::map<std::string, void (*)(Study&)> commands{{"describe", describe},
                                                         {"quantile", quantile},
                                                         {"histogram", histogram},
                                                         {"crosstab", crosstab},
                                                         {"ttest", ttest},
                                                         {"correlation", correlation},
                                                         {"pca", pca},
                                                         {"glm", glm},
                                                         {"cox", cox},
                                                         {"km", km},
                                                         {"logrank", logrank},
                                                         {"meta", meta}};
  Study study = begin(flags, rules_of_file(flags.policy));
  commands.at(flags.command)(study);
  for (const std::string& note : study.notes)
    std::fprintf(study.out, "Note: %s\n", healthai::detail::printable(note, 1000).c_str());
  if (!flags.json.empty()) write_json(study, manifest);
  if (!flags.plot.empty()) manifest.write(flags.plot + "/manifest.json");
}

}  // namespace

int main(int argc, char** argv) {
  Flags flags;
  if (const auto status = parse(argc, argv, flags)) return *status;
  healthai::RunManifest manifest(argc, argv, 0);
  try {
    run(flags, manifest);
  } catch (const healthai::Error& e) {
    std::fprintf(stderr, "federated_statistics: %s\n", e.what());
    return 2;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "federated_statistics: %s\n", e.what());
    return 1;
  }
  return 0;
}
