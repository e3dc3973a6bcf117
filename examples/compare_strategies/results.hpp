#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <healthai/reporting/manifest.hpp>
#include <healthai/reporting/plot.hpp>
#include <iostream>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "compare_strategies/run.hpp"

namespace compare {

/// All runs of one contender or baseline, one a seed.
struct Result {
  std::string name{};
  bool baseline = false;
  std::vector<Run> runs{};
};

/// Everything that was measured.
struct Results {
  std::vector<std::string> metrics{};
  std::vector<healthai::ClientId> sites{};  ///< of the first seed
  std::vector<std::size_t> train_rows{};    ///< likewise
  std::vector<Result> contenders{};         ///< baselines first
  double goal = undefined;                  ///< of the first metric
};

/// A number of an evaluation: of metric m over all test rows, over sites, or over the worst of them.
enum class Scope { pooled, mean_of_sites, worst_tenth };
inline constexpr const char* scope_names[] = {"pooled", "mean_of_sites", "worst_tenth"};

inline double value_of(const Evaluation& e, const std::string& name, std::size_t m, Scope scope) {
  if (scope == Scope::pooled) return e.pooled[m];
  if (scope == Scope::worst_tenth) return worst_tenth(e.sites[m], larger_is_better(name));
  return MeanAndSd::of(e.sites[m]).mean;
}

/// One number of each run's last evaluation.
inline std::vector<double> finals(const Results& all, const Result& result, std::size_t m, Scope scope) {
  std::vector<double> values;
  for (const Run& run : result.runs) {
    values.push_back(run.evaluations.empty() ? undefined
                                             : value_of(run.evaluations.back(), all.metrics[m], m, scope));
  }
  return values;
}

/// The first evaluated round at which the first metric is as good as the goal; `undefined` if none is.
inline std::vector<double> rounds_to_goal(const Results& all, const Result& result) {
  std::vector<double> rounds;
  for (const Run& run : result.runs) {
    rounds.push_back(undefined);
    for (const Evaluation& e : run.evaluations) {
      if (!(e.pooled[0] >= all.goal)) continue;
      rounds.back() = static_cast<double>(e.round);
      break;
    }
  }
  return rounds;
}

inline double mean_bytes(const Result& result, std::uint64_t Run::*which) {
  double sum = 0;
  for (const Run& run : result.runs) sum += static_cast<double>(run.*which);
  return sum / static_cast<double>(result.runs.size());
}

inline std::string cell(const MeanAndSd& value, std::size_t seeds) {
  if (std::isnan(value.mean)) return "-";
  char text[64];
  if (seeds > 1) {
    std::snprintf(text, sizeof text, "%.4f +- %.4f", value.mean, value.sd);
  } else {
    std::snprintf(text, sizeof text, "%.4f", value.mean);
  }
  return text;
}

/// One line about the data.
inline void describe(const Dataset& data, const Flags& flags, std::FILE* out) {
  std::size_t tests = 0;
  for (const bool test : data.test) tests += test ? 1 : 0;
  std::fprintf(out,
               "%s: %zu rows to train on, %zu to test, %lld features; %zu rows dropped for missing values\n",
               flags.data.c_str(), data.rows.count() - tests, tests,
               static_cast<long long>(data.rows.x.cols()), data.dropped);
}

/// One line a contender.
inline void print_table(const Results& all, std::FILE* out) {
  const std::size_t seeds = all.contenders.front().runs.size();
  const int width = seeds > 1 ? 18 : 10;
  std::size_t name_width = 10;
  for (const Result& result : all.contenders) name_width = (std::max)(name_width, result.name.size());
  const auto name_column = static_cast<int>(name_width);
  std::fprintf(out, "%-*s", name_column, "");
  for (std::size_t m = 0; m < all.metrics.size(); ++m)
    std::fprintf(out, "  %*s", width, all.metrics[m].c_str());
  std::fprintf(out, "  %*s  %*s  %8s  %9s  %9s  %8s\n", width, (all.metrics[0] + ", sites").c_str(), width,
               "worst tenth", "to goal", "MB down", "MB up", "seconds");
  for (const Result& result : all.contenders) {
    std::fprintf(out, "%-*s", name_column, result.name.c_str());
    for (std::size_t m = 0; m < all.metrics.size(); ++m) {
      std::fprintf(out, "  %*s", width,
                   cell(MeanAndSd::of(finals(all, result, m, Scope::pooled)), seeds).c_str());
    }
    for (const Scope scope : {Scope::mean_of_sites, Scope::worst_tenth}) {
      std::fprintf(out, "  %*s", width, cell(MeanAndSd::of(finals(all, result, 0, scope)), seeds).c_str());
    }
    const MeanAndSd rounds = MeanAndSd::of(rounds_to_goal(all, result));
    std::fprintf(out, "  %8s",
                 std::isnan(rounds.mean) ? "-" : healthai::number_text(std::round(rounds.mean)).c_str());
    double seconds = 0;
    for (const Run& run : result.runs) seconds += run.seconds / static_cast<double>(seeds);
    if (result.baseline) {
      std::fprintf(out, "  %9s  %9s  %8.2f\n", "-", "-", seconds);
    } else {
      std::fprintf(out, "  %9.3f  %9.3f  %8.2f\n", mean_bytes(result, &Run::bytes_down) / 1e6,
                   mean_bytes(result, &Run::bytes_up) / 1e6, seconds);
    }
  }
  if (!std::isnan(all.goal)) std::fprintf(out, "Goal: %s of %.4f. ", all.metrics[0].c_str(), all.goal);
  std::fprintf(out, "Bytes and seconds are those of one run.\n");
  for (const Result& result : all.contenders) {
    for (const Run& run : result.runs) {
      if (run.problem.empty()) continue;
      std::fprintf(out, "%s ended after %llu rounds: %s\n", result.name.c_str(),
                   static_cast<unsigned long long>(run.rounds), run.problem.c_str());
      break;
    }
  }
}

/// The first metric at each site, if there are few enough sites to look at.
inline void print_sites(const Results& all, std::FILE* out) {
  if (all.sites.size() > 20 || all.sites.size() < 2) return;
  std::fprintf(out, "\n%s at each site\n%-12s %6s", all.metrics[0].c_str(), "", "rows");
  for (const Result& result : all.contenders)
    std::fprintf(out, "  %*s", 8, result.name.substr(0, 24).c_str());
  std::fprintf(out, "\n");
  for (std::size_t s = 0; s < all.sites.size(); ++s) {
    std::fprintf(out, "%-12s %6zu", all.sites[s].str().c_str(), all.train_rows[s]);
    for (const Result& result : all.contenders) {
      std::vector<double> values;
      for (const Run& run : result.runs) {
        if (!run.evaluations.empty() && s < run.evaluations.back().sites[0].size())
          values.push_back(run.evaluations.back().sites[0][s]);
      }
      const auto width = static_cast<int>(std::clamp<std::size_t>(result.name.size(), 8, 24));
      std::fprintf(out, "  %*s", width, cell(MeanAndSd::of(values), 1).c_str());
    }
    std::fprintf(out, "\n");
  }
}

/// What is not a number becomes null.
inline nlohmann::ordered_json json_number(double value) {
  return std::isnan(value) ? nlohmann::ordered_json(nullptr) : nlohmann::ordered_json(value);
}
inline nlohmann::ordered_json json_summary(const std::vector<double>& values) {
  const MeanAndSd summary = MeanAndSd::of(values);
  auto seeds = nlohmann::ordered_json::array();
  for (const double value : values) seeds.push_back(json_number(value));
  return {{"mean", json_number(summary.mean)}, {"sd", json_number(summary.sd)}, {"seeds", seeds}};
}

/// Over all test rows by round: means of the seeds that have come so far.
struct Curve {
  std::vector<double> rounds{};
  std::vector<double> virtual_seconds{};
  std::vector<double> values{};
};
inline Curve curve(const Result& result, std::size_t m) {
  Curve mean;
  for (std::size_t e = 0;; ++e) {
    std::vector<double> times;
    std::vector<double> values;
    for (const Run& run : result.runs) {
      if (e >= run.evaluations.size()) continue;
      if (values.empty()) mean.rounds.push_back(static_cast<double>(run.evaluations[e].round));
      times.push_back(run.evaluations[e].virtual_seconds);
      values.push_back(run.evaluations[e].pooled[m]);
    }
    if (values.empty()) return mean;
    mean.virtual_seconds.push_back(MeanAndSd::of(times).mean);
    mean.values.push_back(MeanAndSd::of(values).mean);
  }
}

inline nlohmann::ordered_json to_json(const Results& all, const Flags& flags) {
  using json = nlohmann::ordered_json;
  json result{{"task", flags.task}, {"metrics", all.metrics}};
  result["goal"] = {{"metric", all.metrics[0]}, {"value", json_number(all.goal)}};
  for (std::size_t s = 0; s < all.sites.size(); ++s) {
    result["sites"].push_back({{"id", all.sites[s].str()}, {"train_rows", all.train_rows[s]}});
  }
  for (const Result& contender : all.contenders) {
    json entry{{"name", contender.name}, {"baseline", contender.baseline}};
    for (std::size_t m = 0; m < all.metrics.size(); ++m) {
      json& metric = entry["final"][all.metrics[m]];
      for (const Scope scope : {Scope::pooled, Scope::mean_of_sites, Scope::worst_tenth}) {
        metric[scope_names[static_cast<int>(scope)]] = json_summary(finals(all, contender, m, scope));
      }
      for (std::size_t s = 0; s < all.sites.size(); ++s) {
        std::vector<double> values;
        for (const Run& run : contender.runs) {
          const bool there = !run.evaluations.empty() && s < run.evaluations.back().sites[m].size();
          values.push_back(there ? run.evaluations.back().sites[m][s] : undefined);
        }
        metric["sites"][all.sites[s].str()] = json_summary(values);
      }
    }
    entry["rounds_to_goal"] = json_summary(rounds_to_goal(all, contender));
    if (!contender.baseline) {
      entry["bytes_down"] = mean_bytes(contender, &Run::bytes_down);
      entry["bytes_up"] = mean_bytes(contender, &Run::bytes_up);
      entry["bytes_up_uncompressed"] = mean_bytes(contender, &Run::bytes_up_uncompressed);
      entry["client_failures"] = mean_bytes(contender, &Run::failures);
    }
    std::vector<double> seconds;
    std::vector<double> virtual_seconds;
    for (const Run& run : contender.runs) {
      seconds.push_back(run.seconds);
      virtual_seconds.push_back(run.evaluations.empty() ? undefined : run.evaluations.back().virtual_seconds);
      entry["problems"].push_back(run.problem.empty() ? json(nullptr) : json(run.problem));
    }
    entry["seconds"] = json_summary(seconds);
    entry["virtual_seconds"] = json_summary(virtual_seconds);
    for (std::size_t m = 0; m < all.metrics.size(); ++m) {
      const Curve mean = curve(contender, m);
      entry["curve"]["round"] = mean.rounds;
      entry["curve"]["virtual_seconds"] = mean.virtual_seconds;
      for (const double value : mean.values) entry["curve"][all.metrics[m]].push_back(json_number(value));
    }
    result["contenders"].push_back(std::move(entry));
  }
  return result;
}

/// Opens a file for writing, in a folder that is made if need be. \throws healthai::Error (`file`)
inline std::ofstream open_for_writing(const std::string& path) {
  std::error_code problem;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), problem);
  std::ofstream file(path);
  if (!file) throw healthai::Error(healthai::error::file, path + ": cannot be written");
  return file;
}

