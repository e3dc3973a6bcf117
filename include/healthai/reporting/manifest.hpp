#pragma once

#include <boost/version.hpp>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <Eigen/Core>

#if __has_include(<xtensor/core/xtensor_config.hpp>)
#include <xtensor/core/xtensor_config.hpp>
#else
#include <xtensor/xtensor_config.hpp>
#endif

#include "healthai/core/error.hpp"
#include "healthai/reporting/detail/log_file.hpp"
#include "healthai/reporting/detail/text.hpp"
#include "healthai/version.hpp"

namespace healthai {

namespace detail {

/// The value of the first line "key<separator>value" of a small text file, unquoted, or "" when there is none.
[[nodiscard]] inline std::string value_in_file(const char* path, std::string_view key, char separator) {
  struct Close {
    void operator()(std::FILE* file) const noexcept { std::fclose(file); }
  };
  const std::unique_ptr<std::FILE, Close> file(std::fopen(path, "r"));
  if (!file) return {};
  char line[512];
  while (std::fgets(line, sizeof line, file.get()) != nullptr) {
    const std::string_view text(line);
    const std::size_t at = text.find(separator);
    if (!text.starts_with(key) || at == std::string_view::npos) continue;
    if (text.substr(key.size(), at - key.size()).find_first_not_of(" \t") != std::string_view::npos) continue;
    const std::string_view value = text.substr(at + 1);
    const std::size_t first = value.find_first_not_of(" \t\"\n");
    const std::size_t last = value.find_last_not_of(" \t\"\n");
    return first == std::string_view::npos ? std::string()
                                           : std::string(value.substr(first, last - first + 1));
  }
  return {};
}

[[nodiscard]] inline std::string processor_model() {
  for (const char* key : {"model name", "Model", "cpu", "uarch"}) {  // x86; ARM boards; POWER; RISC-V
    if (std::string model = value_in_file("/proc/cpuinfo", key, ':'); !model.empty()) return model;
  }
  const char* windows = std::getenv("PROCESSOR_IDENTIFIER");
  return windows != nullptr ? windows : "unknown";
}

[[nodiscard]] inline std::string processor_architecture() {
#if defined(__x86_64__) || defined(_M_X64)
  return "x86_64";
#elif defined(__aarch64__) || defined(_M_ARM64)
  return "aarch64";
#elif defined(__powerpc64__)
  return "ppc64";
#elif defined(__riscv)
  return "riscv";
#else
  return "other";
#endif
}

[[nodiscard]] inline std::string operating_system() {
#if defined(_WIN32)
  return "Windows";
#elif defined(__APPLE__)
  return "macOS";
#else
  std::string name = value_in_file("/etc/os-release", "PRETTY_NAME", '=');
  return name.empty() ? "unknown" : name;
#endif
}

[[nodiscard]] inline std::string compiler_name() {
#if defined(__clang__)
  return std::string("Clang ") + __clang_version__;
#elif defined(__GNUC__)
  return std::string("GCC ") + __VERSION__;
#elif defined(_MSC_VER)
  return "MSVC " + std::to_string(_MSC_VER);
#else
  return "unknown";
#endif
}

/// "2024-03-31T23:59:59Z" (ISO 8601, UTC).
[[nodiscard]] inline std::string utc_text(std::chrono::system_clock::time_point moment) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(moment);
  const auto day = std::chrono::floor<std::chrono::days>(seconds);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss time(seconds - day);
  char text[64];
  std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02dZ", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                static_cast<int>(time.hours().count()), static_cast<int>(time.minutes().count()),
                static_cast<int>(time.seconds().count()));
  return text;
}

}  // namespace detail

/// What one must know to run a program again and to judge whether the answer should be the same: its flags, its seed,
/// the versions that it was built with and the kind of machine. Make one at the start of `main`, write it at the end:
///
///     RunManifest manifest{argc, argv, seed};
///     manifest.set("data_rows", table.rows());
///     ...
///     manifest.write("results/manifest.json");
///
/// It names no host, user or folder, save what the command line itself contains: give secrets in files, never as
/// flags. "Same bits" is promised for the same binary on the same type of processor, which is why the model is here.
/// Not thread-safe.
class RunManifest {
 public:
  /// Notes the command line and starts the clock.
  RunManifest(int argc, const char* const* argv, std::uint64_t seed) : seed_(seed) {
    if (argc > 0) program_ = std::filesystem::path(argv[0]).filename().string();
    for (int i = 1; i < argc; ++i) flags_.emplace_back(argv[i]);
  }

  /// Adds something of the program's own under "program_values", or replaces it.
  void set(const std::string& name, nlohmann::ordered_json value) { values_[name] = std::move(value); }

  /// The manifest now: "seconds" is the time since this object was made.
  [[nodiscard]] nlohmann::ordered_json json() const {
    const auto version = [](int major, int minor, int patch) {
      return std::to_string(major) + "." + std::to_string(minor) + "." + std::to_string(patch);
    };
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - clock_;
    nlohmann::ordered_json result{
        {"program", program_},
        {"flags", flags_},
        {"seed", seed_},
        {"started", detail::utc_text(started_)},
        {"seconds", elapsed.count()},
        {"versions",
         {{"healthai", HEALTHAI_VERSION_STRING},
          {"compiler", detail::compiler_name()},
          {"cplusplus", __cplusplus},
          {"eigen", version(EIGEN_WORLD_VERSION, EIGEN_MAJOR_VERSION, EIGEN_MINOR_VERSION)},
          {"xtensor", version(XTENSOR_VERSION_MAJOR, XTENSOR_VERSION_MINOR, XTENSOR_VERSION_PATCH)},
          {"boost", version(BOOST_VERSION / 100000, BOOST_VERSION / 100 % 1000, BOOST_VERSION % 100)},
          {"nlohmann_json",
           version(NLOHMANN_JSON_VERSION_MAJOR, NLOHMANN_JSON_VERSION_MINOR, NLOHMANN_JSON_VERSION_PATCH)}}},
        {"machine",
         {{"processor", detail::processor_model()},
          {"architecture", detail::processor_architecture()},
          {"cores", std::thread::hardware_concurrency()},
          {"system", detail::operating_system()}}}};
#ifdef NDEBUG
    result["versions"]["assertions"] = false;
#else
    result["versions"]["assertions"] = true;
#endif
    if (!values_.empty()) result["program_values"] = values_;
    return result;
  }

  /// Writes `json()`, indented, making the file's folder. An earlier manifest of that name is replaced, all or
  /// nothing. Bytes of the command line that are not UTF-8 are replaced. \throws Error (`file`).
  void write(const std::string& path) const {
    std::error_code problem;  // a folder that cannot be made is reported by the write
    std::filesystem::create_directories(std::filesystem::path(path).parent_path(), problem);
    detail::LogFile(path).replace(
        json().dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n");
  }

 private:
  std::string program_{};
  std::vector<std::string> flags_{};
  std::uint64_t seed_ = 0;
  std::chrono::system_clock::time_point started_ = std::chrono::system_clock::now();
  std::chrono::steady_clock::time_point clock_ = std::chrono::steady_clock::now();
  nlohmann::ordered_json values_ = nlohmann::ordered_json::object();
};

}  // namespace healthai
