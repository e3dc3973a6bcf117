// What docs/deploying.md says about messages is what the code says.
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "folders.hpp"

namespace docs_deploying_test {

namespace {

namespace fs = std::filesystem;
const fs::path root = source_folder();

std::string text_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// The sources, with texts that are broken over lines put together again.
std::string sources() {
  std::string all;
  for (const char* folder :
       {"include/healthai/transport/socket", "include/healthai/client/node", "include/healthai/serialization",
        "examples/coordinator", "examples/hospital_node", "examples/over_network", "examples"}) {
    const bool examples = std::string(folder) == "examples";
    std::vector<fs::path> files;
    if (examples) {
      for (const auto& entry : fs::directory_iterator(root / folder)) files.push_back(entry.path());
    } else {
      for (const auto& entry : fs::recursive_directory_iterator(root / folder)) files.push_back(entry.path());
    }
    for (const fs::path& file : files) {
      if (file.extension() != ".hpp" && file.extension() != ".cpp") continue;
      const std::string text = text_of(file);
      for (std::size_t at = 0; at < text.size(); ++at) {
        if (text[at] == '"' && at > 0 && text[at - 1] != '\\') {
          const std::size_t next = text.find_first_not_of(" \n", at + 1);
          if (next != std::string::npos && text[next] == '"' && next > at + 1) {
            at = next;
            continue;
          }
        }
        if (text[at] == '\\' && at + 1 < text.size() && text[at + 1] == '"') ++at;
        all += text[at];
      }
    }
  }
  return all;
}

}  // namespace

TEST_CASE("every message that the page explains is one of the code") {
  const std::string all = sources();
  const std::string page = text_of(root / "docs/deploying.md");
  std::size_t rows = 0;
  for (const std::string who : {"\n| node: `", "\n| coordinator: `", "\n| either: `"}) {
    for (std::size_t at = 0; (at = page.find(who, at)) != std::string::npos;) {
      at += who.size();
      std::string message = page.substr(at, page.find('`', at) - at);
      // Parts that vary are …, which is three bytes; and what the system adds is not ours.
      if (const std::size_t system = message.find("Connection refused"); system != std::string::npos)
        message.resize(system);
      const std::string gap = "…";
      for (std::size_t begin = 0; begin < message.size();) {
        const std::size_t end = message.find(gap, begin);
        const std::string part = message.substr(begin, end == std::string::npos ? end : end - begin);
        CAPTURE(part);
        if (part.find_first_not_of(" :,;\"") != std::string::npos) CHECK(all.find(part) != std::string::npos);
        if (end == std::string::npos) break;
        begin = end + gap.size();
      }
      ++rows;
    }
  }
  CHECK(rows >= 25);
}

}  // namespace docs_deploying_test
