// Reads what Google Benchmark programs wrote and shows each benchmark beside its baseline.
//
//     bench_ratios BASELINES.txt OUT.json IN.json...
//
// OUT.json ("-": none) gets all the measurements and the ratios. Exit status 1 if a ratio asked for was not reached.

#include <cstdio>
#include <exception>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

namespace {

using nlohmann::json;

struct Rule {
  std::string benchmark, baseline, quantity, wanted;
};

std::vector<Rule> read_rules(const char* path) {
  std::ifstream file(path);
  if (!file) throw std::runtime_error(std::string("cannot read ") + path);
  std::vector<Rule> rules;
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    Rule rule;
    if (line.starts_with('#') || !(words >> rule.benchmark)) continue;
    if (!(words >> rule.baseline >> rule.quantity >> rule.wanted)) {
      throw std::runtime_error(std::string(path) + ": expected four words, got: " + line);
    }
    rules.push_back(rule);
  }
  return rules;
}

/// What follows `pattern` in `name` ("/clients:100"), if the pattern covers it.
std::optional<std::string> arguments_after(const std::string& pattern, const std::string& name) {
  const bool any_ending = pattern.ends_with('*');
  const std::string prefix = any_ending ? pattern.substr(0, pattern.size() - 1) : pattern;
  if (!name.starts_with(prefix)) return std::nullopt;
  const std::size_t end = any_ending ? name.find('/', prefix.size()) : prefix.size();
  if (end >= name.size()) return std::string();
  if (name[end] != '/') return std::nullopt;
  return name.substr(end);
}

/// "/threads:2" or "/workers:2" of a benchmark's arguments, or nothing.
std::string threads_of(const std::string& arguments) {
  for (const char* key : {"/threads:", "/workers:"}) {
    const std::size_t at = arguments.find(key);
    if (at == std::string::npos) continue;
    return arguments.substr(at + 9, arguments.find('/', at + 1) - at - 9);
  }
  return {};
}

using Medians = std::map<std::string, json>;

/// The arguments at the end of a name: "/clients:10/parameters:100" of "aggregation/median/clients:10/parameters:100".
std::string arguments_of(const std::string& name) {
  const std::size_t colon = name.find(':');
  return colon == std::string::npos ? std::string() : name.substr(name.rfind('/', colon));
}

/// Arguments without the threads, and without what says how the time was taken.
std::string plain(std::string arguments) {
  for (const std::string mark : {"/process_time", "/real_time", "/threads:", "/workers:"}) {
    const std::size_t at = arguments.find(mark);
    if (at == std::string::npos) continue;
    const std::size_t end = arguments.find('/', at + 1);
    arguments.erase(at, end == std::string::npos ? end : end - at);
  }
  return arguments;
}

/// The baseline with the same arguments; else with the same but for the threads; else any with as many threads.
const json* find_baseline(const Medians& medians, const std::string& baseline, const std::string& arguments) {
  const json* best = nullptr;
  int best_rank = 0;
  for (const auto& [name, median] : medians) {
    if (!arguments_after(baseline, name)) continue;
    const std::string its = arguments_of(name);
    const bool same_threads = threads_of(its) == threads_of(arguments);
    const int rank = plain(its) == plain(arguments) ? (same_threads ? 3 : 2) : same_threads ? 1 : 0;
    if (rank <= best_rank) continue;
    best = &median;
    best_rank = rank;
  }
  return best;
}

std::string human(double value, const std::string& quantity, const std::string& unit) {
  char text[64];
  if (quantity == "bytes_per_second") {
    std::snprintf(text, sizeof text, "%.2f GB/s", value / 1e9);
  } else {
    std::snprintf(text, sizeof text, "%.4g %s", value, unit.c_str());
  }
  return text;
}

bool reached(const std::string& wanted, double ratio) {
  if (wanted.starts_with(">=")) return ratio >= std::stod(wanted.substr(2));
  if (wanted.starts_with("<=")) return ratio <= std::stod(wanted.substr(2));
  return true;
}

int run(int argc, char** argv) {
  const std::vector<Rule> rules = read_rules(argv[1]);
  json all = {{"context", nullptr}, {"benchmarks", json::array()}, {"ratios", json::array()}};
  Medians medians;
  for (int i = 3; i < argc; ++i) {
    const json input = json::parse(std::ifstream(argv[i]));
    if (all["context"].is_null() && input.contains("context")) all["context"] = input["context"];
    for (const json& entry : input.at("benchmarks")) {
      all["benchmarks"].push_back(entry);
      if (entry.value("error_occurred", false)) {
        throw std::runtime_error(entry.at("name").get<std::string>() + ": " +
                                 entry.value("error_message", "failed"));
      }
      if (entry.value("aggregate_name", "") == "median") medians[entry.at("run_name")] = entry;
    }
  }

  bool ok = true;
  std::printf("\n%-72s %14s %14s %8s  %s\n", "benchmark (medians)", "measured", "baseline", "ratio",
              "wanted");
  for (const auto& [name, median] : medians) {
    const std::string unit = median.value("time_unit", "ns");
    bool compared = false;
    bool has_rule = false;
    for (const Rule& rule : rules) {
      if (!arguments_after(rule.benchmark, name)) continue;
      has_rule = true;
      const json* const baseline = find_baseline(medians, rule.baseline, arguments_of(name));
      if (baseline == nullptr || !median.contains(rule.quantity) || !baseline->contains(rule.quantity))
        continue;
      if (unit != baseline->value("time_unit", "ns") && rule.quantity != "bytes_per_second") {
        throw std::runtime_error(name +
                                 " and its baseline are in different units of time: use the same Unit()");
      }
      compared = true;
      const double measured = median.at(rule.quantity);
      const double reference = baseline->at(rule.quantity);
      const double ratio = measured / reference;
      const bool good = reached(rule.wanted, ratio);
      ok = ok && good;
      std::printf("%-72s %14s %14s %8.3f  %s%s\n", name.c_str(), human(measured, rule.quantity, unit).c_str(),
                  human(reference, rule.quantity, unit).c_str(), ratio, rule.wanted.c_str(),
                  good ? "" : "  NOT REACHED");
      all["ratios"].push_back({{"benchmark", name},
                               {"baseline", baseline->at("run_name")},
                               {"quantity", rule.quantity},
                               {"ratio", ratio},
                               {"wanted", rule.wanted},
                               {"reached", good}});
    }
    if (compared) continue;
    const std::string quantity = median.contains("bytes_per_second") ? "bytes_per_second" : "real_time";
    std::printf("%-72s %14s%s\n", name.c_str(), human(median.at(quantity), quantity, unit).c_str(),
                has_rule ? "   (its baseline was not measured)" : "");
  }
  if (medians.empty()) throw std::runtime_error("no benchmark was measured");
  if (std::string(argv[2]) != "-") {
    std::ofstream file(argv[2]);
    file << all.dump(2) << '\n';
    if (!file.flush()) throw std::runtime_error(std::string("cannot write ") + argv[2]);
  }
  return ok ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::fputs("usage: bench_ratios BASELINES.txt OUT.json|- IN.json...\n", stderr);
    return 2;
  }
  try {
    return run(argc, argv);
  } catch (const std::exception& problem) {
    std::fprintf(stderr, "bench_ratios: %s\n", problem.what());
    return 2;
  }
}
