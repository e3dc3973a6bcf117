// What the pages show is what is built and run, and what they point to is there.
#include <doctest/doctest.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "folders.hpp"

namespace docs_pages_test {

namespace {

namespace fs = std::filesystem;
const fs::path root = source_folder();

std::string text_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path.string());
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<std::string> lines_of(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

std::string trimmed(const std::string& line) {
  const std::size_t begin = line.find_first_not_of(' ');
  return begin == std::string::npos ? "" : line.substr(begin, line.find_last_not_of(' ') - begin + 1);
}

/// `// [name]` or `// [/name]`: the begin or the end of a region.
bool is_marker(const std::string& line) {
  const std::string text = trimmed(line);
  return text.size() > 5 && text.substr(0, 4) == "// [" && text.back() == ']' &&
         text.find("](") == std::string::npos;
}

/// Without markers, blank lines at both ends and the indentation that all lines share.
std::string tidied(std::vector<std::string> lines) {
  lines.erase(std::remove_if(lines.begin(), lines.end(), is_marker), lines.end());
  while (!lines.empty() && trimmed(lines.back()).empty()) lines.pop_back();
  while (!lines.empty() && trimmed(lines.front()).empty()) lines.erase(lines.begin());
  std::size_t indentation = std::string::npos;
  for (const std::string& line : lines) indentation = (std::min)(indentation, line.find_first_not_of(' '));
  std::string text;
  for (const std::string& line : lines) {
    text += (trimmed(line).empty() ? "" : line.substr(indentation)) + "\n";
  }
  return text;
}

/// The region called `name` of a source; all of it without a name. \throws std::runtime_error
std::string snippet(const std::string& source, const std::string& name) {
  std::vector<std::string> lines = lines_of(source);
  if (name.empty()) return tidied(lines);
  const auto find = [&](const std::string& marker) {
    const auto is_it = [&marker](const std::string& line) { return trimmed(line) == marker; };
    if (std::count_if(lines.begin(), lines.end(), is_it) != 1)
      throw std::runtime_error("expected the line \"" + marker + "\" once");
    return std::find_if(lines.begin(), lines.end(), is_it);
  };
  const auto begin = find("// [" + name + "]");
  const auto end = find("// [/" + name + "]");
  if (end < begin) throw std::runtime_error("the region \"" + name + "\" ends before it begins");
  return tidied({begin + 1, end});
}

/// What is wrong with the code blocks of a page, and how many were compared.
struct Check {
  std::vector<std::string> problems{};
  std::size_t compared = 0;
};

Check check_page(const std::string& page, const std::string& text) {
  Check check;
  const std::vector<std::string> lines = lines_of(text);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (trimmed(lines[i]).substr(0, 3) != "```") continue;
    const std::string language = trimmed(lines[i]).substr(3);
    const std::string where = page + ", line " + std::to_string(i + 1);
    const std::string comment = i == 0 ? "" : lines[i - 1];
    std::vector<std::string> block;
    for (++i; i < lines.size() && trimmed(lines[i]) != "```"; ++i) block.push_back(lines[i]);
    if (language != "cpp") continue;
    const std::string_view opening = "<!-- snippet: ";
    if (comment.substr(0, opening.size()) != opening || comment.size() < opening.size() + 4) {
      check.problems.push_back(where +
                               ": a block of C++ needs the line <!-- snippet: FILE#REGION --> before it");
      continue;
    }
    const std::string source = comment.substr(opening.size(), comment.size() - opening.size() - 4);
    const std::size_t hash = (std::min)(source.find('#'), source.size());
    try {
      const std::string expected = snippet(text_of(root / source.substr(0, hash)),
                                           hash < source.size() ? source.substr(hash + 1) : std::string());
      if (expected != tidied(block))
        check.problems.push_back(where + ": differs from " + source + "; it should be\n" + expected);
    } catch (const std::runtime_error& e) {
      check.problems.push_back(where + ": " + source + ": " + e.what());
    }
    ++check.compared;
  }
  return check;
}

/// The targets of `[text](target)` outside code blocks, without web addresses.
std::vector<std::string> links(const std::string& text) {
  std::vector<std::string> targets;
  bool code = false;
  for (const std::string& line : lines_of(text)) {
    if (trimmed(line).substr(0, 3) == "```") code = !code;
    for (std::size_t at = 0; !code && (at = line.find("](", at)) != std::string::npos; at += 2) {
      const std::string target = line.substr(at + 2, line.find(')', at) - at - 2);
      if (target.find("://") == std::string::npos) targets.push_back(target);
    }
  }
  return targets;
}

/// What a page must have for `#anchor` to lead anywhere: the heading that GitHub gives that name.
bool has_heading(const std::string& text, const std::string& anchor) {
  for (const std::string& line : lines_of(text)) {
    if (line.empty() || line[0] != '#') continue;
    std::string name;
    for (const char c : trimmed(line.substr(line.find_first_not_of('#')))) {
      if (std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_') {
        name += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
      } else if (c == ' ') {
        name += '-';
      }
    }
    if (name == anchor) return true;
  }
  return false;
}

std::vector<fs::path> pages() {
  std::vector<fs::path> all{root / "README.md", root / "CONTRIBUTING.md", root / "examples/data/README.md"};
  for (const auto& entry : fs::directory_iterator(root / "docs")) {
    if (entry.path().extension() == ".md") all.push_back(entry.path());
  }
  std::sort(all.begin(), all.end());
  return all;
}

}  // namespace

