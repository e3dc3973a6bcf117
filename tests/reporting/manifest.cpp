#include "healthai/reporting/manifest.hpp"

#include <doctest/doctest.h>
#include <array>
#include <chrono>
#include <string>
#include <thread>

#include "scratch_folder.hpp"

namespace reporting_manifest_test {

using namespace healthai;

TEST_CASE("a manifest says what was run, with what, on what") {
  const std::array<const char*, 4> arguments{"/opt/bin/lung_survival", "--covariates", "age, sex", "-\xff"};
  RunManifest manifest(4, arguments.data(), 18446744073709551615U);
  manifest.set("rows", 228);
  manifest.set("rows", 227);
  std::this_thread::sleep_for(std::chrono::milliseconds(10));
  const auto json = manifest.json();
  CHECK(json["program"] == "lung_survival");
  CHECK(json["flags"].size() == 3);
  CHECK(json["flags"][1] == "age, sex");
  CHECK(json["seed"] == 18446744073709551615U);
  CHECK(json["seconds"].get<double>() >= 0.01);
  CHECK(json["seconds"].get<double>() < 60);
  CHECK(json["versions"]["healthai"] == HEALTHAI_VERSION_STRING);
  for (const char* name : {"eigen", "xtensor", "boost", "nlohmann_json"}) {
    const std::string version = json["versions"][name].get<std::string>();
    CHECK(std::count(version.begin(), version.end(), '.') == 2);
    CHECK(version.find_first_not_of("0123456789.") == std::string::npos);
  }
  CHECK(json["versions"]["boost"] == std::to_string(BOOST_VERSION / 100000) + "." +
                                         std::to_string(BOOST_VERSION / 100 % 1000) + "." +
                                         std::to_string(BOOST_VERSION % 100));
  CHECK(json["versions"]["compiler"].get<std::string>().find("C") != std::string::npos);
  CHECK(json["machine"]["cores"].get<unsigned>() == std::thread::hardware_concurrency());
  CHECK_FALSE(json["machine"]["processor"].get<std::string>().empty());
  CHECK_FALSE(json["machine"]["system"].get<std::string>().empty());
  CHECK(json["program_values"]["rows"] == 227);
  const std::string started = json["started"].get<std::string>();
  CHECK(started.size() == 20);
  CHECK(started.substr(0, 2) == "20");
}

TEST_CASE("it is written whole, into a folder that is made for it") {
  const ScratchFolder folder;
  const char* argument = "program";
  RunManifest manifest(1, &argument, 1);
  manifest.write(folder.path("results/manifest.json"));
  const auto json = nlohmann::json::parse(folder.read("results/manifest.json"));
  CHECK(json["program"] == "program");
  CHECK(json["flags"].empty());
  CHECK_FALSE(json.contains("program_values"));
  folder.write("file", "");
  CHECK_THROWS_WITH_AS(manifest.write(folder.path("file/manifest.json")),
                       doctest::Contains("file/manifest.json"), Error);
}

TEST_CASE("a time is written as ISO 8601 in UTC") {
  using std::chrono::seconds;
  const auto text = [](long long since_1970) {
    return detail::utc_text(std::chrono::system_clock::time_point(seconds(since_1970)));
  };
  CHECK(text(0) == "1970-01-01T00:00:00Z");
  CHECK(text(951782400) == "2000-02-29T00:00:00Z");   // date -u -d @951782400
  CHECK(text(1711929599) == "2024-03-31T23:59:59Z");  // date -u -d @1711929599
  CHECK(text(-1) == "1969-12-31T23:59:59Z");
}

TEST_CASE("values are found in the system's small text files") {
  const ScratchFolder folder;
  folder.write("cpuinfo",
               "processor\t: 0\nmodel\t\t: 1\nmodel name\t: A: fast one\nmodel name\t: second\nempty :\n");
  folder.write("os", "NAME=x\nPRETTY_NAME=\"Debian 12\"\n");
  CHECK(detail::value_in_file(folder.path("cpuinfo").c_str(), "model name", ':') == "A: fast one");
  CHECK(detail::value_in_file(folder.path("cpuinfo").c_str(), "model", ':') == "1");
  CHECK(detail::value_in_file(folder.path("cpuinfo").c_str(), "empty", ':').empty());
  CHECK(detail::value_in_file(folder.path("cpuinfo").c_str(), "absent", ':').empty());
  CHECK(detail::value_in_file(folder.path("os").c_str(), "PRETTY_NAME", '=') == "Debian 12");
  CHECK(detail::value_in_file(folder.path("absent").c_str(), "x", '=').empty());
}

}  // namespace reporting_manifest_test