/// Every number, one a row: strategy,seed,round,metric,scope,value.
inline void write_csv(const std::string& path, const Results& all, std::uint64_t first_seed) {
  std::ofstream file = open_for_writing(path);
  file << "strategy,seed,round,metric,scope,value\n";
  for (const Result& contender : all.contenders) {
    for (std::size_t r = 0; r < contender.runs.size(); ++r) {
      for (const Evaluation& e : contender.runs[r].evaluations) {
        for (std::size_t m = 0; m < all.metrics.size(); ++m) {
          const auto row = [&](const std::string& scope, double value) {
            if (std::isnan(value)) return;
            file << contender.name << ',' << first_seed + r << ',' << e.round << ',' << all.metrics[m] << ','
                 << scope << ',' << healthai::number_text(value) << '\n';
          };
          for (const Scope scope : {Scope::pooled, Scope::mean_of_sites, Scope::worst_tenth}) {
            row(scope_names[static_cast<int>(scope)], value_of(e, all.metrics[m], m, scope));
          }
          for (std::size_t s = 0; s < e.sites[m].size(); ++s) {
            row("site:" + (s < all.sites.size() ? all.sites[s].str() : std::to_string(s + 1)), e.sites[m][s]);
          }
        }
      }
    }
  }
  if (!file.flush()) throw healthai::Error(healthai::error::file, path + ": cannot be written to the end");
}