TEST_CASE("every block of C++ is a region of a file that is built and run") {
  std::size_t compared = 0;
  for (const fs::path& page : pages()) {
    const Check check = check_page(fs::relative(page, root).string(), text_of(page));
    for (const std::string& problem : check.problems) FAIL_CHECK(problem);
    compared += check.compared;
  }
  CHECK(compared >= 15);  // fewer would mean that this test does not see what it should
}

TEST_CASE("a block that is changed, unnamed or of nowhere is found") {
  const std::string source = "tests/docs/writing_a_client.cpp#smallest";
  const std::string good = snippet(text_of(root / "tests/docs/writing_a_client.cpp"), "smallest");
  const auto page = [](const std::string& comment, const std::string& code) {
    return "text\n" + comment + "\n```cpp\n" + code + "```\n";
  };
  const auto problems = [](const std::string& text) { return check_page("page", text).problems.size(); };
  CHECK(problems(page("<!-- snippet: " + source + " -->", good)) == 0);
  CHECK(problems(page("<!-- snippet: " + source + " -->", good + "int extra;\n")) == 1);
  CHECK(problems(page("<!-- snippet: " + source + "er -->", good)) == 1);
  CHECK(problems(page("<!-- snippet: no/such/file.cpp -->", good)) == 1);
  CHECK(problems(page("Like this:", good)) == 1);
  CHECK(snippet("  // [a]\n    x\n\n      y\n  // [/a]\n", "a") == "x\n\n  y\n");
  CHECK_THROWS(snippet("// [/a]\n// [a]\n", "a"));
  CHECK_THROWS(snippet("// [a]\n", "a"));
}

TEST_CASE("links lead somewhere") {
  std::size_t count = 0;
  for (const fs::path& page : pages()) {
    const std::string text = text_of(page);
    for (const std::string& link : links(text)) {
      CAPTURE(page.string());
      CAPTURE(link);
      ++count;
      const std::size_t hash = (std::min)(link.find('#'), link.size());
      const fs::path target = hash == 0 ? page : page.parent_path() / link.substr(0, hash);
      CHECK(fs::exists(target));
      if (hash < link.size() && fs::exists(target))
        CHECK(has_heading(text_of(target), link.substr(hash + 1)));
    }
  }
  CHECK(count >= 20);
}

TEST_CASE("the page of errors has every id of the catalogue and no other") {
  std::vector<std::string> ids;
  const std::string catalogue = text_of(root / "include/healthai/core/error.hpp");
  const std::string entry = "inline constexpr ErrorId ";
  for (std::size_t at = catalogue.find(entry); at != std::string::npos; at = catalogue.find(entry, at + 1)) {
    const std::size_t begin = catalogue.find('"', at) + 1;  // which may be on the next line
    ids.push_back(catalogue.substr(begin, catalogue.find('"', begin) - begin));
  }
  CHECK(ids.size() >= 20);
  std::vector<std::string> rows;
  for (const std::string& line : lines_of(text_of(root / "docs/errors.md"))) {
    if (line.substr(0, 3) == "| `") rows.push_back(line.substr(3, line.find('`', 3) - 3));
  }
  std::sort(ids.begin(), ids.end());
  std::sort(rows.begin(), rows.end());
  CHECK(ids == rows);
}

}  // namespace docs_pages_test