/// A picture of each metric over rounds, and of the first over virtual time. \return their names
inline std::vector<std::string> write_plots(const std::string& folder, const Results& all) {
  std::filesystem::create_directories(folder);
  std::vector<std::string> written;
  const auto draw = [&](const std::string& name, std::size_t m, const char* x_label,
                        std::vector<double> Curve::*x) {
    healthai::LinePlot plot{
        .title = all.metrics[m] + " on all test rows", .x_label = x_label, .y_label = all.metrics[m]};
    for (const Result& contender : all.contenders) {
      Curve mean = curve(contender, m);
      const bool drawable = std::any_of(mean.values.begin(), mean.values.end(),
                                        [](double value) { return std::isfinite(value); });
      const bool timed = x != &Curve::virtual_seconds || !contender.baseline;
      if (drawable && timed) plot.add(contender.name, std::move(mean.*x), std::move(mean.values));
    }
    if (plot.series.empty()) return;
    written.push_back((std::filesystem::path(folder) / (name + "_" + all.metrics[m] + ".png")).string());
    plot.write(written.back());
  };
  for (std::size_t m = 0; m < all.metrics.size(); ++m) draw("convergence", m, "Round", &Curve::rounds);
  draw("time", 0, "Virtual seconds", &Curve::virtual_seconds);
  return written;
}

/// Prints the tables, and writes what --csv, --json and --plot ask for.
inline void publish(const Results& results, const Dataset& data, const Flags& flags,
                    healthai::RunManifest& manifest) {
  std::FILE* const out =
      flags.json == "-" ? stderr : stdout;  // with --json - the result alone goes to standard output
  describe(data, flags, out);
  print_table(results, out);
  print_sites(results, out);
  if (!flags.csv.empty()) write_csv(flags.csv, results, flags.first_seed);
  if (!flags.json.empty()) {
    nlohmann::ordered_json json = to_json(results, flags);
    json["manifest"] = manifest.json();
    const std::string text =
        json.dump(1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
    if (flags.json == "-") {
      std::cout << text;
    } else {
      open_for_writing(flags.json) << text;
    }
  }
  if (flags.plot.empty()) return;
  for (const std::string& path : write_plots(flags.plot, results))
    std::fprintf(out, "written: %s\n", path.c_str());
  manifest.write(flags.plot + "/manifest.json");
}

}  // namespace compare
